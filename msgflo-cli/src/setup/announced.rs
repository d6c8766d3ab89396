//! Waiting for what participants announce.

use std::time::Duration;

use msgflo::transport::Announcements;
use msgflo::{Error, Result};
use msgflo_graph::plan::{PUB_SUB, ROUND_ROBIN};
use msgflo_graph::{Announced, Graph, Plan, PlanOptions, Severity, Source};
use tokio::time::{Instant, timeout_at};

use crate::outcome::TimedOut;

/// What is announced without a port may be an old announcement: a new one may come so much later.
const SECOND_CHANCE: Duration = Duration::from_secs(3);

/// Waits until the roles of a graph have announced themselves with all ports that it connects.
///
/// Ports that are not announced are left to the plan to tell of.
pub async fn wait(
    announcements: &mut Announcements,
    graph: &Graph,
    timeout: Duration,
    awaited: impl Fn(&str) -> bool,
) -> Result<Announced> {
    let mut announced = Announced::default();
    let mut deadline = Instant::now() + timeout;
    loop {
        let missing = missing(graph, &announced, &awaited);
        if missing.is_empty() {
            let (_, problems) = Plan::new(graph, &announced, &PlanOptions::default());
            if problems.iter().all(|problem| problem.severity < Severity::Error) {
                return Ok(announced);
            }
            deadline = deadline.min(Instant::now() + SECOND_CHANCE);
        }
        match timeout_at(deadline, next(announcements, graph)).await {
            Ok(definition) => announced.add(definition?),
            Err(_) if missing.is_empty() => return Ok(announced),
            Err(_) => {
                return Err(TimedOut(format!(
                    "not announced within {} s: {}. Is it running, on this broker? (--participants \
                     starts it, --timeout waits longer)",
                    timeout.as_secs_f32(),
                    missing.join(", ")
                ))
                .into());
            }
        }
    }
}

async fn next(announcements: &mut Announcements, graph: &Graph) -> Result<msgflo::Definition> {
    loop {
        let definition = announcements
            .next()
            .await
            .ok_or_else(|| Error::message("the connection was closed while waiting"))??;
        if graph.processes.contains_key(&definition.role) {
            return Ok(definition);
        }
    }
}

/// The roles that are not announced, with the ports that the graph connects.
fn missing(graph: &Graph, announced: &Announced, awaited: impl Fn(&str) -> bool) -> Vec<String> {
    let mut missing = Vec::new();
    for (role, process) in &graph.processes {
        let component = process.component.as_str();
        let is_node = [ROUND_ROBIN, PUB_SUB].contains(&component);
        if is_node || announced.role(role).is_some() || !awaited(role) {
            continue;
        }
        let mut ports: Vec<&str> = Vec::new();
        for connection in &graph.connections {
            let Source::Port(source) = &connection.source else { continue };
            for end in [source, &connection.target] {
                if end.process == *role && !ports.contains(&end.port.as_str()) {
                    ports.push(&end.port);
                }
            }
        }
        missing.push(match &ports[..] {
            [] => format!("{role} ({component})"),
            [port] => format!("{role} ({component}) with port `{port}`"),
            ports => format!("{role} ({component}) with ports `{}`", ports.join("`, `")),
        });
    }
    missing
}
