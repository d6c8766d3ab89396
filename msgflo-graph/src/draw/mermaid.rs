//! Mermaid, which GitHub and GitLab render in Markdown.

use std::fmt::Write as _;

use super::{is_junction, label, port, shortened};
use crate::{Graph, Source};

/// The graph as a [Mermaid](https://mermaid.js.org) flowchart.
///
/// ```
/// let graph = msgflo_graph::Graph::from_fbp("web(Api) RESIZE -> IN resize(Resize)").unwrap();
/// assert_eq!(msgflo_graph::draw::mermaid(&graph), "\
/// flowchart LR
///     n0[\"<b>web</b><br>Api\"]
///     n1[\"<b>resize</b><br>Resize\"]
///     n0 -- \"RESIZE\" --> n1
/// ");
/// ```
pub fn mermaid(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {line}");
    };
    let node =
        |process: &str| graph.processes.get_index_of(process).map(|index| format!("n{index}"));
    for (index, (name, process)) in graph.processes.iter().enumerate() {
        let (name, component) = (escaped(name), escaped(&process.component));
        if is_junction(&process.component) {
            line(format_args!("n{index}{{{{\"{name}<br>{component}\"}}}}"));
        } else {
            line(format_args!("n{index}[\"<b>{name}</b><br>{component}\"]"));
        }
    }
    for (index, connection) in graph.connections.iter().enumerate() {
        let Some(target) = node(&connection.target.process) else { continue };
        let (source, arrow) = match &connection.source {
            Source::Port(source) => (node(&source.process), "--"),
            Source::Value(value) => {
                let value = escaped(&shortened(value));
                line(format_args!("v{index}([\"{value}\"])"));
                (Some(format!("v{index}")), "-.")
            }
        };
        let Some(source) = source else { continue };
        let port = match &connection.source {
            Source::Port(port) => Some(port),
            Source::Value(_) => None,
        };
        let label = escaped(&label(graph, port, &connection.target));
        match (arrow, label.as_str()) {
            ("--", "") => line(format_args!("{source} --> {target}")),
            ("--", label) => line(format_args!("{source} -- \"{label}\" --> {target}")),
            (_, "") => line(format_args!("{source} -.-> {target}")),
            (_, label) => line(format_args!("{source} -. \"{label}\" .-> {target}")),
        }
    }
    for (index, (name, export)) in graph.inports.iter().enumerate() {
        let Some(target) = node(&export.process) else { continue };
        let (name, port) = (port(graph, name, None), port(graph, &export.port, None));
        line(format_args!(
            "i{index}([\"{}\"]) -- \"→ {}\" --> {target}",
            escaped(&name),
            escaped(&port)
        ));
    }
    for (index, (name, export)) in graph.outports.iter().enumerate() {
        let Some(source) = node(&export.process) else { continue };
        let (name, port) = (port(graph, name, None), port(graph, &export.port, None));
        line(format_args!(
            "{source} -- \"{}\" --> o{index}([\"{}\"])",
            escaped(&port),
            escaped(&name)
        ));
    }
    for (index, group) in graph.groups.iter().enumerate() {
        line(format_args!("subgraph g{index} [\"{}\"]", escaped(&group.name)));
        for member in group.nodes.iter().filter_map(|member| node(member)) {
            line(format_args!("    {member}"));
        }
        line(format_args!("end"));
    }
    text
}

/// Text between quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
            '#' | '`' | '\\' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
