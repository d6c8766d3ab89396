//! Which node is in which column.

use std::collections::BTreeSet;

use super::{Edge, Layout, Link, Part, Vertex};

/// How high a passing edge's place is.
const PASSING: f64 = 10.0;

/// The parts of a graph that have no edge between them, each with its nodes in order.
pub(super) fn connected(count: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); count];
    for edge in edges {
        neighbours[edge.source.0].push(edge.target.0);
        neighbours[edge.target.0].push(edge.source.0);
    }
    let mut seen = vec![false; count];
    let mut parts = Vec::new();
    for first in 0..count {
        if seen[first] {
            continue;
        }
        seen[first] = true;
        let mut part = vec![first];
        let mut next = 0;
        while next < part.len() {
            for &neighbour in &neighbours[part[next]] {
                if !std::mem::replace(&mut seen[neighbour], true) {
                    part.push(neighbour);
                }
            }
            next += 1;
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts
}

/// Gives each node a layer, and each edge a place in the layers that it passes.
pub(super) fn layers(layout: &Layout, nodes: &[usize]) -> Part {
    let mut index = vec![usize::MAX; layout.nodes.len()];
    for (number, &node) in nodes.iter().enumerate() {
        index[node] = number;
    }
    let edges: Vec<(usize, usize, usize)> = layout
        .edges
        .iter()
        .enumerate()
        .map(|(edge, ends)| (edge, index[ends.source.0], index[ends.target.0]))
        .filter(|(_, source, _)| *source != usize::MAX)
        .collect();
    let ends: Vec<(usize, usize)> =
        edges.iter().map(|(_, source, target)| (*source, *target)).collect();
    let layer = numbers(nodes.len(), &ends);

    let count = layer.iter().max().map_or(0, |last| last + 1);
    let mut part = Part { order: vec![Vec::new(); count], ..Part::default() };
    for (number, &node) in nodes.iter().enumerate() {
        let height = layout.nodes[node].area.height;
        part.vertices.push(Vertex { node: Some(node), layer: layer[number], height, y: 0.0 });
    }
    for (edge, source, target) in edges {
        let forward = layer[source] < layer[target];
        let passed = match forward {
            true => layer[source] + 1..layer[target],
            false => layer[target]..layer[source] + 1,
        };
        let mut chain: Vec<usize> = passed
            .map(|layer| {
                part.vertices.push(Vertex { node: None, layer, height: PASSING, y: 0.0 });
                part.vertices.len() - 1
            })
            .collect();
        if forward {
            chain.insert(0, source);
            chain.push(target);
            part.links.extend(chain.windows(2).map(|pair| Link {
                left: pair[0],
                right: pair[1],
                edge,
            }));
        } else {
            part.links.extend(chain.windows(2).map(|pair| Link {
                left: pair[0],
                right: pair[1],
                edge,
            }));
            part.turns.extend([(source, chain[chain.len() - 1]), (target, chain[0])]);
            chain.push(source);
            chain.reverse();
            chain.push(target);
        }
        part.chains.push((edge, chain));
    }
    for vertex in first_order(&part, nodes.len()) {
        part.order[part.vertices[vertex].layer].push(vertex);
    }
    part
}

/// All vertices, so that what is connected is near each other.
fn first_order(part: &Part, nodes: usize) -> Vec<usize> {
    let mut next = vec![Vec::new(); part.vertices.len()];
    let mut is_target = vec![false; part.vertices.len()];
    for (_, chain) in &part.chains {
        for pair in chain.windows(2) {
            next[pair[0]].push(pair[1]);
            is_target[pair[1]] = true;
        }
    }
    let mut seen = vec![false; part.vertices.len()];
    let mut order = Vec::new();
    let sources = (0..nodes).filter(|&node| !is_target[node]);
    for first in sources.chain(0..nodes) {
        let mut stack = vec![first];
        while let Some(vertex) = stack.pop() {
            if std::mem::replace(&mut seen[vertex], true) {
                continue;
            }
            order.push(vertex);
            stack.extend(next[vertex].iter().rev());
        }
    }
    order
}

/// For each node, its layer: all edges lead to a later one, but for those that close a cycle.
fn numbers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let forward = without_cycles(count, edges);
    let mut before = vec![Vec::new(); count];
    let mut after = vec![Vec::new(); count];
    for &(source, target) in &forward {
        after[source].push(target);
        before[target].push(source);
    }
    let mut missing: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..count).filter(|&node| missing[node] == 0).collect();
    let mut layer = vec![0_usize; count];
    let mut next = 0;
    while next < ready.len() {
        let node = ready[next];
        next += 1;
        for &target in &after[node] {
            layer[target] = layer[target].max(layer[node] + 1);
            missing[target] -= 1;
            if missing[target] == 0 {
                ready.push(target);
            }
        }
    }
    // Closer to where most of its edges go; from the end, so that whole chains move.
    for _ in 0..4 {
        for &node in ready.iter().rev() {
            let latest = after[node].iter().map(|&target| layer[target]).min();
            if let Some(latest) = latest
                && after[node].len() > before[node].len()
            {
                layer[node] = latest - 1;
            }
        }
    }
    let first = layer.iter().copied().min().unwrap_or(0);
    layer.iter().map(|layer| layer - first).collect()
}

/// The edges but for those that close a cycle: the fewest, of two ways to choose them. As long as they
/// are no more, those that lead back to what is written earlier.
fn without_cycles(count: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let as_written = forward(count, edges, |_| 0);
    let as_connected = forward(count, edges, |surplus| -surplus);
    if as_written.len() >= as_connected.len() { as_written } else { as_connected }
}

/// The edges that lead forward, by the heuristic of Eades, Lin and Smyth. What only sends goes to
/// the front, what only receives to the back, and where there are none of these, to the front
/// goes who comes first by its surplus of edges that send.
fn forward(
    count: usize,
    edges: &[(usize, usize)],
    first: impl Fn(isize) -> isize,
) -> Vec<(usize, usize)> {
    let edges = || edges.iter().copied().filter(|(source, target)| source != target);
    let mut neighbours: Vec<Vec<(usize, bool)>> = vec![Vec::new(); count];
    let mut outgoing = vec![0_isize; count];
    let mut incoming = vec![0_isize; count];
    for (source, target) in edges() {
        outgoing[source] += 1;
        incoming[target] += 1;
        neighbours[source].push((target, true));
        neighbours[target].push((source, false));
    }
    let mut left: BTreeSet<usize> = (0..count).collect();
    let (mut front, mut back) = (Vec::new(), Vec::new());
    loop {
        let source = left.iter().copied().find(|&node| incoming[node] == 0);
        let sink = || left.iter().copied().find(|&node| outgoing[node] == 0);
        let most =
            || left.iter().copied().min_by_key(|&node| first(outgoing[node] - incoming[node]));
        let node = if let Some(node) = source {
            front.push(node);
            node
        } else if let Some(node) = sink() {
            back.push(node);
            node
        } else if let Some(node) = most() {
            front.push(node);
            node
        } else {
            break;
        };
        left.remove(&node);
        for &(other, sent) in &neighbours[node] {
            if sent {
                incoming[other] -= 1;
            } else {
                outgoing[other] -= 1;
            }
        }
    }
    let mut rank = vec![0; count];
    for (index, node) in front.into_iter().chain(back.into_iter().rev()).enumerate() {
        rank[node] = index;
    }
    edges().filter(|&(source, target)| rank[source] < rank[target]).collect()
}
