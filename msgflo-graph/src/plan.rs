//! What is to be set up for a graph: which queues are connected, which roles are started.

mod announced;
mod check;

use std::collections::HashSet;
use std::fmt;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

pub use announced::Announced;
use announced::NoPort;

use crate::error::did_you_mean;
use crate::graph::LooseEnds;
use crate::nearest::nearest;
use crate::{Connection, Endpoint, Export, Graph, Source};

/// The component of a node that shares messages between the workers of one role.
pub const ROUND_ROBIN: &str = "msgflo/RoundRobin";

/// The component of a node that hands each message to all that it leads to.
pub const PUB_SUB: &str = "msgflo/PubSub";

/// What is to be set up for a graph.
///
/// ```
/// use msgflo_graph::{Announced, Graph, Plan, PlanOptions};
///
/// let graph = Graph::from_fbp("
/// web(imageresize/HttpApi) RESIZE -> IN jobs(msgflo/RoundRobin) OUT -> JOB resize(Resize)
/// jobs DEADLETTER -> IN failed(Collect)
/// resize OUT -> RESULT web
/// 8081 -> PORT web
/// ")?;
/// let (plan, problems) = Plan::new(&graph, &Announced::default(), &PlanOptions::default());
/// assert_eq!(plan.roles.len(), 3);
/// assert_eq!(plan.edges[0].to_string(), "resize.OUT -> web.RESULT");
/// assert_eq!(plan.round_robins[0].to_string(), "web.RESIZE -> resize.JOB, failed: failed.IN");
/// assert_eq!(plan.initial_values[0].port, "port");
/// assert!(problems.iter().all(|problem| problem.severity < msgflo_graph::Severity::Error));
/// # Ok::<(), msgflo_graph::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// What is to be started, in order.
    pub roles: Vec<Role>,
    /// Which outports lead to which inports, each once.
    pub edges: Vec<Edge>,
    /// Edges whose failed messages go to a port.
    pub round_robins: Vec<RoundRobin>,
    /// Values for inports at start.
    pub initial_values: Vec<InitialValue>,
    /// The inports of the network as a whole.
    pub inports: IndexMap<String, End>,
    /// The outports of the network as a whole.
    pub outports: IndexMap<String, End>,
    /// Roles whose queues are guessed by the convention, as they are not announced.
    pub unannounced: Vec<String>,
}

/// Which of the roles are started: all of them by default.
///
/// Edges are made for all roles in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Only these, in this order.
    pub only: Option<Vec<String>>,
    /// All but these.
    pub ignore: Vec<String>,
}

/// A role that is to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What runs under it.
    pub component: String,
}

/// A port with its queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct End {
    /// Whose port it is.
    pub role: String,
    /// The port, as it is announced.
    pub port: String,
    /// Its address on the broker.
    pub queue: String,
    /// What it carries, if it is announced.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub port_type: Option<String>,
}

/// An outport that leads to an inport.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Edge {
    /// The outport.
    pub source: End,
    /// The inport.
    pub target: End,
}

/// A node that shares messages between the workers of one role, and leads those that fail
/// elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct RoundRobin {
    /// The node's name.
    pub node: String,
    /// Where messages come from; none if it is there for the failed ones alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<End>,
    /// The inport.
    pub target: End,
    /// The inport for messages that failed at the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<End>,
}

/// A value for an inport at start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InitialValue {
    /// Whose port it is.
    pub role: String,
    /// The port.
    pub port: String,
    /// Its address on the broker; none if the role is announced without such a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The value.
    pub value: Value,
}

/// Something about a graph that its author should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in one sentence.
    pub message: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what is meant.
    Warning,
    /// A part of the graph cannot be set up.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// `warning: …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.message)
    }
}

/// The two queues.
impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.source.queue, self.target.queue)
    }
}

/// The queues.
impl fmt::Display for RoundRobin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{} -> ", source.queue)?;
        }
        f.write_str(&self.target.queue)?;
        match &self.dead_letters {
            Some(dead_letters) => write!(f, ", failed: {}", dead_letters.queue),
            None => Ok(()),
        }
    }
}

impl Edge {
    /// The edge as a transport binds it.
    pub fn queues(&self) -> msgflo_core::transport::Edge {
        msgflo_core::transport::Edge {
            source: self.source.queue.clone(),
            target: self.target.queue.clone(),
        }
    }
}

impl Plan {
    /// What is to be set up for a graph, given what participants announced; and what is wrong.
    ///
    /// Ports are found by name, without regard to case. Of roles that are not announced, the
    /// queue is `ROLE.PORT`, the port in capitals. A part of the graph with an error is left
    /// out.
    pub fn new(
        graph: &Graph,
        announced: &Announced,
        options: &PlanOptions,
    ) -> (Self, Vec<Problem>) {
        let mut planner = Planner {
            graph,
            announced,
            connected: HashSet::new(),
            plan: Self::default(),
            problems: Vec::new(),
        };
        let LooseEnds(remarks) = &graph.loose_ends;
        for remark in remarks {
            planner.warn(remark.clone());
        }
        planner.plan_roles(options);
        planner.plan_connections();
        planner.plan_exports();
        planner.check_components();
        planner.check_cycles();
        (planner.plan, planner.problems)
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    announced: &'a Announced,
    connected: HashSet<msgflo_core::transport::Edge>,
    plan: Plan,
    problems: Vec<Problem>,
}

/// What leads to a node that is no participant, and where it leads.
#[derive(Default)]
struct Junction {
    sources: Vec<End>,
    targets: Vec<End>,
    dead_letters: Vec<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Participant,
    RoundRobin,
    PubSub,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

impl<'a> Planner<'a> {
    fn plan_roles(&mut self, options: &PlanOptions) {
        let processes = &self.graph.processes;
        let known = |name: &str| processes.contains_key(name);
        for name in options.only.iter().flatten().filter(|name| !known(name)) {
            self.fail(format!("only `{name}`: {}", self.no_such_role(name)));
        }
        for name in options.ignore.iter().filter(|name| !known(name)) {
            self.warn(format!("ignore `{name}`: {}", self.no_such_role(name)));
        }
        let wanted: Vec<&String> = match &options.only {
            Some(only) => only.iter().collect(),
            None => processes.keys().collect(),
        };
        for name in wanted {
            if options.ignore.contains(name) || self.kind(name) != Some(Kind::Participant) {
                continue;
            }
            let component = processes[name].component.clone();
            if !self.plan.roles.iter().any(|role| role.name == *name) {
                self.plan.roles.push(Role { name: name.clone(), component });
            }
        }
        let roles = processes.keys().filter(|name| self.kind(name) == Some(Kind::Participant));
        let unannounced = roles.filter(|name| self.announced.role(name).is_none());
        self.plan.unannounced = unannounced.cloned().collect();
    }

    fn plan_connections(&mut self) {
        let mut junctions: IndexMap<&str, Junction> = IndexMap::new();
        for name in self.graph.processes.keys() {
            if self.kind(name).is_some_and(|kind| kind != Kind::Participant) {
                junctions.insert(name, Junction::default());
            }
        }
        for connection in &self.graph.connections {
            match &connection.source {
                Source::Value(value) => self.plan_initial_value(&connection.target, value),
                Source::Port(source) => self.plan_connection(connection, source, &mut junctions),
            }
        }
        for (name, junction) in junctions {
            self.plan_junction(name, junction);
        }
    }

    fn plan_connection(
        &mut self,
        connection: &'a Connection,
        source: &'a Endpoint,
        junctions: &mut IndexMap<&'a str, Junction>,
    ) {
        let target = &connection.target;
        let (Some(from), Some(to)) = (self.known(source), self.known(target)) else { return };
        match (from, to) {
            (Kind::Participant, Kind::Participant) => {
                let ends = (self.end(source, Direction::Out), self.end(target, Direction::In));
                if let (Some(source), Some(target)) = ends {
                    self.add_edge(source, target);
                }
            }
            (Kind::Participant, _) => {
                let junction = junctions.get_mut(target.process.as_str());
                if let Some((end, junction)) = self.end(source, Direction::Out).zip(junction) {
                    junction.sources.push(end);
                }
                if !target.port.eq_ignore_ascii_case("in") {
                    self.warn_of_port(target, "IN");
                }
            }
            (_, Kind::Participant) => {
                let junction = junctions.get_mut(source.process.as_str());
                let Some((end, junction)) = self.end(target, Direction::In).zip(junction) else {
                    return;
                };
                if from == Kind::RoundRobin && source.port.eq_ignore_ascii_case("deadletter") {
                    junction.dead_letters.push(end);
                    return;
                }
                junction.targets.push(end);
                if !source.port.eq_ignore_ascii_case("out") {
                    let has = if from == Kind::RoundRobin { "OUT and DEADLETTER" } else { "OUT" };
                    self.warn_of_port(source, has);
                }
            }
            (_, _) => self.fail(format!(
                "`{}` leads to `{}`: a {ROUND_ROBIN} or {PUB_SUB} can only be between participants",
                source.process, target.process
            )),
        }
    }

    fn warn_of_port(&mut self, endpoint: &Endpoint, has: &str) {
        let Endpoint { process, port, .. } = endpoint;
        let component = &self.graph.processes[process].component;
        self.warn(format!(
            "no port `{port}` on {process}: a {component} has {has}; it is taken for that"
        ));
    }

    fn plan_junction(&mut self, node: &str, junction: Junction) {
        let Junction { sources, targets, dead_letters } = junction;
        if targets.is_empty() {
            self.warn(format!("nothing is behind `{node}`: connect its port OUT"));
        }
        if self.kind(node) == Some(Kind::PubSub) {
            if sources.is_empty() {
                self.warn(format!("nothing leads to `{node}`: connect its port IN"));
            }
            for source in &sources {
                for target in &targets {
                    self.add_edge(source.clone(), target.clone());
                }
            }
            return;
        }
        if sources.is_empty() && dead_letters.is_empty() {
            self.warn(format!("nothing leads to `{node}`: connect its port IN"));
            return;
        }
        if targets.len() > 1 {
            let roles: Vec<&str> = targets.iter().map(|target| target.role.as_str()).collect();
            self.warn(format!(
                "`{node}` leads to {}: each gets every message, as messages are shared only \
                 between workers of one role",
                roles.join(", ")
            ));
        }
        // One of each is usual.
        let optional = |ends: &[End]| match ends {
            [] => vec![None],
            ends => ends.iter().cloned().map(Some).collect(),
        };
        for target in &targets {
            for source in optional(&sources) {
                if let Some(source) = &source {
                    self.check_types(source, target);
                }
                for dead_letters in optional(&dead_letters) {
                    if let Some(dead_letters) = &dead_letters {
                        self.check_types(target, dead_letters);
                    }
                    let round_robin = RoundRobin {
                        node: node.to_owned(),
                        source: source.clone(),
                        target: target.clone(),
                        dead_letters,
                    };
                    if !self.plan.round_robins.contains(&round_robin) {
                        self.plan.round_robins.push(round_robin);
                    }
                }
            }
        }
    }

    fn add_edge(&mut self, source: End, target: End) {
        let edge = Edge { source, target };
        let told = format!(
            "`{} {} -> {} {}`",
            edge.source.role,
            edge.source.port.to_uppercase(),
            edge.target.port.to_uppercase(),
            edge.target.role
        );
        if !self.connected.insert(edge.queues()) {
            return self.warn(format!("{told} is there twice"));
        }
        if edge.source.queue == edge.target.queue {
            let queue = &edge.source.queue;
            return self.note(format!("{told}: both have queue `{queue}`, and need no edge"));
        }
        if edge.source.role == edge.target.role {
            self.warn(format!("{told} leads from a role to itself"));
        }
        self.check_types(&edge.source, &edge.target);
        self.plan.edges.push(edge);
    }

    fn plan_initial_value(&mut self, target: &Endpoint, value: &Value) {
        let Some(kind) = self.known(target) else { return };
        let Endpoint { process, port, .. } = target;
        if kind != Kind::Participant {
            let component = &self.graph.processes[process].component;
            return self
                .warn(format!("a value leads to `{process}`, but a {component} takes none"));
        }
        let found = self.find(target, Direction::In);
        match &found {
            Ok(end) => self.check_value(end, value),
            Err(missing) if missing.mistaken => self.warn(missing.message.clone()),
            // Configuration often goes to ports that are not announced.
            Err(_) => self.note(format!(
                "{process} announces no port `{port}`: if it has one, then a hidden one"
            )),
        }
        let (port, queue) = match found {
            Ok(end) => (end.port, Some(end.queue)),
            Err(_) => (port.clone(), None),
        };
        let same = |other: &InitialValue| other.role == *process && other.port == port;
        if self.plan.initial_values.iter().any(same) {
            self.warn(format!("port `{port}` on {process} has several values: the last counts"));
            self.plan.initial_values.retain(|other| !same(other));
        }
        let initial_value =
            InitialValue { role: process.clone(), port, queue, value: value.clone() };
        self.plan.initial_values.push(initial_value);
    }

    fn plan_exports(&mut self) {
        let graph = self.graph;
        for (exports, direction) in
            [(&graph.inports, Direction::In), (&graph.outports, Direction::Out)]
        {
            for (name, Export { process, port, .. }) in exports {
                let endpoint =
                    Endpoint { process: process.clone(), port: port.clone(), index: None };
                if self.known(&endpoint) != Some(Kind::Participant) {
                    continue;
                }
                let Some(end) = self.end(&endpoint, direction) else { continue };
                match direction {
                    Direction::In => self.plan.inports.insert(name.clone(), end),
                    Direction::Out => self.plan.outports.insert(name.clone(), end),
                };
            }
        }
    }

    fn kind(&self, process: &str) -> Option<Kind> {
        self.graph.processes.get(process).map(|process| match process.component.as_str() {
            ROUND_ROBIN => Kind::RoundRobin,
            PUB_SUB => Kind::PubSub,
            _ => Kind::Participant,
        })
    }

    /// What the node is; a problem if there is none.
    fn known(&mut self, Endpoint { process, port, .. }: &Endpoint) -> Option<Kind> {
        let kind = self.kind(process);
        if kind.is_none() {
            self.fail(format!("port `{port}` of `{process}`: {}", self.no_such_role(process)));
        }
        kind
    }

    fn no_such_role(&self, name: &str) -> String {
        let nearest = nearest(name, self.graph.processes.keys().map(String::as_str));
        format!("the graph has no such role{}", did_you_mean(&nearest))
    }

    /// The port; a problem if there is none.
    fn end(&mut self, endpoint: &Endpoint, direction: Direction) -> Option<End> {
        self.find(endpoint, direction).map_err(|missing| self.fail(missing.message)).ok()
    }

    fn find(&self, endpoint: &Endpoint, direction: Direction) -> Result<End, NoPort> {
        self.announced.end(&endpoint.process, &endpoint.port, direction)
    }

    fn note(&mut self, message: String) {
        self.problems.push(Problem { severity: Severity::Note, message });
    }

    fn warn(&mut self, message: String) {
        self.problems.push(Problem { severity: Severity::Warning, message });
    }

    fn fail(&mut self, message: String) {
        self.problems.push(Problem { severity: Severity::Error, message });
    }
}
