//! At which height everything is: near what it is connected with, in the order that is settled.

use super::{Layout, Part};

const SWEEPS: usize = 40;

/// A vertex's pull towards another: its weight, the other one, and the difference of the ports'
/// heights within the two.
type Pull = (f64, usize, f64);

pub(super) fn place(layout: &Layout, part: &mut Part) {
    let pulls = pulls(layout, part);
    for layer in part.order.clone() {
        stack(part, &layer, |_, _| (0.0, 1.0));
    }
    for _ in 0..3 {
        settle(part, &pulls);
        straighten(part);
    }
}

/// Moves all to where they are pulled.
fn settle(part: &mut Part, pulls: &[Vec<Pull>]) {
    for sweep in 0..SWEEPS {
        let mut layers = part.order.clone();
        if sweep % 2 == 1 {
            layers.reverse();
        }
        for layer in layers {
            stack(part, &layer, |part, vertex| {
                let (sum, weight) = pulls[vertex].iter().fold((0.0, 0.0), |(sum, all), pull| {
                    let &(weight, other, difference) = pull;
                    (sum + weight * (part.vertices[other].y + difference), all + weight)
                });
                match weight > 0.0 {
                    true => (sum / weight, weight),
                    false => (part.vertices[vertex].y, 1.0),
                }
            });
        }
    }
}

fn pulls(layout: &Layout, part: &Part) -> Vec<Vec<Pull>> {
    let mut pulls: Vec<Vec<Pull>> = vec![Vec::new(); part.vertices.len()];
    let mut pull = |weight: f64, a: (usize, f64), b: (usize, f64)| {
        pulls[a.0].push((weight, b.0, b.1 - a.1));
        pulls[b.0].push((weight, a.0, a.1 - b.1));
    };
    let passing = |vertex: usize| part.vertices[vertex].node.is_none();
    // Long edges are to be straight above all.
    for link in &part.links {
        let weight = match (passing(link.left), passing(link.right)) {
            (true, true) => 8.0,
            (false, false) => 1.0,
            _ => 2.0,
        };
        let (left, right) = (
            part.anchor(layout, link.left, link.edge, true),
            part.anchor(layout, link.right, link.edge, false),
        );
        pull(weight, (link.left, left), (link.right, right));
    }
    for &(node, turn) in &part.turns {
        let middle = |vertex: usize| part.vertices[vertex].height / 2.0;
        pull(0.5, (node, middle(node)), (turn, middle(turn)));
    }
    pulls
}

impl Part {
    /// The height within a vertex at which an edge is, seen from the right side or the left one.
    fn anchor(&self, layout: &Layout, vertex: usize, edge: usize, right: bool) -> f64 {
        match self.vertices[vertex].node {
            None => self.vertices[vertex].height / 2.0,
            Some(node) if right => layout.nodes[node].outports[layout.edges[edge].source.1].y,
            Some(node) => layout.nodes[node].inports[layout.edges[edge].target.1].y,
        }
    }

    /// Between which heights a vertex can be moved; it is the one at `index` of `layer`.
    fn room(&self, vertex: usize, (layer, index): (usize, usize)) -> (f64, f64) {
        let order = &self.order[layer];
        let above = index.checked_sub(1).map(|index| order[index]);
        let below = order.get(index + 1).copied();
        let least = above.map_or(f64::NEG_INFINITY, |above| {
            let other = &self.vertices[above];
            other.y + other.height + self.between(above, vertex)
        });
        let most = below.map_or(f64::INFINITY, |below| {
            self.vertices[below].y - self.between(vertex, below) - self.vertices[vertex].height
        });
        (least, most)
    }

    /// The space between one vertex and the next below it.
    fn between(&self, upper: usize, lower: usize) -> f64 {
        match (self.vertices[upper].node, self.vertices[lower].node) {
            (None, None) => 4.0,
            (Some(_), Some(_)) => 22.0,
            _ => 14.0,
        }
    }
}

/// Makes edges that pass several layers level, as far as there is room.
fn straighten(part: &mut Part) {
    let mut place = vec![(0, 0); part.vertices.len()];
    for (layer, vertices) in part.order.iter().enumerate() {
        for (index, &vertex) in vertices.iter().enumerate() {
            place[vertex] = (layer, index);
        }
    }
    for number in 0..part.chains.len() {
        let chain = &part.chains[number].1;
        let passing = chain[1..chain.len() - 1].to_vec();
        let mut start = 0;
        while start < passing.len() {
            let (mut least, mut most, mut end) = (f64::NEG_INFINITY, f64::INFINITY, start);
            while let Some(&vertex) = passing.get(end) {
                let room = part.room(vertex, place[vertex]);
                let (low, high) = (least.max(room.0), most.min(room.1));
                if low > high {
                    break;
                }
                (least, most, end) = (low, high, end + 1);
            }
            // There is room at least for where one is now, but for errors of rounding.
            end = end.max(start + 1);
            let level = &passing[start..end];
            let mean = level.iter().map(|&vertex| part.vertices[vertex].y).sum::<f64>()
                / level.len() as f64;
            if least <= most {
                for &vertex in level {
                    part.vertices[vertex].y = mean.clamp(least, most);
                }
            }
            start = end;
        }
    }
}

/// Places a layer's vertices as near to where they want to be as they can be without overlapping:
/// the least squares (`wanted`: where, and with which weight), by pooling those that are in each other's way.
fn stack(part: &mut Part, layer: &[usize], wanted: impl Fn(&Part, usize) -> (f64, f64)) {
    struct Pool {
        sum: f64,
        weight: f64,
        size: usize,
    }
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0.0;
    let mut pools: Vec<Pool> = Vec::new();
    for (index, &vertex) in layer.iter().enumerate() {
        if index > 0 {
            let above = layer[index - 1];
            offset += part.vertices[above].height + part.between(above, vertex);
        }
        offsets.push(offset);
        let (y, weight) = wanted(part, vertex);
        pools.push(Pool { sum: (y - offset) * weight, weight, size: 1 });
        while let [.., upper, lower] = pools.as_mut_slice()
            && upper.sum / upper.weight >= lower.sum / lower.weight
        {
            upper.sum += lower.sum;
            upper.weight += lower.weight;
            upper.size += lower.size;
            pools.pop();
        }
    }
    let bases =
        pools.iter().flat_map(|pool| std::iter::repeat_n(pool.sum / pool.weight, pool.size));
    for ((&vertex, base), offset) in layer.iter().zip(bases).zip(offsets) {
        part.vertices[vertex].y = base + offset;
    }
}
