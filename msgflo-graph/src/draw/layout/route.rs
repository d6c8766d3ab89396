//! Where the columns are, and the course of the edges: level within a column, curved between two.

use super::{Kind, Layout, Part, Path, Point, Step};

/// A column: where its boxes begin and end.
#[derive(Clone, Copy)]
struct Column {
    left: f64,
    right: f64,
}

/// Sets all nodes' places and all edges' paths.
pub(super) fn route(layout: &mut Layout, part: &Part) {
    let columns = columns(layout, part);
    for vertex in &part.vertices {
        let Some(node) = vertex.node else { continue };
        let (column, kind) = (columns[vertex.layer], layout.nodes[node].kind);
        let area = &mut layout.nodes[node].area;
        area.y = vertex.y;
        area.x = match kind {
            // Close to what they belong to.
            Kind::Value | Kind::Inport => column.right - area.width,
            Kind::Outport => column.left,
            Kind::Participant | Kind::Junction => (column.left + column.right - area.width) / 2.0,
        };
    }
    for (edge, chain) in &part.chains {
        layout.edges[*edge].path = path(layout, part, &columns, *edge, chain);
    }
}

fn columns(layout: &Layout, part: &Part) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut left = 0.0;
    for (layer, vertices) in part.order.iter().enumerate() {
        let nodes = vertices.iter().filter_map(|&vertex| part.vertices[vertex].node);
        let width = nodes.map(|node| layout.nodes[node].area.width).fold(0.0, f64::max);
        columns.push(Column { left, right: left + width });
        // The more has to go up or down, the more room there is for it.
        let links = part.links.iter().filter(|link| part.vertices[link.left].layer == layer);
        let (mut count, mut steepest) = (0.0_f64, 0.0_f64);
        for link in links {
            let middle =
                |vertex: usize| part.vertices[vertex].y + part.vertices[vertex].height / 2.0;
            count += 1.0;
            steepest = steepest.max((middle(link.left) - middle(link.right)).abs());
        }
        left += width + (44.0 + 3.0 * count + steepest / 6.0).min(150.0);
    }
    columns
}

fn path(layout: &Layout, part: &Part, columns: &[Column], edge: usize, chain: &[usize]) -> Path {
    let ends = &layout.edges[edge];
    let (source, target) = (&layout.nodes[ends.source.0], &layout.nodes[ends.target.0]);
    let start = (source.area.right(), source.area.y + source.outports[ends.source.1].y);
    let end = (target.area.x, target.area.y + target.inports[ends.target.1].y);
    let last = chain.len() - 1;
    let column = |index: usize| columns[part.vertices[chain[index]].layer];
    let height =
        |index: usize| part.vertices[chain[index]].y + part.vertices[chain[index]].height / 2.0;
    let forward = part.vertices[chain[0]].layer < part.vertices[chain[last]].layer;

    let mut path = Path { start, steps: Vec::new() };
    path.line((column(0).right, start.1));
    for index in 1..last {
        let (near, far) = match forward {
            true => (column(index).left, column(index).right),
            false => (column(index).right, column(index).left),
        };
        match !forward && index == 1 {
            true => path.turn((near, height(index)), 1.0),
            false => path.curve((near, height(index))),
        }
        path.line((far, height(index)));
    }
    match forward {
        true => path.curve((column(last).left, end.1)),
        false => path.turn((column(last).left, end.1), -1.0),
    }
    path.line(end);
    path
}

impl Path {
    fn end(&self) -> Point {
        match self.steps.last() {
            None => self.start,
            Some(Step::Line(to) | Step::Curve(_, _, to)) => *to,
        }
    }

    fn line(&mut self, to: Point) {
        let end = self.end();
        if end != to {
            self.steps.push(Step::Line(to));
        }
    }

    fn curve(&mut self, to: Point) {
        let from = self.end();
        let middle = (from.0 + to.0) / 2.0;
        self.steps.push(Step::Curve((middle, from.1), (middle, to.1), to));
    }

    /// Turns around, to the right or (`-1.0`) to the left.
    fn turn(&mut self, to: Point, side: f64) {
        let from = self.end();
        let width = side * (16.0 + (from.1 - to.1).abs() / 8.0).min(44.0);
        self.steps.push(Step::Curve((from.0 + width, from.1), (to.0 + width, to.1), to));
    }
}
