//! `msgflo graph`.

use std::fs;
use std::time::Duration;

use msgflo::{Inport, Outport, Participant, Settings};
use msgflo_graph::Graph;
use msgflo_test_broker::RabbitMq;

use crate::brokers::Broker;
use crate::program::{Finished, msgflo, msgflo_with_input};

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

#[tokio::test]
async fn graphs_are_drawn_in_the_format_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("g.fbp");
    fs::write(&file, FBP).unwrap();
    let file = file.to_str().unwrap();
    let svg = msgflo(&["graph", "show", file]).await.ok();
    assert!(svg.starts_with("<svg ") && svg.contains(">resize</text>"), "{svg}");
    let dot = msgflo(&["graph", "show", file, "--format", "dot"]).await.ok();
    assert!(dot.starts_with("digraph {"), "{dot}");
    // By the name of the file that is written.
    for (name, beginning) in [("g.svg", "<svg "), ("g.gv", "digraph"), ("g.mmd", "flowchart")] {
        let output = folder.path().join(name);
        let show = ["graph", "show", file, "--output", output.to_str().unwrap()];
        assert_eq!(msgflo(&show).await.ok(), "");
        assert!(fs::read_to_string(output).unwrap().starts_with(beginning), "{name}");
    }
    let error = msgflo(&["graph", "show", file, "--output", "/nowhere/g.svg"]).await.failed(2);
    assert!(error.contains("cannot write /nowhere/g.svg"), "{error}");
    msgflo(&["graph", "show"]).await.failed(2);
}

/// Send texts
#[derive(Participant, Default)]
#[participant(component = "test/Sender")]
struct Sender {
    #[outport]
    out: Outport<String>,
    #[outport(queue = "shared")]
    direct: Outport<String>,
}

/// Take texts
#[derive(Participant, Default)]
#[participant(component = "test/Taker")]
struct Taker {
    #[inport(process = take)]
    r#in: Inport<String>,
    #[inport(process = take, queue = "shared")]
    direct: Inport<String>,
}

impl Taker {
    async fn take(&self, _: String) -> msgflo::Result<()> {
        Ok(())
    }
}

/// Runs two participants with an edge between them, and draws them.
async fn draw_running(url: &str) -> Finished {
    let network = msgflo::connect(url).await.unwrap();
    // Often, since brokers for MQTT keep no announcements.
    let settings = Settings { discovery_period: Duration::from_secs(1), ..Settings::default() };
    network.start_with("sender", Sender::default(), settings.clone()).await.unwrap();
    network.start_with("taker", Taker::default(), settings).await.unwrap();
    network.bind("sender.OUT", "taker.IN").await.unwrap();
    let show = ["graph", "show", "--running", "--format", "mermaid", "--wait", "5"];
    let shown = msgflo(&[&show[..], &["--broker", url]].concat()).await;
    network.shutdown().await.unwrap();
    shown
}

const RUNNING: &str = r#"flowchart LR
    n0["<b>sender</b><br>test/Sender"]
    n1["<b>taker</b><br>test/Taker"]
    n0 --> n1
    n0 -- "DIRECT → DIRECT" --> n1
"#;

#[tokio::test]
async fn the_network_that_runs_is_drawn() {
    for broker in [Broker::mosquitto(), Broker::zmq().await] {
        let drawn = draw_running(broker.url()).await.ok();
        assert_eq!(sorted(&drawn), sorted(RUNNING), "{}", broker.url());
    }
    let broker = RabbitMq::with_management().unwrap();
    let url = format!("{}?management={}", broker.url(), broker.management_url());
    assert_eq!(sorted(&draw_running(&url).await.ok()), sorted(RUNNING));

    // Without its management plugin, RabbitMQ tells nobody of its bindings.
    let drawn = draw_running(Broker::rabbitmq().url()).await;
    assert!(drawn.stderr.contains("only ports that share a queue are drawn"), "{drawn:?}");
    let expected = RUNNING.replace("    n0 --> n1\n", "");
    assert_eq!(drawn.ok(), expected);
}

/// Edges have no order of their own.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}
