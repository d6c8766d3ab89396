//! From JSON to .fbp, where not everything can be told.

use msgflo_graph::Graph;
use serde_json::json;

#[test]
fn lines_are_chains_and_keep_the_order() {
    let text = "\
# @runtime msgflo
# @name images
INPORT=resize.JOB:JOB

web(HttpApi:x=36,y=72) RESIZE -> JOB resize(Resize) OUT[1] -> IN store(Store)
resize ERROR -> IN[0] store
'8081' -> PORT web
{\"a\":[1,\"it's\"]} -> CONFIG web
alone(Nothing)
";
    assert_eq!(Graph::from_fbp(text).unwrap().to_fbp().unwrap(), text);

    let text = "b(B), a(A), d(D), c(C), a -> c, d -> b";
    let graph = Graph::from_fbp(text).unwrap();
    let again = graph.to_fbp().unwrap();
    assert_eq!(again, "b(B)\na(A)\nd(D)\na OUT -> IN c(C)\nd OUT -> IN b\n");
    assert!(Graph::from_fbp(&again).unwrap().processes.keys().eq(["b", "a", "d", "c"]));
}

#[test]
fn case_is_kept_where_it_counts() {
    let text = "a(A) newJob -> inPut b(B)\n";
    let graph = Graph::from_fbp_case_sensitive(text).unwrap();
    assert_eq!(graph.to_fbp().unwrap(), text);
    assert_eq!(graph.to_json()["caseSensitive"], true);
    assert_eq!(Graph::from_fbp(text).unwrap().to_fbp().unwrap(), "a(A) NEWJOB -> INPUT b(B)\n");
}

/// As Flowhub, an editor of graphs, writes them.
#[test]
fn graphs_of_editors_get_names_that_the_language_has() {
    let json = json!({
        "properties": { "name": "ConfigPaths", "environment": { "type": "msgflo" }, "icon": "file", "n": 3 },
        "inports": { "envvar": { "process": "core/ReadEnv_2mde7", "port": "key", "metadata": { "x": -612 } } },
        "outports": null,
        "groups": [{ "name": "all", "nodes": ["core/ReadEnv_2mde7"], "metadata": {} }],
        "processes": {
            "core/ReadEnv_2mde7": { "component": "core/ReadEnv", "metadata": { "label": "core/ReadEnv", "x": -468, "y": 432, "width": null } },
            "core_ReadEnv_2mde7": { "component": "core/Repeat", "metadata": null },
            "2 größe": { "component": "core/Repeat" },
        },
        "connections": [
            { "src": { "process": "core/ReadEnv_2mde7", "port": "out" }, "tgt": { "process": "2 größe", "port": "in" }, "metadata": { "route": null } },
            { "data": null, "tgt": { "process": "core_ReadEnv_2mde7", "port": "in" } },
        ],
    });
    let graph = Graph::from_json(&json.to_string()).unwrap();
    assert_eq!((graph.name(), graph.runtime()), (Some("ConfigPaths"), Some("msgflo")));
    let fbp = graph.to_fbp().unwrap();
    assert_eq!(
        fbp,
        "\
# @runtime msgflo
# @name ConfigPaths
# @icon file
# node core_ReadEnv_2mde7_2 is core/ReadEnv_2mde7
# node _2_gr__e is 2 größe
INPORT=core_ReadEnv_2mde7_2.KEY:ENVVAR

core_ReadEnv_2mde7_2(core/ReadEnv:label=core/ReadEnv,y=432,width=null)
core_ReadEnv_2mde7(core/Repeat)
core_ReadEnv_2mde7_2 OUT -> IN _2_gr__e(core/Repeat)
\tnull -> IN core_ReadEnv_2mde7
"
    );
    let again = Graph::from_fbp(&fbp).unwrap();
    assert_eq!(again.connections.len(), 2);
    assert_eq!(again.to_json()["connections"][1]["data"], json!(null));
}

#[test]
fn what_cannot_be_written_is_told() {
    let fails = |json: serde_json::Value, message: &str| {
        let error = Graph::from_json(&json.to_string()).unwrap().to_fbp().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    fails(
        json!({ "processes": { "a": { "component": "my.ns/A" } } }),
        "cannot write component `my.ns/A` of `a`",
    );
    let end = |process: &str, port: &str| json!({ "process": process, "port": port });
    let processes = json!({ "a": { "component": "A" } });
    fails(
        json!({ "processes": processes, "connections": [{ "src": end("a", "my-port"), "tgt": end("a", "in") }] }),
        "cannot write port `my-port` as .fbp",
    );
    fails(
        json!({ "processes": processes, "connections": [{ "data": 1, "tgt": end("b", "in") }] }),
        "connects `b`, which is not among its processes",
    );
    let error =
        Graph::from_json(r#"{ "connections": [{ "tgt": { "process": "a", "port": "b" } }] }"#);
    assert!(error.unwrap_err().to_string().contains("needs `src` (a port) or `data` (a value)"));
}
