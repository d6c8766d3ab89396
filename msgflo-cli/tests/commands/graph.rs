//! `msgflo graph`.

use std::fs;

use msgflo_graph::Graph;

use crate::program::{msgflo, msgflo_with_input};

const FBP: &str = "\
# @runtime msgflo
web(Api) RESIZE -> IN resize(Resize) OUT -> IN store(Store)
'8081' -> PORT web
";

#[tokio::test]
async fn fbp_becomes_json_and_json_becomes_fbp() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let graph = Graph::from_fbp(FBP).unwrap();
    let convert = ["graph", "convert"];

    let json = msgflo(&[&convert[..], &[&write("g.fbp", FBP)]].concat()).await.ok();
    assert_eq!(Graph::from_json(&json).unwrap(), graph);
    let fbp = msgflo(&[&convert[..], &[&write("g.json", &json)]].concat()).await.ok();
    assert_eq!(Graph::from_fbp(&fbp).unwrap(), graph);
    // Without an extension, and from standard input, by what is in it.
    assert_eq!(msgflo(&[&convert[..], &[&write("g", &json)]].concat()).await.ok(), fbp);
    assert_eq!(msgflo_with_input(&["graph", "convert", "-"], json.as_bytes()).await.ok(), fbp);
    assert_eq!(msgflo_with_input(&["graph", "convert", "-"], fbp.as_bytes()).await.ok(), json);
    let to_itself = ["graph", "convert", "-", "--to", "fbp"];
    assert_eq!(msgflo_with_input(&to_itself, fbp.as_bytes()).await.ok(), fbp);
}

#[tokio::test]
async fn a_mistake_is_shown_with_its_place() {
    let error = msgflo_with_input(&["graph", "convert", "-"], b"a(A) --> b(B)").await.failed(2);
    assert!(error.starts_with("error: expected"), "{error}");
    assert!(error.contains(":1:6\n") && error.contains("1 | a(A) --> b(B)\n"), "{error}");
    assert!(!error.contains('\u{1b}'), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    fs::write(&file, "{ \"processes\": { \"a\": {} } }").unwrap();
    let file = file.to_str().unwrap();
    let error = msgflo(&["graph", "convert", file]).await.failed(2);
    assert!(error.contains(&format!("{file}:1:")) && error.contains("component"), "{error}");
    let error = msgflo(&["graph", "show", "/nowhere.fbp"]).await.failed(2);
    assert!(error.starts_with("error: cannot read /nowhere.fbp"), "{error}");
    // JSON that the language has no words for.
    let json = br#"{ "processes": { "a": { "component": "a b" } } }"#;
    let error = msgflo_with_input(&["graph", "convert", "-"], json).await.failed(2);
    assert!(error.contains("a b"), "{error}");
}
