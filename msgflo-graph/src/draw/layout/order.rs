//! Who is above whom in a layer: so that few edges cross.

use super::Part;

const SWEEPS: usize = 24;

/// What each vertex is connected with.
struct Neighbours {
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
    /// In its own layer: where an edge turns.
    turns: Vec<Vec<usize>>,
}

/// By the mean of the neighbours' places, layer by layer, forth and back; then by exchanging
/// neighbours for as long as it helps. The best of it stays.
pub(super) fn order(part: &mut Part) {
    let neighbours = Neighbours::of(part);
    let mut position = positions(part);
    let mut best = (neighbours.crossings(part, &position), part.order.clone());
    for sweep in 0..SWEEPS {
        let layers = part.order.len();
        for step in 0..layers {
            let forth = sweep % 2 == 0;
            let layer = if forth { step } else { layers - 1 - step };
            let side = if forth { &neighbours.left } else { &neighbours.right };
            let mean = |vertex: usize| {
                let around = side[vertex].iter().chain(&neighbours.turns[vertex]);
                let (sum, count) = around
                    .fold((0.0, 0.0), |(sum, count), &other| (sum + position[other], count + 1.0));
                if count > 0.0 { sum / count } else { position[vertex] }
            };
            let mut sorted: Vec<(f64, usize)> =
                part.order[layer].iter().map(|&vertex| (mean(vertex), vertex)).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            part.order[layer] = sorted.into_iter().map(|(_, vertex)| vertex).collect();
            note(&part.order[layer], &mut position);
        }
        neighbours.exchange(part, &mut position);
        let crossings = neighbours.crossings(part, &position);
        if crossings < best.0 {
            best = (crossings, part.order.clone());
        }
        if best.0 == 0.0 {
            break;
        }
    }
    part.order = best.1;
}

/// Of each vertex in its layer.
fn positions(part: &Part) -> Vec<f64> {
    let mut position = vec![0.0; part.vertices.len()];
    for layer in &part.order {
        note(layer, &mut position);
    }
    position
}

fn note(layer: &[usize], position: &mut [f64]) {
    for (index, &vertex) in layer.iter().enumerate() {
        position[vertex] = index as f64;
    }
}

impl Neighbours {
    fn of(part: &Part) -> Self {
        let none = vec![Vec::new(); part.vertices.len()];
        let mut neighbours = Self { left: none.clone(), right: none.clone(), turns: none };
        for link in &part.links {
            neighbours.right[link.left].push(link.right);
            neighbours.left[link.right].push(link.left);
        }
        for &(node, passing) in &part.turns {
            neighbours.turns[node].push(passing);
            neighbours.turns[passing].push(node);
        }
        neighbours
    }

    /// How often edges cross, and how far it is around the boxes.
    fn crossings(&self, part: &Part, position: &[f64]) -> f64 {
        let mut crossings = 0.0;
        for layer in &part.order {
            let mut links: Vec<(f64, f64)> = Vec::new();
            for &vertex in layer {
                links.extend(
                    self.right[vertex].iter().map(|&other| (position[vertex], position[other])),
                );
                let turns = self.turns[vertex].iter();
                crossings += turns
                    .map(|&other| (position[vertex] - position[other]).abs() - 1.0)
                    .sum::<f64>()
                    / 2.0;
            }
            for (index, a) in links.iter().enumerate() {
                let crossed = links[index + 1..].iter();
                crossings += crossed.filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0).count() as f64;
            }
        }
        crossings
    }

    /// Exchanges those that stand side by side, where that spares crossings.
    fn exchange(&self, part: &mut Part, position: &mut [f64]) {
        for _ in 0..8 {
            let mut better = false;
            for layer in &mut part.order {
                for index in 1..layer.len() {
                    let (upper, lower) = (layer[index - 1], layer[index]);
                    let saved = self.between(upper, lower, position)
                        - self.between(lower, upper, position)
                        + self.turn_saved(upper, 1.0, lower, position)
                        + self.turn_saved(lower, -1.0, upper, position);
                    if saved > 0.0 {
                        layer.swap(index - 1, index);
                        position[upper] += 1.0;
                        position[lower] -= 1.0;
                        better = true;
                    }
                }
            }
            if !better {
                break;
            }
        }
    }

    /// Crossings of the edges of two vertices, the first above the second.
    fn between(&self, upper: usize, lower: usize, position: &[f64]) -> f64 {
        let count = |upper: &[usize], lower: &[usize]| {
            let pairs = upper.iter().flat_map(|a| lower.iter().map(move |b| (a, b)));
            pairs.filter(|(a, b)| position[**a] > position[**b]).count() as f64
        };
        count(&self.left[upper], &self.left[lower]) + count(&self.right[upper], &self.right[lower])
    }

    /// How much shorter the ways around boxes are when a vertex moves; the one it changes places
    /// with is as near as before.
    fn turn_saved(&self, vertex: usize, by: f64, other: usize, position: &[f64]) -> f64 {
        let away = |from: f64, to: usize| (from - position[to]).abs();
        let turns = self.turns[vertex].iter().filter(|&&turn| turn != other);
        turns.map(|&turn| away(position[vertex], turn) - away(position[vertex] + by, turn)).sum()
    }
}
