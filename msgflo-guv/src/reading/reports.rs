//! What participants told of their work, and what follows from it for a queue.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use msgflo::statistics::{Durations, InportStatistics, Statistics};
use msgflo::transport::Edge;

use super::depth::{Depth, Workers};
use super::recent::Recent;

/// Who was not heard of for so many of its heartbeats, is gone.
const MISSED: f64 = 2.5;
/// A heartbeat longer than this is not waited for.
const LONGEST_HEARTBEAT: f64 = 600.0;
/// Who was not heard of for this long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// So often is looked for them.
const CLEARING: Duration = Duration::from_secs(60);
/// So many participants and queues are kept apart; others are passed over.
const MOST: usize = if cfg!(test) { 500 } else { 10_000 };

/// What participants told of their work. It is told of every message, together with the time, and asks
/// nobody.
pub struct Reports {
    /// Since when it is told.
    since: Instant,
    /// When was looked for those who are to be forgotten.
    cleared: Instant,
    participants: HashMap<String, Known>,
    queues: HashMap<String, Queue>,
    edges: BTreeSet<(String, String)>,
}

struct Known {
    /// What it told last.
    statistics: Statistics,
    heard: Instant,
    /// How many it finished in how many seconds, by inport's queue and when that was told.
    rates: Vec<(String, Instant, u64, f64)>,
}

#[derive(Default)]
struct Queue {
    recent: Recent,
    depth: Depth,
    /// Since `Reports::since`.
    sent: u64,
    received: u64,
    finished: u64,
    rejected: u64,
}

/// What is known of a queue from those who work on it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Work {
    /// How many workers receive from it. Those that were not heard of in time do not count.
    pub workers: u64,
    /// How many participants send to it.
    pub senders: u64,
    /// How many messages the workers process at once, at most.
    pub capacity: u64,
    /// How many they are processing.
    pub in_flight: u64,
    /// How many were sent to it since it is listened to.
    pub sent: u64,
    /// How many workers have received since it is listened to.
    pub received: u64,
    /// How many they have finished since it is listened to.
    pub finished: u64,
    /// Of these, those that were rejected.
    pub rejected: u64,
    /// How many they finish in a second, lately.
    pub rate: f64,
    /// How long messages took lately.
    pub processing: Durations,
    /// How many wait, as far as senders and workers tell.
    pub waiting: u64,
}

/// An inport that somebody has told of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Inport {
    /// The role of its participant.
    pub role: String,
    /// Its name.
    pub port: String,
    /// Its queue.
    pub queue: String,
}

impl Known {
    fn is_alive(&self, now: Instant) -> bool {
        let heartbeat = self.statistics.heartbeat.clamp(1.0, LONGEST_HEARTBEAT);
        let silent = now.duration_since(self.heard).as_secs_f64();
        !self.statistics.last && silent <= MISSED * heartbeat
    }

    fn inports(&self, queue: &str) -> impl Iterator<Item = &InportStatistics> {
        self.statistics.inports.iter().filter(move |port| port.queue == queue)
    }
}

impl Reports {
    /// Nobody has told anything yet.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            cleared: now,
            participants: HashMap::new(),
            queues: HashMap::new(),
            edges: BTreeSet::new(),
        }
    }

    /// Takes note of a message.
    pub fn hear(&mut self, statistics: Statistics, now: Instant) {
        if now.duration_since(self.cleared) > CLEARING {
            self.participants.retain(|_, known| now.duration_since(known.heard) < FORGOTTEN);
            self.cleared = now;
        }
        let before = self.participants.remove(&statistics.id);
        if before.is_none() && self.participants.len() >= MOST {
            return;
        }
        // Who was there before us, has totals that we have not seen grow.
        let is_seen =
            before.is_some() || statistics.uptime <= now.duration_since(self.since).as_secs_f64();
        let mut touched = BTreeSet::new();
        for port in &statistics.inports {
            let same = |before: &Known| {
                before.inports(&port.queue).find(|before| before.id == port.id).cloned()
            };
            let before = before.as_ref().and_then(same).unwrap_or_default();
            let Some(queue) = self.queue(&port.queue) else { continue };
            touched.insert(port.queue.clone());
            let settled = growth(before.settled(), port.settled());
            queue.depth.settled(settled);
            queue.recent.add(&port.processing, now);
            if is_seen {
                queue.finished = queue.finished.saturating_add(settled);
                let received = growth(before.received, port.received);
                queue.received = queue.received.saturating_add(received);
                let rejected = growth(before.rejected, port.rejected);
                queue.rejected = queue.rejected.saturating_add(rejected);
            }
        }
        for port in &statistics.outports {
            let same = |before: &Known| {
                let mut ports = before.statistics.outports.iter();
                let same = ports.find(|it| it.queue == port.queue && it.id == port.id);
                same.map(|before| before.sent)
            };
            let more = growth(before.as_ref().and_then(same).unwrap_or_default(), port.sent);
            for target in self.targets(&port.queue) {
                let Some(queue) = self.queue(&target) else { continue };
                queue.depth.sent(more, now);
                if is_seen {
                    queue.sent = queue.sent.saturating_add(more);
                }
                touched.insert(target);
            }
        }
        let mut rates = before.map(|before| before.rates).unwrap_or_default();
        rates.retain(|(_, told, ..)| now.duration_since(*told) < FORGOTTEN);
        let fresh = statistics.inports.iter();
        rates.extend(
            fresh.map(|port| {
                (port.queue.clone(), now, port.processing.count(), statistics.interval)
            }),
        );
        let excess = rates.len().saturating_sub(MOST);
        rates.drain(..excess);
        let id = statistics.id.clone();
        self.participants.insert(id, Known { statistics, heard: now, rates });
        for queue in touched {
            self.correct(&queue, now);
        }
    }

    /// Takes note of which edges there are.
    pub fn set_edges(&mut self, edges: impl IntoIterator<Item = Edge>, now: Instant) {
        let edges = edges.into_iter().map(|edge| (edge.source, edge.target)).collect();
        let before = std::mem::replace(&mut self.edges, edges);
        let new: Vec<_> = self.edges.difference(&before).cloned().collect();
        for (source, target) in new {
            let known = self.participants.values().flat_map(|known| &known.statistics.outports);
            let sent = known.filter(|port| port.queue == source).map(|port| port.sent);
            let sent = sent.fold(0, u64::saturating_add);
            if let Some(queue) = self.queue(&target)
                && source != target
            {
                queue.depth.sent(sent, now);
            }
        }
    }

    /// What is known of a queue, with processing times of the last `window`; `None` if nobody who
    /// sends to it or receives from it is there and tells.
    pub fn work(&self, queue: &str, window: Duration, now: Instant) -> Option<Work> {
        let mut work = Work::default();
        let sources = self.sources(queue);
        for known in self.participants.values().filter(|known| known.is_alive(now)) {
            let mut outports = known.statistics.outports.iter();
            work.senders += u64::from(outports.any(|port| sources.contains(&*port.queue)));
            work.workers += u64::from(known.inports(queue).next().is_some());
            for port in known.inports(queue) {
                work.capacity = work.capacity.saturating_add(port.concurrency);
                work.in_flight = work.in_flight.saturating_add(port.in_flight);
            }
            let lately = known.rates.iter();
            let lately =
                lately.filter(|(at, told, ..)| at == queue && now.duration_since(*told) <= window);
            let (count, seconds) = lately
                .fold((0.0, 0.0), |(count, seconds), (_, _, more, longer)| {
                    (count + *more as f64, seconds + longer)
                });
            work.rate += if seconds > 0.0 { count / seconds } else { 0.0 };
        }
        if work.workers == 0 && work.senders == 0 {
            return None;
        }
        if let Some(queue) = self.queues.get(queue) {
            work.sent = queue.sent;
            work.received = queue.received;
            work.finished = queue.finished;
            work.rejected = queue.rejected;
            work.processing = queue.recent.within(window, now);
            work.waiting = queue.depth.waiting(work.in_flight);
        }
        Some(work)
    }

    /// All inports of those that are there, once for each role.
    pub fn inports(&self, now: Instant) -> Vec<Inport> {
        let alive = self.participants.values().filter(|known| known.is_alive(now));
        let inports = alive.flat_map(|Known { statistics, .. }| {
            statistics.inports.iter().map(|port| Inport {
                role: statistics.role.clone(),
                port: port.id.clone(),
                queue: port.queue.clone(),
            })
        });
        inports.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn queue(&mut self, name: &str) -> Option<&mut Queue> {
        if !self.queues.contains_key(name) {
            if self.queues.len() >= MOST {
                return None;
            }
            self.queues.insert(name.to_owned(), Queue::default());
        }
        self.queues.get_mut(name)
    }

    /// Where messages come that are sent on an outport of this queue.
    fn targets(&self, source: &str) -> BTreeSet<String> {
        let bound = self.edges.iter().filter(|(from, _)| from == source).map(|(_, to)| to.clone());
        bound.chain([source.to_owned()]).collect()
    }

    fn sources<'a>(&'a self, target: &'a str) -> BTreeSet<&'a str> {
        let bound = self.edges.iter().filter(|(_, to)| to == target).map(|(from, _)| &**from);
        bound.chain([target]).collect()
    }

    fn correct(&mut self, queue: &str, now: Instant) {
        let sources = self.sources(queue);
        let mut senders: Option<Instant> = None;
        let mut workers: Option<Workers> = None;
        for known in self.participants.values().filter(|known| known.is_alive(now)) {
            let heard = known.heard;
            if known.statistics.outports.iter().any(|port| sources.contains(&*port.queue)) {
                senders = Some(senders.map_or(heard, |first| first.min(heard)));
            }
            for port in known.inports(queue) {
                let all = workers.get_or_insert(Workers { heard, in_flight: 0, free: true });
                all.heard = all.heard.min(heard);
                all.in_flight = all.in_flight.saturating_add(port.in_flight);
                all.free &= port.in_flight < port.concurrency;
            }
        }
        if let (Some(workers), Some(queue)) = (workers, self.queues.get_mut(queue)) {
            queue.depth.correct(&workers, senders, now);
        }
    }
}

/// A total that is less than before has begun again.
fn growth(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

#[cfg(test)]
mod tests;
