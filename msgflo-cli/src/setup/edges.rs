//! The edges of a graph on a broker.

use msgflo::transport::{Edge, Queue, Transport};
use msgflo::{Network, Result};
use msgflo_graph::{Announced, Graph, Plan};

use super::steps::Step;

/// The edges that there are to be, each once.
pub struct Wanted {
    edges: Vec<Edge>,
    /// Those whose source is the dead letters of an inport.
    dead_letters: Vec<Edge>,
    prefix: String,
}

impl Wanted {
    pub fn new(plan: &Plan, transport: &dyn Transport) -> Self {
        let mut edges: Vec<Edge> = plan.edges.iter().map(|edge| edge.queues()).collect();
        let mut dead_letters = Vec::new();
        for round_robin in &plan.round_robins {
            let target = &round_robin.target.queue;
            // Workers of a role share their queue anyway, so this is an edge like others.
            if let Some(source) = &round_robin.source {
                add(&mut edges, source.queue.clone(), target.clone());
            }
            if let Some(failed) = &round_robin.dead_letters {
                add(&mut dead_letters, transport.dead_letter_queue(target), failed.queue.clone());
            }
        }
        Self { edges, dead_letters, prefix: transport.dead_letter_queue("") }
    }

    pub fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.dead_letters.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().chain(&self.dead_letters)
    }

    pub async fn bind(&self, network: &Network) -> Result<()> {
        let transport = network.transport();
        for edge in &self.dead_letters {
            // Participants of others do not make it.
            let name = edge.source.clone();
            let source = Queue::outport(name);
            transport.declare(&source).await?;
        }
        for edge in self.all() {
            transport.bind(edge).await?;
        }
        Ok(())
    }

    /// What binding them means, if these are there.
    pub fn steps(&self, there: Option<&[Edge]>) -> impl Iterator<Item = Step> {
        self.all().map(move |edge| Step::bind(edge, there.map(|there| there.contains(edge))))
    }

    /// Of the edges that are there, those between ports of the graph's roles that it does not have.
    pub fn extra(&self, there: &[Edge], graph: &Graph, announced: &Announced) -> Vec<Edge> {
        let owns = |queue: &str| owns(graph, announced, queue);
        let owns_dead = |queue: &str| queue.strip_prefix(&self.prefix).is_some_and(owns);
        let there = there.iter().filter(|edge| !self.all().any(|wanted| wanted == *edge));
        there
            // A queue's own dead letters, and inports that are called as an outport is.
            .filter(|edge| edge.source != edge.target)
            .filter(|edge| owns(&edge.source) || owns_dead(&edge.source))
            .filter(|edge| owns(&edge.target))
            .cloned()
            .collect()
    }
}

fn add(edges: &mut Vec<Edge>, source: String, target: String) {
    let edge = Edge { source, target };
    if !edges.contains(&edge) {
        edges.push(edge);
    }
}

/// Whether a queue is that of a port of one of the roles: by what they announce, or by its name.
fn owns(graph: &Graph, announced: &Announced, queue: &str) -> bool {
    graph.processes.keys().any(|role| match announced.role(role) {
        Some(definition) => {
            let mut ports = definition.inports.iter().chain(&definition.outports);
            ports.any(|port| port.queue.as_deref() == Some(queue))
        }
        None => {
            let port = queue.strip_prefix(role.as_str()).and_then(|rest| rest.strip_prefix('.'));
            port.is_some_and(|port| !port.is_empty() && port == port.to_uppercase())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgflo_graph::PlanOptions;

    #[test]
    fn edges_of_others_are_not_extra() {
        let graph = Graph::from_fbp("a(A) OUT -> IN b(B) OUT -> IN c(C)").unwrap();
        let (plan, _) = Plan::new(&graph, &Announced::default(), &PlanOptions::default());
        let transport = msgflo::memory::connect(&"memory://extra".parse().unwrap()).unwrap();
        let wanted = Wanted::new(&plan, transport.as_ref());
        let there: Vec<Edge> = [
            ("a.OUT", "b.IN"),
            ("a.OUT", "c.IN"),
            ("dead-b.IN", "c.IN"),
            ("a.OUT", "spy.IN"),
            ("other.OUT", "b.IN"),
            ("a.out", "c.IN"),
            ("c.IN", "c.IN"),
        ]
        .map(|(source, target)| Edge { source: source.into(), target: target.into() })
        .into();
        let extra = wanted.extra(&there, &graph, &Announced::default());
        assert_eq!(extra, there[1..3]);
    }
}
