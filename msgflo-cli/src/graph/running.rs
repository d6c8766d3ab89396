//! The network that runs, as a graph.

use std::collections::BTreeMap;
use std::time::Duration;

use msgflo::transport::Edge;
use msgflo::{Definition, Error, ErrorKind, Network, PortDefinition, Result};
use msgflo_graph::{Connection, Endpoint, Graph, Process, Source};
use tokio::time::timeout;

/// What its participants announce within `wait`, by default as long as it takes to hear of all, and how they are connected.
pub async fn graph(network: &Network, wait: Option<Duration>) -> Result<Graph> {
    let kept = !network.transport().url().starts_with("mqtt");
    let wait = wait.unwrap_or(Duration::from_secs(if kept { 3 } else { 28 }));
    let mut announcements = network.watch().await?;
    // By role: workers of a role are one node, and the drawing is the same each time.
    let mut roles = BTreeMap::new();
    let listening = async {
        while let Some(definition) = announcements.next().await {
            let definition = definition?;
            roles.insert(definition.role.clone(), definition);
        }
        Ok::<(), Error>(())
    };
    if let Ok(ended) = timeout(wait, listening).await {
        ended?;
    }
    if roles.is_empty() {
        let seconds = wait.as_secs_f32();
        let url = network.transport().url();
        eprintln!("note: nobody announced itself on {url} within {seconds} s; see --wait");
    }
    let edges = match network.transport().edges().await {
        Ok(edges) => edges,
        Err(error) if matches!(error.kind(), Some(ErrorKind::Unsupported { .. })) => {
            eprintln!("note: {error}: only ports that share a queue are drawn connected");
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    Ok(connected(roles.into_values().collect(), edges))
}

/// The participants as nodes, with these edges between them.
fn connected(definitions: Vec<Definition>, mut edges: Vec<Edge>) -> Graph {
    let outports = ports(&definitions, |definition| &definition.outports);
    let inports = ports(&definitions, |definition| &definition.inports);
    let mut graph = Graph::default();
    for definition in &definitions {
        let process =
            Process { component: definition.component.clone(), metadata: Default::default() };
        graph.processes.insert(definition.role.clone(), process);
    }
    for queue in outports.keys().filter(|queue| inports.contains_key(*queue)) {
        let queue = (*queue).to_owned();
        edges.push(Edge { source: queue.clone(), target: queue });
    }
    edges.sort_by(|a, b| (&a.source, &a.target).cmp(&(&b.source, &b.target)));
    edges.dedup();
    for edge in edges {
        let sources = outports.get(edge.source.as_str());
        let targets = inports.get(edge.target.as_str());
        if sources.is_none() && (targets.is_none() || edge.source == edge.target) {
            // No participant's, or an inport's own exchange.
            continue;
        }
        let sources =
            sources.cloned().unwrap_or_else(|| vec![queue(&mut graph, &edge.source, "out")]);
        let targets =
            targets.cloned().unwrap_or_else(|| vec![queue(&mut graph, &edge.target, "in")]);
        for source in &sources {
            for target in &targets {
                graph.connections.push(Connection {
                    source: Source::Port(source.clone()),
                    target: target.clone(),
                    metadata: Default::default(),
                });
            }
        }
    }
    graph
}

/// Which ports have a queue.
fn ports(
    definitions: &[Definition],
    ports: impl Fn(&Definition) -> &Vec<PortDefinition>,
) -> BTreeMap<&str, Vec<Endpoint>> {
    let mut by_queue: BTreeMap<&str, Vec<Endpoint>> = BTreeMap::new();
    for definition in definitions {
        for port in ports(definition) {
            let Some(queue) = port.queue.as_deref().filter(|queue| !queue.is_empty()) else {
                continue;
            };
            let (process, port) = (definition.role.clone(), port.id.clone());
            by_queue.entry(queue).or_default().push(Endpoint { process, port, index: None });
        }
    }
    by_queue
}

/// A queue that no participant announced, as a node of its own: who has it may be away.
fn queue(graph: &mut Graph, name: &str, port: &str) -> Endpoint {
    let process = format!("queue {name}");
    let component = "not announced".to_owned();
    graph
        .processes
        .entry(process.clone())
        .or_insert_with(|| Process { component, metadata: Default::default() });
    Endpoint { process, port: port.into(), index: None }
}
