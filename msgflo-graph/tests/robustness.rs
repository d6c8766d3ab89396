//! No text makes the parsers panic, run out of stack or take for ever; what they accept, can be
//! written and read again.

use msgflo_graph::{Announced, Error, Foreign, Graph, Library, Plan, PlanOptions, draw};

mod variation;

#[test]
fn no_variation_of_a_graph_panics_and_what_is_read_survives_writing() {
    let mut accepted = 0;
    for text in variation::variations(20_000) {
        match Graph::from_fbp(&text) {
            Ok(graph) => {
                accepted += 1;
                Plan::new(&graph, &Announced::default(), &PlanOptions::default());
                assert!(draw::mermaid(&graph).starts_with("flowchart"));
                assert!(draw::dot(&graph).ends_with("}\n"));
                let json = graph.to_json();
                assert_eq!(Graph::from_json(&json.to_string()).unwrap(), graph, "{text:?}");
                let Ok(fbp) = graph.to_fbp() else { panic!("cannot be written: {text:?}") };
                let again = Graph::from_fbp(&fbp)
                    .unwrap_or_else(|error| panic!("{text:?} became\n{fbp}\n{error}"));
                let names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                if graph.processes.keys().all(|name| name.chars().all(names)) {
                    assert_eq!(again.to_json(), json, "{text:?} became\n{fbp}");
                    // The order too, which values do not compare.
                    assert!(again.processes.keys().eq(graph.processes.keys()), "{text:?}\n{fbp}");
                }
            }
            Err(Error::Text(error)) => {
                let lines = text.matches('\n').count() + 1;
                assert!((1..=lines).contains(&error.line), "{text:?}: {error:?}");
                assert!(error.column >= 1 && error.to_string().contains("error: "));
            }
            Err(error) => panic!("{text:?}: {error}"),
        }
    }
    assert!(accepted > 2_000, "only {accepted} of the variations are graphs");
}

#[test]
fn json_graphs_with_changes_do_not_panic() {
    let sample =
        Graph::from_fbp("# @name n\n'x' -> IN a(A:x=1) OUT[1] -> b(B)\nINPORT=a.IN:IN").unwrap();
    let text = sample.to_json().to_string();
    for at in 0..text.len() {
        for piece in ["", "null", "1", "\"", "{", "]", "\u{fffd}\n"] {
            for end in [at, at + 1] {
                let changed = format!("{}{piece}{}", &text[..at], text.get(end..).unwrap_or(""));
                if let Ok(graph) = Graph::from_json(&changed) {
                    let _ = graph.to_fbp().map(|fbp| Graph::from_fbp(&fbp).unwrap());
                }
            }
        }
    }
}

#[test]
fn definitions_and_settings_with_changes_do_not_panic() {
    let definition = "component: a/b\nlabel: 'größe'\ninports: { a: { queue: \"x\" } }\n\
                      outports:\n- id: b\n  queue: /#ROLE/b\n  options: &o [1, *o]\n";
    let settings = r##"{ "name": "n", "msgflo": { "variables": { "V": "#ROLE 'x'" },
        "handlers": { ".js": "node" }, "components": { "n/A": "run #V --iips #IIPS" } } }"##;
    for text in [definition, settings] {
        for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)) {
            for piece in
                ["", ":", "- ", "[", "\"", "'", "#", "\t", "\n", "{ ", "*", "&a ", "\r", "ß"]
            {
                let rest = text[at..].chars().next().map_or(0, char::len_utf8);
                for end in [at, at + rest] {
                    let changed = format!("{}{piece}{}", &text[..at], &text[end..]);
                    let _ = Foreign::from_yaml(&changed).map(|foreign| foreign.definition("r"));
                    if let Ok(library) = Library::from_json(&changed) {
                        let _ = library.command("A", "r", &serde_json::Map::new());
                    }
                }
            }
        }
    }
}

#[test]
fn depth_and_length_do_no_harm() {
    let deep = format!("{}1{} -> IN a(A)", "[".repeat(100_000), "]".repeat(100_000));
    let error = Graph::from_fbp(&deep).unwrap_err().to_string();
    assert!(error.contains("recursion limit"), "{}", &error[..200.min(error.len())]);
    assert!(Graph::from_json(&"[".repeat(100_000)).is_err());
    assert!(Graph::from_json(&"{\"processes\":".repeat(100_000)).is_err());
    assert!(Graph::from_fbp(&"(".repeat(100_000)).is_err());

    let chain = format!("a(A){}", " OUT -> IN a".repeat(100_000));
    let graph = Graph::from_fbp(&chain).unwrap();
    assert_eq!(graph.connections.len(), 100_000);
    assert_eq!(Graph::from_fbp(&graph.to_fbp().unwrap()).unwrap(), graph);
    assert!(Graph::from_fbp(&format!("{chain} ->")).is_err());
    let lines: String = (0..20_000).map(|n| format!("n{n}(C) OUT -> IN n0(C)\n")).collect();
    assert_eq!(Graph::from_fbp(&lines).unwrap().processes.len(), 20_000);
}
