//! Drawings.

use msgflo_graph::{Graph, draw};

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
