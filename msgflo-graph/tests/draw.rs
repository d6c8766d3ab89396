//! Drawings.

use msgflo_graph::{Endpoint, Graph, Process, draw};

const GRAPH: &str = r##"
# @name my "images"
web(Api) RESIZE -> JOB jobs(msgflo/RoundRobin) OUT -> IN resize(Resize)
jobs DEADLETTER -> IN end(Collect)
'quote " <b> #1; `x` \ and a text that is long' -> PORT[2] web
7 -> IN web
INPORT=resize.IN:JOB
OUTPORT=end.OUT:FAILED
"##;

#[test]
fn mermaid_shows_nodes_ports_values_and_exports() {
    let mut graph = Graph::from_fbp(GRAPH).unwrap();
    graph.groups =
        serde_json::from_str(r#"[{ "name": "all [\"x\"]", "nodes": ["web", "no", "end"] }]"#)
            .unwrap();
    let expected = r##"flowchart LR
    n0["<b>web</b><br>Api"]
    n1{{"jobs<br>msgflo/RoundRobin"}}
    n2["<b>resize</b><br>Resize"]
    n3["<b>end</b><br>Collect"]
    n0 -- "RESIZE → JOB" --> n1
    n1 --> n2
    n1 -- "DEADLETTER" --> n3
    v3(["#quot;quote #92;#quot; #lt;b#gt; #35;1; #96;x#96; #92;#92; and a…"])
    v3 -. "→ PORT[2]" .-> n0
    v4(["7"])
    v4 -.-> n0
    i0(["JOB"]) -- "→ IN" --> n2
    n3 -- "OUT" --> o0(["FAILED"])
    subgraph g0 ["all [#quot;x#quot;]"]
        n0
        n3
    end
"##;
    assert_eq!(draw::mermaid(&graph), expected);
}

#[test]
fn dot_shows_nodes_ports_values_and_exports() {
    let mut graph = Graph::from_fbp(GRAPH).unwrap();
    graph.properties.insert("name".into(), "my \"images\" \\".into());
    graph.groups =
        serde_json::from_str(r#"[{ "name": "all", "nodes": ["web", "no", "end"] }]"#).unwrap();
    let expected = r##"digraph {
    rankdir=LR
    node [shape=box, style=rounded, fontname="sans-serif"]
    edge [fontname="sans-serif", fontsize=10]
    label="my \"images\" \\"
    "web" [label="web\nApi"]
    "jobs" [label="jobs\nmsgflo/RoundRobin", shape=hexagon]
    "resize" [label="resize\nResize"]
    "end" [label="end\nCollect"]
    "web" -> "jobs" [label="RESIZE → JOB"]
    "jobs" -> "resize"
    "jobs" -> "end" [label="DEADLETTER"]
    "value 3" [label="\"quote \\\" <b> #1; `x` \\\\ and a…", shape=plaintext]
    "value 3" -> "web" [label="→ PORT[2]", style=dashed]
    "value 4" [label="7", shape=plaintext]
    "value 4" -> "web" [style=dashed]
    "inport job" [label="JOB", shape=cds]
    "inport job" -> "resize" [label="→ IN"]
    "outport failed" [label="FAILED", shape=cds]
    "end" -> "outport failed" [label="OUT"]
    subgraph cluster_0 { label="all"; "web"; "end" }
}
"##;
    assert_eq!(draw::dot(&graph), expected);
}

/// The texts in an SVG, which must be well-formed.
fn texts(svg: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let mut texts = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {svg}")) {
            quick_xml::events::Event::Start(_) => text.clear(),
            quick_xml::events::Event::Text(piece) => text += &piece,
            quick_xml::events::Event::GeneralRef(name) => {
                text += quick_xml::escape::resolve_predefined_entity(&name).unwrap();
            }
            quick_xml::events::Event::End(tag) if tag.name().as_ref() == "text" => {
                texts.push(std::mem::take(&mut text));
            }
            quick_xml::events::Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn svg_shows_nodes_ports_values_and_exports() {
    let mut graph = Graph::from_fbp(GRAPH).unwrap();
    let texts_of = |graph: &Graph| texts(&draw::svg(graph));
    let shown = texts_of(&graph);
    for text in ["web", "Api", "RESIZE", "msgflo/RoundRobin", "PORT[2]", "7", "FAILED"] {
        assert!(shown.iter().any(|shown| shown == text), "{text} in {shown:?}");
    }
    assert!(shown.iter().any(|text| text.starts_with("\"quote \\\" <b> #1; `x`")), "{shown:?}");

    // Whatever JSON may have as names.
    let odd = "<&>\"'\u{0}\u{1b}\u{fffe}ü漢😀]]>--";
    let process = graph.processes["web"].clone();
    graph.processes.insert(odd.into(), Process { component: odd.into(), ..process });
    graph.connections[0].target = Endpoint { process: odd.into(), port: odd.into(), index: None };
    graph.properties.insert("name".into(), odd.into());
    let shown = texts_of(&graph);
    let all = shown.iter().filter(|text| text.to_lowercase() == "<&>\"'   ü漢😀]]>--");
    assert_eq!(all.count(), 4, "{shown:?}");
    assert_eq!(draw::svg(&graph), draw::svg(&graph));
    assert!(texts_of(&Graph::default()).is_empty());
}
