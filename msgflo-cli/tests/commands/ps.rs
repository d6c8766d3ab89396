//! `msgflo ps`.

use msgflo_test_broker::RabbitMq;
use serde_json::{Value, json};

use crate::brokers::Broker;
use crate::images;
use crate::program::msgflo;
use crate::terminal::Terminal;

/// Participants announce themselves twice a second; the machine may be busy.
const WAIT: [&str; 2] = ["--wait", "5"];

/// Those of the network.
fn edges() -> Value {
    json!([{
        "source": "web.JOBS", "target": "images/jobs",
        "from": [{ "role": "web", "port": "jobs" }], "to": [{ "role": "resize", "port": "jobs" }],
    }])
}

#[tokio::test]
async fn everybody_is_listed_with_ports_on_every_broker() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        images::start(&network).await;
        let ps = [&["ps", "--broker", broker.url()], &WAIT[..]].concat();

        let text = msgflo(&ps).await.ok();
        let row = |words: &[&str]| {
            let has = |line: &str| words.iter().all(|word| line.contains(word));
            assert!(text.lines().any(has), "no line with {words:?} in\n{text}");
        };
        row(&["resize", "images/Resize", "2"]);
        row(&["web", "images/Web", "1"]);
        row(&["jobs", "in", "images/jobs", "any"]);
        row(&["image", "out", "resize.IMAGE", "buffer"]);
        assert!(!text.contains('\u{1B}'), "colours though this is no terminal:\n{text}");

        let told: Value =
            serde_json::from_str(&msgflo(&[&ps[..], &["--json"]].concat()).await.ok()).unwrap();
        let resize = &told["roles"][0];
        assert_eq!(resize["role"], "resize");
        assert_eq!(resize["component"], "images/Resize");
        assert_eq!(resize["label"], "Resize an image");
        assert_eq!(resize["workers"].as_array().unwrap().len(), 2);
        assert!(resize["workers"][0]["id"].as_str().unwrap().starts_with("resize-"));
        assert_eq!(resize["workers"][0]["late"], false);
        assert_eq!(resize["inports"][0]["description"], "What is to be resized");
        assert_eq!(told["roles"][1]["outports"][0]["queue"], "web.JOBS");
        // RabbitMQ tells its edges by its management plugin alone, which this one has not.
        if broker.url().starts_with("amqp") {
            assert_eq!(told["edges"], Value::Null);
            assert!(told["edges_unknown"].as_str().unwrap().contains("management"), "{told}");
            assert!(text.contains("edges are not known: "), "{text}");
        } else {
            assert_eq!(told["edges"], edges());
            row(&["web jobs -> jobs resize"]);
        }
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn queues_are_told_where_the_broker_knows() {
    for broker in [Broker::rabbitmq(), Broker::zmq().await] {
        let network = broker.connect().await;
        images::start(&network).await;
        // The participants refuse it.
        network.send("images/jobs", msgflo::Json(json!({}))).await.unwrap();
        let ps = [&["ps", "--json", "--broker", broker.url()], &WAIT[..]].concat();
        let told: Value = serde_json::from_str(&msgflo(&ps).await.ok()).unwrap();
        let inport = &told["roles"][0]["inports"][0];
        assert_eq!(
            (&inport["waiting"], &inport["consumers"], &inport["dead_letters"]),
            (&json!(0), &json!(2), &json!(1)),
            "{told}"
        );
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_network_is_an_empty_list() {
    let broker = Broker::rabbitmq();
    let ps = ["ps", "--broker", broker.url(), "--wait", "0.5", "--json"];
    let finished = msgflo(&ps).await;
    assert!(finished.stderr.contains("nobody has announced itself on amqp://"), "{finished:?}");
    assert!(!finished.stderr.contains("guest:guest"), "{finished:?}");
    let told: Value = serde_json::from_str(&finished.ok()).unwrap();
    assert_eq!(told["roles"], json!([]));
    let error = msgflo(&["ps", "--wait", "soon"]).await.failed(2);
    assert!(error.contains("write it like 30 or 0.5"), "{error}");
}

#[tokio::test]
async fn rabbitmq_tells_edges_by_its_management_plugin() {
    let broker = RabbitMq::with_management().unwrap();
    let url = format!("{}?management={}", broker.url(), broker.management_url());
    let network = msgflo::connect(&url).await.unwrap();
    images::start(&network).await;
    let finished = msgflo(&[&["ps", "--json", "--broker", &url], &WAIT[..]].concat()).await;
    let told: Value = serde_json::from_str(&finished.ok()).unwrap();
    assert_eq!(told["edges"], edges(), "{told}");
    assert!(!told["broker"].as_str().unwrap().contains(":guest@"), "{told}");
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn control_c_ends_the_listening_and_shows_what_is_known() {
    let broker = Broker::zmq().await;
    let network = broker.connect().await;
    images::start(&network).await;
    let mut terminal = Terminal::new(60, 30);
    let mut child = terminal.run(&["ps", "--broker", broker.url(), "--wait", "600"]);
    terminal.shows("listening for 600 s, Ctrl-C ends it: 3 participants").await;
    terminal.press("\u{3}");
    terminal.shows("WORKERS").await;
    terminal.shows("CONSUMERS").await;
    // Cut to the terminal's width, so that no line is wrapped.
    let cut = |screen: &vt100::Screen| screen.rows(0, 60).any(|row| row.ends_with('…'));
    terminal.wait_for("a line that is cut", cut).await;
    assert!(terminal.ended(&mut child).await.success());
    network.shutdown().await.unwrap();
}
