//! DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::{is_junction, label, port, shortened};
use crate::{Graph, Source};

/// The graph in [DOT](https://graphviz.org/doc/info/lang.html), for Graphviz.
///
/// ```
/// let graph = msgflo_graph::Graph::from_fbp("web(Api) RESIZE -> IN resize(Resize)").unwrap();
/// let dot = msgflo_graph::draw::dot(&graph);
/// assert!(dot.starts_with("digraph {\n"));
/// assert!(dot.contains(r#""web" -> "resize" [label="RESIZE"]"#));
/// ```
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph {\n");
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {line}");
    };
    line(format_args!("rankdir=LR"));
    line(format_args!("node [shape=box, style=rounded, fontname=\"sans-serif\"]"));
    line(format_args!("edge [fontname=\"sans-serif\", fontsize=10]"));
    if let Some(name) = graph.name() {
        line(format_args!("label={}", quoted(name)));
    }
    for (name, process) in &graph.processes {
        let shape = if is_junction(&process.component) { ", shape=hexagon" } else { "" };
        let label = quoted(&format!("{name}\n{}", process.component));
        line(format_args!("{} [label={label}{shape}]", quoted(name)));
    }
    let known = |process: &str| graph.processes.contains_key(process);
    for (index, connection) in graph.connections.iter().enumerate() {
        let target = &connection.target;
        if !known(&target.process) {
            continue;
        }
        let (source, port, style) = match &connection.source {
            Source::Port(source) if !known(&source.process) => continue,
            Source::Port(source) => (quoted(&source.process), Some(source), ""),
            Source::Value(value) => {
                // Names of nodes have no spaces in .fbp, and this cannot be confused with one.
                let node = quoted(&format!("value {index}"));
                line(format_args!("{node} [label={}, shape=plaintext]", quoted(&shortened(value))));
                (node, None, "style=dashed")
            }
        };
        let label = label(graph, port, target);
        let label = if label.is_empty() { label } else { format!("label={}", quoted(&label)) };
        let attributes: Vec<&str> =
            [label.as_str(), style].into_iter().filter(|text| !text.is_empty()).collect();
        let attributes = match attributes.as_slice() {
            [] => String::new(),
            attributes => format!(" [{}]", attributes.join(", ")),
        };
        line(format_args!("{source} -> {}{attributes}", quoted(&target.process)));
    }
    for (name, export) in graph.inports.iter().filter(|(_, export)| known(&export.process)) {
        let (node, label) = (quoted(&format!("inport {name}")), quoted(&port(graph, name, None)));
        line(format_args!("{node} [label={label}, shape=cds]"));
        let (process, port) = (quoted(&export.process), port(graph, &export.port, None));
        line(format_args!("{node} -> {process} [label={}]", quoted(&format!("→ {port}"))));
    }
    for (name, export) in graph.outports.iter().filter(|(_, export)| known(&export.process)) {
        let (node, label) = (quoted(&format!("outport {name}")), quoted(&port(graph, name, None)));
        line(format_args!("{node} [label={label}, shape=cds]"));
        let (process, port) = (quoted(&export.process), port(graph, &export.port, None));
        line(format_args!("{process} -> {node} [label={}]", quoted(&port)));
    }
    for (index, group) in graph.groups.iter().enumerate() {
        let members = group.nodes.iter().filter(|member| known(member));
        let members: Vec<String> = members.map(|member| quoted(member)).collect();
        let label = quoted(&group.name);
        line(format_args!("subgraph cluster_{index} {{ label={label}; {} }}", members.join("; ")));
    }
    text.push_str("}\n");
    text
}

/// A quoted string. A newline in it is one in the drawing.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
