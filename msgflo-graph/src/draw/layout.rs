//! Where everything is in a drawing: in layers from left to right, as Sugiyama has it.
//!
//! Each step has a file: `layers.rs` (which column), `order.rs` (who is above whom), `place.rs` (at
//! which height), `route.rs` (the course of the edges). Nothing in it depends on chance, so a graph is drawn the same
//! each time.
//!
//! An edge that passes a column has a place of its own among the boxes there: a [`Vertex`]
//! without a box. So no edge runs through a box. An edge that leads back (in a cycle, or to its
//! own node) passes the columns of both its ends too, above or below their boxes.

mod layers;
mod order;
mod place;
mod route;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::text::{Font, width};
use super::{is_junction, port, shortened};
use crate::{Graph, Source};

/// Space around the whole.
const MARGIN: f64 = 24.0;
/// Space between parts of the graph that are not connected.
const BETWEEN_PARTS: f64 = 44.0;
pub(super) const HEADER: f64 = 46.0;
pub(super) const ROW: f64 = 20.0;
/// Between a box's edge and its text.
pub(super) const PADDING: f64 = 12.0;
/// Height of notes and of ports of the whole.
const NOTE: f64 = 24.0;
/// What is longer is cut short.
const LONGEST_NAME: usize = 36;

/// A drawing.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// As it is shown.
    pub name: String,
    pub component: String,
    /// In full.
    pub title: String,
    pub area: Area,
    pub inports: Vec<Pin>,
    pub outports: Vec<Pin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Participant,
    /// A way to connect participants, such as `msgflo/RoundRobin`.
    Junction,
    /// An initial value.
    Value,
    /// A port of the network as a whole that receives.
    Inport,
    /// A port of the network as a whole that sends.
    Outport,
}

/// A port of a box.
#[derive(Debug)]
pub(super) struct Pin {
    pub label: String,
    /// Its height within the box.
    pub y: f64,
    /// What it is known by: two of these are the same port.
    key: (String, Option<u64>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// From an outport to an inport.
#[derive(Debug)]
pub(super) struct Edge {
    /// Node and index of the outport.
    pub source: (usize, usize),
    /// Node and index of the inport.
    pub target: (usize, usize),
    pub path: Path,
}

pub(super) type Point = (f64, f64);

/// A course of lines and cubic Bézier curves.
#[derive(Debug, Default)]
pub(super) struct Path {
    pub start: Point,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Line(Point),
    Curve(Point, Point, Point),
}

/// What has a place in a layer: a node, or an edge that passes.
struct Vertex {
    /// `None` for an edge that passes.
    node: Option<usize>,
    layer: usize,
    height: f64,
    y: f64,
}

/// A piece of an edge, from one layer to the next, or at a turn, within one.
#[derive(Clone, Copy)]
struct Link {
    left: usize,
    right: usize,
    edge: usize,
}

/// The part of a graph that is being laid out.
#[derive(Default)]
struct Part {
    vertices: Vec<Vertex>,
    links: Vec<Link>,
    /// An edge's turn: the node, and the passing vertex in its layer.
    turns: Vec<(usize, usize)>,
    /// For each layer, its vertices from top to bottom.
    order: Vec<Vec<usize>>,
    /// For each edge, its vertices from source to target.
    chains: Vec<(usize, Vec<usize>)>,
}

impl Layout {
    pub fn new(graph: &Graph) -> Self {
        let mut layout = Self::default();
        layout.add(graph);
        let mut top = MARGIN;
        let parts = layers::connected(layout.nodes.len(), &layout.edges);
        let (alone, parts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.len() == 1);
        let alone: Vec<usize> = alone.into_iter().flatten().collect();
        let (looped, alone): (Vec<usize>, Vec<usize>) = alone
            .into_iter()
            .partition(|node| layout.edges.iter().any(|edge| edge.source.0 == *node));
        for part in parts.into_iter().chain(looped.into_iter().map(|node| vec![node])) {
            top = layout.arrange(&part, top) + BETWEEN_PARTS;
        }
        layout.arrange_alone(&alone, top);
        layout.fit();
        layout
    }

    /// The nodes and edges, without their places.
    fn add(&mut self, graph: &Graph) {
        for (name, process) in &graph.processes {
            let kind = match is_junction(&process.component) {
                true => Kind::Junction,
                false => Kind::Participant,
            };
            self.nodes.push(Node::new(kind, name, &process.component));
        }
        let mut known = HashSet::new();
        for connection in &graph.connections {
            let target = &connection.target;
            let Some(node) = graph.processes.get_index_of(&target.process) else { continue };
            let source = match &connection.source {
                Source::Port(source) => {
                    let Some(node) = graph.processes.get_index_of(&source.process) else {
                        continue;
                    };
                    (node, self.nodes[node].outport(graph, &source.port, source.index))
                }
                Source::Value(value) => {
                    let mut note = Node::new(Kind::Value, &shortened(value), "");
                    note.title = value.to_string();
                    (self.push(note), 0)
                }
            };
            let target = (node, self.nodes[node].inport(graph, &target.port, target.index));
            if known.insert((source, target)) {
                self.edges.push(Edge { source, target, path: Path::default() });
            }
        }
        for (name, export) in &graph.inports {
            let Some(node) = graph.processes.get_index_of(&export.process) else { continue };
            let source = self.push(Node::new(Kind::Inport, &port(graph, name, None), ""));
            let target = (node, self.nodes[node].inport(graph, &export.port, None));
            self.edges.push(Edge { source: (source, 0), target, path: Path::default() });
        }
        for (name, export) in &graph.outports {
            let Some(node) = graph.processes.get_index_of(&export.process) else { continue };
            let target = self.push(Node::new(Kind::Outport, &port(graph, name, None), ""));
            let source = (node, self.nodes[node].outport(graph, &export.port, None));
            self.edges.push(Edge { source, target: (target, 0), path: Path::default() });
        }
        for node in &mut self.nodes {
            node.measure();
        }
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Lays out nodes that are connected; returns where they end.
    fn arrange(&mut self, nodes: &[usize], top: f64) -> f64 {
        let mut part = layers::layers(self, nodes);
        order::order(&mut part);
        self.sort_pins(&part);
        place::place(self, &mut part);
        route::route(self, &part);
        let mut least = f64::INFINITY;
        let mut most = 0_f64;
        for vertex in &part.vertices {
            least = least.min(vertex.y);
            most = most.max(vertex.y + vertex.height);
        }
        let shift = top - least;
        for &node in nodes {
            self.nodes[node].area.y += shift;
        }
        for (edge, _) in &part.chains {
            self.edges[*edge].path.shift(0.0, shift);
        }
        most + shift
    }

    /// Nodes without edges, in rows.
    fn arrange_alone(&mut self, nodes: &[usize], top: f64) {
        let widest = nodes.iter().map(|&node| self.nodes[node].area.width).fold(0.0, f64::max);
        let highest = nodes.iter().map(|&node| self.nodes[node].area.height).fold(0.0, f64::max);
        let drawn = self.nodes.iter().map(|node| node.area.right()).fold(0.0, f64::max);
        let columns =
            ((drawn / (widest + 24.0)) as usize).max((nodes.len() as f64).sqrt() as usize);
        for (index, &node) in nodes.iter().enumerate() {
            let (column, row) = (index % columns.max(1), index / columns.max(1));
            let area = &mut self.nodes[node].area;
            area.x = column as f64 * (widest + 24.0);
            area.y = top + row as f64 * (highest + 24.0);
        }
    }

    /// Ports in the order in which their edges leave, so that these do not cross at once.
    fn sort_pins(&mut self, part: &Part) {
        let mut rank = vec![0.0; part.vertices.len()];
        for layer in &part.order {
            for (index, &vertex) in layer.iter().enumerate() {
                rank[vertex] = (index as f64 + 0.5) / layer.len() as f64;
            }
        }
        // A turn leads past the box: the ends go to the top or to the bottom.
        let towards =
            |own: usize, next: usize| match part.vertices[own].layer == part.vertices[next].layer {
                true if rank[next] < rank[own] => -1.0,
                true => 2.0,
                false => rank[next],
            };
        let mut leaving: Vec<Vec<f64>> = vec![Vec::new(); self.edges.len()];
        for (edge, chain) in &part.chains {
            let last = chain.len() - 1;
            leaving[*edge] =
                vec![towards(chain[0], chain[1]), towards(chain[last], chain[last - 1])];
        }
        for vertex in part.vertices.iter().filter_map(|vertex| vertex.node) {
            for out in [true, false] {
                let ports =
                    if out { &self.nodes[vertex].outports } else { &self.nodes[vertex].inports };
                let mut sums = vec![(0.0, 0.0); ports.len()];
                for (edge, _) in &part.chains {
                    let end = if out { self.edges[*edge].source } else { self.edges[*edge].target };
                    if end.0 == vertex {
                        sums[end.1].0 += leaving[*edge][usize::from(!out)];
                        sums[end.1].1 += 1.0;
                    }
                }
                let mean = |port: usize| sums[port].0 / f64::max(sums[port].1, 1.0);
                let mut sorted: Vec<usize> = (0..ports.len()).collect();
                sorted.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
                let mut moved = vec![0; sorted.len()];
                for (new, &old) in sorted.iter().enumerate() {
                    moved[old] = new;
                }
                let node = &mut self.nodes[vertex];
                let ports = if out { &mut node.outports } else { &mut node.inports };
                // The heights stay; what stands beside them moves.
                let heights: Vec<f64> = ports.iter().map(|pin| pin.y).collect();
                let mut pins: Vec<(usize, Pin)> =
                    moved.iter().copied().zip(ports.drain(..)).collect();
                pins.sort_by_key(|(index, _)| *index);
                ports.extend(pins.into_iter().zip(heights).map(|((_, pin), y)| Pin { y, ..pin }));
                for (edge, _) in &part.chains {
                    let edge = &mut self.edges[*edge];
                    let end = if out { &mut edge.source } else { &mut edge.target };
                    if end.0 == vertex {
                        end.1 = moved[end.1];
                    }
                }
            }
            self.nodes[vertex].measure();
        }
    }

    /// Moves all to within the margins.
    fn fit(&mut self) {
        let points: Vec<Point> = self.edges.iter().flat_map(|edge| edge.path.points(8)).collect();
        let corners = self
            .nodes
            .iter()
            .flat_map(|node| [(node.area.x, node.area.y), (node.area.right(), node.area.bottom())]);
        let mut least = (f64::INFINITY, f64::INFINITY);
        let mut most = (0_f64, 0_f64);
        for (x, y) in corners.chain(points) {
            least = (least.0.min(x), least.1.min(y));
            most = (most.0.max(x), most.1.max(y));
        }
        if least.0.is_infinite() {
            least = (0.0, 0.0);
        }
        let (x, y) = (MARGIN - least.0, MARGIN - least.1);
        for node in &mut self.nodes {
            node.area.x += x;
            node.area.y += y;
        }
        for edge in &mut self.edges {
            edge.path.shift(x, y);
        }
        self.width = most.0 + x + MARGIN;
        self.height = most.1 + y + MARGIN;
    }
}

impl Node {
    fn new(kind: Kind, name: &str, component: &str) -> Self {
        let title = match component {
            "" => name.to_owned(),
            component => format!("{name}\n{component}"),
        };
        let pin = |y| Pin { label: String::new(), y, key: Default::default() };
        let (inports, outports) = match kind {
            Kind::Participant | Kind::Junction => (Vec::new(), Vec::new()),
            Kind::Value | Kind::Inport => (Vec::new(), vec![pin(NOTE / 2.0)]),
            Kind::Outport => (vec![pin(NOTE / 2.0)], Vec::new()),
        };
        let (name, component) = (cut(name), cut(component));
        Self { kind, name, component, title, area: Area::default(), inports, outports }
    }

    fn inport(&mut self, graph: &Graph, name: &str, index: Option<u64>) -> usize {
        pin(&mut self.inports, graph, name, index)
    }

    fn outport(&mut self, graph: &Graph, name: &str, index: Option<u64>) -> usize {
        pin(&mut self.outports, graph, name, index)
    }

    /// Sets its size from what is in it.
    fn measure(&mut self) {
        let area = &mut self.area;
        if !matches!(self.kind, Kind::Participant | Kind::Junction) {
            area.width = width(&self.name, Font::Small) + 2.0 * PADDING;
            area.height = NOTE;
            return;
        }
        let rows = self.inports.len().max(self.outports.len());
        area.width =
            width(&self.name, Font::Name).max(width(&self.component, Font::Small)).max(60.0);
        for row in 0..rows {
            let label =
                |ports: &[Pin]| ports.get(row).map_or(0.0, |pin| width(&pin.label, Font::Small));
            area.width = area.width.max(label(&self.inports) + 16.0 + label(&self.outports));
        }
        area.width = (area.width + 2.0 * PADDING).ceil();
        area.height = HEADER + ROW * rows as f64 + if rows > 0 { 8.0 } else { 0.0 };
    }
}

fn pin(ports: &mut Vec<Pin>, graph: &Graph, name: &str, index: Option<u64>) -> usize {
    let key = if graph.case_sensitive { name.to_owned() } else { name.to_lowercase() };
    let key = (key, index);
    if let Some(known) = ports.iter().position(|pin| pin.key == key) {
        return known;
    }
    let y = HEADER + ROW * (ports.len() as f64 + 0.5) + 2.0;
    ports.push(Pin { label: cut(&port(graph, name, index)), y, key });
    ports.len() - 1
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Path {
    fn shift(&mut self, x: f64, y: f64) {
        let shifted = |point: Point| (point.0 + x, point.1 + y);
        self.start = shifted(self.start);
        for step in &mut self.steps {
            *step = match *step {
                Step::Line(to) => Step::Line(shifted(to)),
                Step::Curve(a, b, to) => Step::Curve(shifted(a), shifted(b), shifted(to)),
            };
        }
    }

    /// Points along it, `count` for each step.
    pub fn points(&self, count: usize) -> Vec<Point> {
        let mut points = vec![self.start];
        let mut from = self.start;
        for step in &self.steps {
            let (a, b, to) = match *step {
                Step::Line(to) => (from, to, to),
                Step::Curve(a, b, to) => (a, b, to),
            };
            points.extend((1..=count).map(|index| {
                let t = index as f64 / count as f64;
                let s = 1.0 - t;
                let mix = |from: f64, a: f64, b: f64, to: f64| {
                    s * s * s * from + 3.0 * s * s * t * a + 3.0 * s * t * t * b + t * t * t * to
                };
                (mix(from.0, a.0, b.0, to.0), mix(from.1, a.1, b.1, to.1))
            }));
            from = to;
        }
        points
    }
}
