//! What must be true of every drawing, tried on generated graphs.

use super::*;

/// The same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A graph with cycles, edges to itself, several edges between two nodes, values and exports.
fn generated(nodes: usize, seed: u64) -> Graph {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    let components = ["A", "project/LongNameOfAComponent", "msgflo/RoundRobin", "x/Y"];
    for node in 0..nodes {
        text += &format!("node{node}({})\n", components[numbers.below(4)]);
    }
    let ports = ["IN", "OUT", "A_PORT_WITH_A_RATHER_LONG_NAME_THAT_IS_CUT", "ERROR", "X"];
    for _ in 0..nodes + numbers.below(nodes + 1) {
        let (source, target) = match numbers.below(8) {
            0 => (numbers.below(nodes), numbers.below(nodes)),
            1 => {
                let node = numbers.below(nodes);
                (node, node)
            }
            _ => {
                let source = numbers.below(nodes);
                (source, (source + 1 + numbers.below(4)).min(nodes - 1))
            }
        };
        let (out, port) = (ports[numbers.below(5)], ports[numbers.below(5)]);
        text += &format!("node{source} {out} -> {port} node{target}\n");
    }
    for _ in 0..numbers.below(5) {
        text += &format!("'a value {}' -> IN node{}\n", numbers.below(99), numbers.below(nodes));
    }
    text += &format!("INPORT=node0.IN:FIRST\nOUTPORT=node{}.OUT:LAST\n", nodes - 1);
    Graph::from_fbp(&text).unwrap()
}

fn each(check: impl Fn(&Layout, &str)) {
    for nodes in 1..=30 {
        for seed in 0..12 {
            check(&Layout::new(&generated(nodes, seed)), &format!("{nodes} nodes, seed {seed}"));
        }
    }
}

#[test]
fn no_two_boxes_overlap_and_all_is_on_the_page() {
    each(|layout, which| {
        for (index, node) in layout.nodes.iter().enumerate() {
            let a = &node.area;
            assert!(a.x >= 0.0 && a.y >= 0.0, "{which}: {node:?}");
            assert!(a.right() <= layout.width && a.bottom() <= layout.height, "{which}: {node:?}");
            for other in &layout.nodes[index + 1..] {
                let b = &other.area;
                let beside = a.right() < b.x || b.right() < a.x;
                let above = a.bottom() < b.y || b.bottom() < a.y;
                assert!(beside || above, "{which}: {node:?} and {other:?}");
            }
        }
        for (x, y) in layout.edges.iter().flat_map(|edge| edge.path.points(16)) {
            assert!(
                (0.0..=layout.width).contains(&x) && (0.0..=layout.height).contains(&y),
                "{which}"
            );
        }
    });
}

#[test]
fn edges_lead_from_port_to_port_and_through_no_box() {
    each(|layout, which| {
        for edge in &layout.edges {
            let points = edge.path.points(40);
            let (source, target) = (&layout.nodes[edge.source.0], &layout.nodes[edge.target.0]);
            let near = |a: Point, b: Point| (a.0 - b.0).abs() < 0.01 && (a.1 - b.1).abs() < 0.01;
            let out = source.outports[edge.source.1].y + source.area.y;
            let port = target.inports[edge.target.1].y + target.area.y;
            assert!(near(points[0], (source.area.right(), out)), "{which}: {edge:?}");
            assert!(near(*points.last().unwrap(), (target.area.x, port)), "{which}: {edge:?}");
            for node in &layout.nodes {
                let area = &node.area;
                let inside = |&(x, y): &Point| {
                    let (x, y) = (x - area.x, y - area.y);
                    (0.01..area.width - 0.01).contains(&x)
                        && (0.01..area.height - 0.01).contains(&y)
                };
                assert!(!points.iter().any(inside), "{which}: {edge:?} runs through {node:?}");
            }
        }
    });
}

#[test]
fn names_of_ports_are_in_their_box_and_beside_each_other() {
    each(|layout, which| {
        for node in &layout.nodes {
            for pin in node.inports.iter().chain(&node.outports) {
                let in_box = pin.y > 0.0 && pin.y + 6.0 < node.area.height;
                assert!(in_box, "{which}: {node:?}");
            }
            for (left, right) in node.inports.iter().zip(&node.outports) {
                let both = width(&left.label, Font::Small) + width(&right.label, Font::Small);
                assert_eq!(left.y, right.y, "{which}: {node:?}");
                assert!(both + 2.0 * PADDING < node.area.width, "{which}: {node:?}");
            }
        }
    });
}

#[test]
fn what_is_written_in_the_order_of_its_flow_is_drawn_in_it() {
    let text = "a(A) -> b(B) -> c(C) ERROR -> RETRY a\nb LOG -> d(D)";
    let layout = Layout::new(&Graph::from_fbp(text).unwrap());
    let x: Vec<f64> = layout.nodes.iter().map(|node| node.area.x).collect();
    assert!(x[0] < x[1] && x[1] < x[2] && x[1] < x[3], "{layout:?}");
}

#[test]
fn large_graphs_are_drawn_too() {
    let chain: String = (0..3_000).map(|node| format!("n{node}(A) -> ")).collect();
    let layout = Layout::new(&Graph::from_fbp(&format!("{chain}n0")).unwrap());
    assert_eq!(layout.nodes.len(), 3_000);
    let alone: String = (0..1_000).map(|node| format!("n{node}(A)\n")).collect();
    let layout = Layout::new(&Graph::from_fbp(&alone).unwrap());
    assert!(layout.width / layout.height < 10.0 && layout.height / layout.width < 10.0);
}
