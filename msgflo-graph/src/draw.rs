//! Graphs as drawings: SVG, and languages that others render.

mod dot;
mod layout;
mod mermaid;
mod svg;
mod text;

use serde_json::Value;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

use crate::{Endpoint, Graph};

/// How long the text of an initial value may be.
const LONGEST_VALUE: usize = 30;

/// A port as .fbp text shows it.
fn port(graph: &Graph, port: &str, index: Option<u64>) -> String {
    let port = if graph.case_sensitive { port.to_owned() } else { port.to_uppercase() };
    match index {
        Some(index) => format!("{port}[{index}]"),
        None => port,
    }
}

/// What stands beside an edge. The usual ports, OUT and IN, are left out.
fn label(graph: &Graph, source: Option<&Endpoint>, target: &Endpoint) -> String {
    let source = source.map(|source| port(graph, &source.port, source.index));
    let source = source.filter(|port| !port.eq_ignore_ascii_case("out"));
    let target = Some(port(graph, &target.port, target.index));
    let target = target.filter(|port| !port.eq_ignore_ascii_case("in"));
    match (source, target) {
        (None, None) => String::new(),
        (Some(source), None) => source,
        (None, Some(target)) => format!("→ {target}"),
        (Some(source), Some(target)) => format!("{source} → {target}"),
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether a node is no participant, but a way to connect some.
fn is_junction(component: &str) -> bool {
    [crate::plan::ROUND_ROBIN, crate::plan::PUB_SUB].contains(&component)
}
