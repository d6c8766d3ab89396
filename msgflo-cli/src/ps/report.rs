//! What `msgflo ps` tells, in the form of its JSON. Scripts depend on the names.

use std::time::Instant;

use msgflo::PortDefinition;
use serde::Serialize;

use crate::observation::{Observation, Participant};

#[derive(Serialize)]
pub struct Report {
    /// The broker's URL, without its password.
    pub broker: String,
    pub roles: Vec<Role>,
    /// Null if the broker does not tell.
    pub edges: Option<Vec<Edge>>,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges_unknown: Option<String>,
}

#[derive(Serialize)]
pub struct Role {
    pub role: String,
    pub component: String,
    pub label: String,
    pub icon: String,
    pub workers: Vec<Worker>,
    pub inports: Vec<Port>,
    pub outports: Vec<Port>,
}

#[derive(Serialize)]
pub struct Worker {
    pub id: String,
    pub heard_seconds_ago: f64,
    /// Not heard of for longer than a discovery period.
    pub late: bool,
}

#[derive(Serialize)]
pub struct Port {
    pub port: String,
    #[serde(rename = "type")]
    pub port_type: String,
    /// Null if it is hidden.
    pub queue: Option<String>,
    pub description: Option<String>,
    /// Messages that wait. These four are null for outports, and where the broker does not tell.
    pub waiting: Option<u64>,
    pub consumers: Option<u64>,
    pub unsettled: Option<u64>,
    pub dead_letters: Option<u64>,
}

#[derive(Serialize)]
pub struct Edge {
    /// The outport's queue.
    pub source: String,
    /// The inport's queue; the same as the source, if the ports share it.
    pub target: String,
    /// The outports that have this queue.
    pub from: Vec<End>,
    /// The inports that have this queue.
    pub to: Vec<End>,
    #[serde(skip)]
    pub text: String,
}

#[derive(Serialize)]
pub struct End {
    pub role: String,
    pub port: String,
}

impl Report {
    pub fn new(broker: &str, observation: &Observation, now: Instant) -> Self {
        let (edges, edges_unknown) = match observation.edges() {
            Ok(edges) => (Some(edges), None),
            Err(reason) => (None, Some(reason.to_owned())),
        };
        let end = |(role, port): (&str, &str)| End { role: role.into(), port: port.into() };
        let edges = edges.map(|edges| {
            let edge = |edge| Edge {
                from: observation.sources(&edge).into_iter().map(end).collect(),
                to: observation.targets(&edge).into_iter().map(end).collect(),
                text: observation.describe(&edge),
                source: edge.source,
                target: edge.target,
            };
            edges.into_iter().map(edge).collect()
        });
        let roles = observation.roles();
        let roles = roles.iter().map(|role| {
            let definition = role.definition;
            let worker = |worker: &&Participant| Worker {
                id: worker.definition.id.clone(),
                heard_seconds_ago: now.duration_since(worker.heard).as_secs_f64(),
                late: worker.is_late(now),
            };
            Role {
                role: definition.role.clone(),
                component: definition.component.clone(),
                label: definition.label.clone(),
                icon: definition.icon.clone(),
                workers: role.workers.iter().map(worker).collect(),
                inports: definition.inports.iter().map(|port| inport(port, observation)).collect(),
                outports: definition.outports.iter().map(outport).collect(),
            }
        });
        Self { broker: broker.into(), roles: roles.collect(), edges, edges_unknown }
    }
}

fn outport(port: &PortDefinition) -> Port {
    Port {
        port: port.id.clone(),
        port_type: port.port_type.clone(),
        queue: port.queue.clone(),
        description: port.description.clone(),
        waiting: None,
        consumers: None,
        unsettled: None,
        dead_letters: None,
    }
}

fn inport(port: &PortDefinition, observation: &Observation) -> Port {
    let reading = port.queue.as_ref().and_then(|queue| observation.reading(queue));
    Port {
        waiting: reading.map(|reading| reading.statistics.waiting),
        consumers: reading.map(|reading| reading.statistics.consumers),
        unsettled: reading.and_then(|reading| reading.statistics.unsettled),
        dead_letters: reading.and_then(|reading| reading.dead_letters),
        ..outport(port)
    }
}
