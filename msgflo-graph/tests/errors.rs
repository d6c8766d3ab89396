//! What is shown for a graph with a mistake.

use std::fs;

use msgflo_graph::{Error, Graph};
use tempfile::TempDir;

#[track_caller]
fn shows(text: &str, expected: &str) {
    let error = Graph::from_fbp(text).unwrap_err().to_string();
    assert_eq!(error, expected.trim_start_matches('\n'), "\n{error}");
}

#[test]
fn the_place_is_marked_and_what_is_expected_there_is_told() {
    shows(
        "a(A)\nweb OUT -> IN resize(Foo.Bar)\nb(B)",
        "
error: expected `)`
 --> graph:2:25
  |
2 | web OUT -> IN resize(Foo.Bar)
  |                         ^
  |
  = help: a component has letters, digits, `/`, `-` and `_`; metadata behind it has letters, digits, `/` and `_`, as in (Component:x=10,y=20)",
    );
    shows(
        "a(A) OUT ->\r\nb(B)",
        "
error: expected a node or an initial value (`'text'` or JSON)
 --> graph:1:12
  |
1 | a(A) OUT ->
  |            ^",
    );
    shows(
        "'größer' => IN a(A)",
        "
error: expected `->`
 --> graph:1:10
  |
1 | 'größer' => IN a(A)
  |          ^",
    );
    shows(
        "a(A)\n{ \"a\": [1,\n 2 } -> IN a",
        "
error: not JSON: expected `,` or `]`
 --> graph:3:4
  |
3 |  2 } -> IN a
  |    ^",
    );
    shows(
        "a(A)\n'never closed -> IN a",
        "
error: this text has no end: write `'` behind it (and `\\'` for a quote in it)
 --> graph:2:1
  |
2 | 'never closed -> IN a
  | ^",
    );
    shows(
        "INPORT=web.IN",
        "
error: expected `:` and a name
 --> graph:1:14
  |
1 | INPORT=web.IN
  |              ^",
    );
    shows(
        "a(A)\n\tOUT -> IN b(B)",
        "
error: expected a node or an initial value (`'text'` or JSON)
 --> graph:2:1
  |
2 |     OUT -> IN b(B)
  | ^
  |
  = help: write spaces instead of this tab",
    );
    shows(
        "a(A) OUT[99999999999999999999] -> IN a",
        "
error: this index is too large
 --> graph:1:9
  |
1 | a(A) OUT[99999999999999999999] -> IN a
  |         ^",
    );
}

#[test]
fn nodes_without_a_component_are_told_with_the_name_that_was_meant() {
    shows(
        "resize(Resize)\nweb(Web) -> resiez",
        "
error: `resiez` has no component
 --> graph:2:13
  |
2 | web(Web) -> resiez
  |             ^^^^^^
  |
  = help: `resiez`: did you mean `resize`?",
    );
    shows(
        "OUTPORT=picture.OUT:PICTURES\nweb(Web)",
        "
error: outport `pictures`: node `picture` has no component
 --> graph:1:9
  |
1 | OUTPORT=picture.OUT:PICTURES
  |         ^^^^^^^
  |
  = help: write `picture(Component)` once",
    );
}

#[test]
fn files_are_read_by_name_or_by_content_and_named_in_errors() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let fbp = "{ \"x\": 1 } -> IN a(A)\n";
    let graph = Graph::from_fbp(fbp).unwrap();
    let json = graph.to_json().to_string();
    for (name, text) in [
        ("g.fbp", fbp),
        ("bom.FBP", &format!("\u{feff}{fbp}")),
        ("g.json", &json),
        ("fbp", fbp),
        ("json.txt", &json),
    ] {
        assert_eq!(Graph::read(write(name, text)).unwrap(), graph, "{name}");
    }

    let path = write("wrong.json", "{\n  \"processes\": { \"a\": {} }\n}");
    let error = Graph::read(&path).unwrap_err();
    let Error::Text(text) = &error else { panic!("{error}") };
    assert_eq!((text.line, text.message.as_str()), (2, "missing field `component`"));
    assert!(error.to_string().contains(&format!("{}:2:", path.display())), "{error}");

    let path = write("wrong.fbp", "a(");
    let error = Graph::read(&path).unwrap_err().to_string();
    assert!(error.contains(&format!("{}:1:3", path.display())), "{error}");
    fs::write(&path, [0xff, 0xfe]).unwrap();
    for path in [path, folder.path().join("none.fbp"), folder.path().to_owned()] {
        let error = Graph::read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}: ", path.display())), "{error}");
    }
}
