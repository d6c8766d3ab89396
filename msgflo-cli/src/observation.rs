//! The network as it is seen: who has announced itself, what is bound, and what waits in queues.
//!
//! [`Observation`] is told of everything, together with the time, and asks nobody; [`Listen`] and
//! [`ask`] find out.

mod broker;
mod role;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use msgflo::Definition;
use msgflo::network::DEFAULT_DISCOVERY_PERIOD;
use msgflo::transport::{Edge, QueueStatistics};

pub use broker::{Answers, Listen, ask};
pub use role::Role;

/// A participant that is not heard of for this long is late.
pub const LATE: Duration = DEFAULT_DISCOVERY_PERIOD;
/// A participant that is not heard of for this long is gone.
const GONE: Duration = Duration::from_secs(600);

/// What is known of a network.
#[derive(Default)]
pub struct Observation {
    participants: BTreeMap<String, Participant>,
    bindings: Bindings,
    readings: HashMap<String, Reading>,
}

/// One that has announced itself.
pub struct Participant {
    /// What it announced last.
    pub definition: Definition,
    /// When that was.
    pub heard: Instant,
    late: bool,
}

impl Participant {
    /// Whether it was not heard of for so long that it may have ended.
    pub fn is_late(&self, now: Instant) -> bool {
        now.duration_since(self.heard) > LATE
    }
}

/// Which edges there are.
#[derive(Default)]
pub enum Bindings {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// These.
    Known(Vec<Edge>),
    /// The broker does not tell, for this reason.
    Unknown(String),
}

/// What waits in an inport's queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What the broker told.
    pub statistics: QueueStatistics,
    /// How many more wait with every second; known from the second reading on.
    pub growth: Option<f64>,
    /// Rejected messages, where the broker tells.
    pub dead_letters: Option<u64>,
    at: Instant,
}

/// Something that happened.
#[derive(Debug, PartialEq)]
pub enum Change {
    /// It announced itself for the first time, or again after it was gone.
    Joined { id: String, role: String },
    /// It announces something else than before.
    Redefined { id: String, role: String },
    /// It is heard of again after it was late.
    Returned { id: String, role: String },
    /// It may have ended.
    Late { id: String, role: String },
    /// It counts as gone.
    Gone { id: String, role: String },
    /// Somebody has begun or ceased to receive from a queue.
    Consumers { queue: String, before: u64, now: u64 },
}

impl Observation {
    /// Takes note of an announcement.
    pub fn hear(&mut self, definition: Definition, now: Instant) -> Option<Change> {
        let (id, role) = (definition.id.clone(), definition.role.clone());
        let heard = Participant { definition, heard: now, late: false };
        match self.participants.insert(id.clone(), heard) {
            None => Some(Change::Joined { id, role }),
            Some(before) if before.definition != self.participants[&id].definition => {
                Some(Change::Redefined { id, role })
            }
            Some(before) if before.late => Some(Change::Returned { id, role }),
            Some(_) => None,
        }
    }

    /// Finds out who is late or gone by now.
    pub fn look_at_clock(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        self.participants.retain(|id, participant| {
            let role = participant.definition.role.clone();
            if now.duration_since(participant.heard) > GONE {
                changes.push(Change::Gone { id: id.clone(), role });
                return false;
            }
            if participant.is_late(now) && !participant.late {
                participant.late = true;
                changes.push(Change::Late { id: id.clone(), role });
            }
            true
        });
        changes
    }

    /// Takes note of what the broker told.
    pub fn take(&mut self, answers: Answers, now: Instant) -> Vec<Change> {
        self.bindings = answers.bindings;
        let before = std::mem::take(&mut self.readings);
        let mut changes = Vec::new();
        for (queue, statistics, dead_letters) in answers.queues {
            let before = before.get(&queue);
            let growth = before.map(|before| {
                let more = statistics.waiting as f64 - before.statistics.waiting as f64;
                more / now.duration_since(before.at).as_secs_f64().max(0.001)
            });
            if let Some(before) = before.map(|before| before.statistics.consumers)
                && before != statistics.consumers
            {
                let (queue, now) = (queue.clone(), statistics.consumers);
                changes.push(Change::Consumers { queue, before, now });
            }
            self.readings.insert(queue, Reading { statistics, growth, dead_letters, at: now });
        }
        changes
    }

    /// The queues of all inports, once each.
    pub fn inport_queues(&self) -> Vec<String> {
        let inports = self.participants.values().flat_map(|seen| &seen.definition.inports);
        let queues: BTreeSet<_> = inports.filter_map(|port| port.queue.clone()).collect();
        queues.into_iter().filter(|queue| !queue.is_empty()).collect()
    }

    /// What waits in an inport's queue, if the broker has told.
    pub fn reading(&self, queue: &str) -> Option<&Reading> {
        self.readings.get(queue)
    }

    /// Whether the broker has told anything of any queue.
    pub fn has_readings(&self) -> bool {
        !self.readings.is_empty()
    }

    /// How many participants there are.
    pub fn len(&self) -> usize {
        self.participants.len()
    }

    /// The roles in order of their names; one for each component of that role.
    pub fn roles(&self) -> Vec<Role<'_>> {
        let mut roles = BTreeMap::<_, Vec<_>>::new();
        for participant in self.participants.values() {
            let Definition { role, component, .. } = &participant.definition;
            roles.entry((role, component)).or_default().push(participant);
        }
        roles.into_values().filter_map(Role::new).collect()
    }

    /// All edges, or why they are not known: those that the broker has, and from outports to
    /// inports that have the same queue.
    pub fn edges(&self) -> Result<Vec<Edge>, &str> {
        let bound = match &self.bindings {
            Bindings::Known(edges) => edges.as_slice(),
            Bindings::Unasked => &[],
            Bindings::Unknown(reason) => return Err(reason),
        };
        let inports: BTreeSet<_> = self.inport_queues().into_iter().collect();
        let outports = self.participants.values().flat_map(|seen| &seen.definition.outports);
        let outports: BTreeSet<_> = outports.filter_map(|port| port.queue.clone()).collect();
        let shared = inports.intersection(&outports);
        let shared = shared.map(|queue| Edge { source: queue.clone(), target: queue.clone() });
        let bound = bound.iter().filter(|edge| edge.source != edge.target).cloned();
        let mut edges: Vec<Edge> = bound.chain(shared).collect();
        edges.sort_by(|a, b| (&a.source, &a.target).cmp(&(&b.source, &b.target)));
        Ok(edges)
    }

    /// The outports that an edge comes from, as role and port.
    pub fn sources(&self, edge: &Edge) -> Vec<(&str, &str)> {
        self.ports_of(&edge.source, |definition| &definition.outports)
    }

    /// The inports that an edge leads to, as role and port.
    pub fn targets(&self, edge: &Edge) -> Vec<(&str, &str)> {
        self.ports_of(&edge.target, |definition| &definition.inports)
    }

    fn ports_of(
        &self,
        queue: &str,
        ports: fn(&Definition) -> &Vec<msgflo::PortDefinition>,
    ) -> Vec<(&str, &str)> {
        let mut found = BTreeSet::new();
        for Participant { definition, .. } in self.participants.values() {
            let ports = ports(definition).iter();
            let ports = ports.filter(|port| port.queue.as_deref() == Some(queue));
            found.extend(ports.map(|port| (definition.role.as_str(), port.id.as_str())));
        }
        found.into_iter().collect()
    }

    /// An edge as .fbp text has it, or with a queue's name where nobody announced a port for it.
    pub fn describe(&self, edge: &Edge) -> String {
        let sources = self.sources(edge);
        let sources: Vec<_> = sources.iter().map(|(role, port)| format!("{role} {port}")).collect();
        let targets = self.targets(edge);
        let targets: Vec<_> = targets.iter().map(|(role, port)| format!("{port} {role}")).collect();
        let or_queue = |ends: Vec<String>, queue: &str| match ends.is_empty() {
            true => format!("`{queue}`"),
            false => ends.join(", "),
        };
        format!("{} -> {}", or_queue(sources, &edge.source), or_queue(targets, &edge.target))
    }
}

#[cfg(test)]
pub mod tests;
