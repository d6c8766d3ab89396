//! `msgflo dump`.

use std::time::Duration;

use msgflo::transport::{Direction, Queue, Target};
use msgflo::{Message, Network};
use msgflo_test_broker::RabbitMq;
use serde_json::Value;
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::program::{PATIENCE, Running, msgflo};

/// An outport and an inport that is bound to it.
async fn wire(network: &Network) {
    let port = |name: &str, direction| Queue::new(name, direction);
    network.transport().declare(&port("out", Direction::Out)).await.unwrap();
    network.transport().declare(&port("in", Direction::In)).await.unwrap();
    network.bind("out", "in").await.unwrap();
}

async fn emit(network: &Network, message: Message) {
    network.transport().publish(Target::Outport("out"), message).await.unwrap();
}

/// Sends until the program has printed the first: then it listens.
async fn first_line(network: &Network, dump: &mut Running) -> String {
    let send = async {
        loop {
            emit(network, Message::new("ready?")).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        line = dump.line() => line,
        () = send => unreachable!("it sends for ever"),
    }
}

/// The next line that is no answer to the question whether it listens.
async fn next_line(dump: &mut Running) -> String {
    loop {
        let line = dump.line().await;
        if !line.contains("ready?") {
            return line;
        }
    }
}

#[tokio::test]
async fn what_leaves_an_outport_is_printed_and_taken_from_nobody() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        wire(&network).await;
        let mut dump = Running::start(&["dump", "--broker", broker.url(), "--queue", "out"]);
        assert_eq!(first_line(&network, &mut dump).await, "ready?");
        emit(&network, Message::new("{\"a\": 1}")).await;
        emit(&network, Message::new("two\nlines")).await;
        emit(&network, Message::new(&[0xFF, 0][..])).await;
        assert_eq!(next_line(&mut dump).await, "{\"a\": 1}");
        assert_eq!(next_line(&mut dump).await, "text:\"two\\nlines\"");
        assert_eq!(next_line(&mut dump).await, "base64:/wA=");
        let (status, stderr) = dump.interrupt().await;
        assert!(status.success(), "{status}: {stderr}");

        let mut deliveries = network.transport().consume("in", 10).await.unwrap();
        loop {
            let delivery = timeout(PATIENCE, deliveries.next()).await.expect("all messages");
            let delivery = delivery.unwrap().unwrap();
            let last = delivery.message.payload == [0xFF, 0][..];
            delivery.acknowledge();
            if last {
                break;
            }
        }
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn json_lines_have_all_that_is_known_and_count_ends_it() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        wire(&network).await;
        let dump = ["dump", "--broker", broker.url(), "--queue", "out", "--json", "--count", "1"];
        let mut dump = Running::start(&dump);
        let line: Value = serde_json::from_str(&first_line(&network, &mut dump).await).unwrap();
        assert_eq!((&line["queue"], &line["payload"]), (&"out".into(), &"ready?".into()));
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn headers_are_printed_where_they_travel() {
    for broker in [Broker::rabbitmq(), Broker::mosquitto_5(), Broker::zmq().await] {
        let network = broker.connect().await;
        wire(&network).await;
        let mut dump = Running::start(&["dump", "--broker", broker.url(), "--queue", "out"]);
        first_line(&network, &mut dump).await;
        emit(&network, Message::new("x").with_header("tenant", "a")).await;
        assert_eq!(next_line(&mut dump).await, "[tenant=a] x", "{}", broker.url());
        dump.interrupt().await;
        network.shutdown().await.unwrap();
    }
}

/// Where the broker tells which edges there are.
#[tokio::test]
async fn what_comes_to_an_inport_is_printed() {
    let rabbitmq = RabbitMq::with_management().unwrap();
    let (mosquitto, zmq) = (Broker::mosquitto(), Broker::zmq().await);
    let with_management = format!("{}?management={}", rabbitmq.url(), rabbitmq.management_url());
    for url in [&with_management, mosquitto.url(), zmq.url()] {
        let network = msgflo::connect(url).await.unwrap();
        wire(&network).await;
        let mut dump = Running::start(&["dump", "--broker", url, "--queue", "in", "--inport"]);
        assert_eq!(first_line(&network, &mut dump).await, "ready?");
        emit(&network, Message::new("through the edge")).await;
        assert_eq!(dump.line_with("through").await, "through the edge");
        assert!(dump.interrupt().await.0.success());
        network.shutdown().await.unwrap();
    }
}

/// A participant that says what its queue is.
#[derive(msgflo::Participant, Default)]
#[participant(component = "test/Sink")]
struct Sink {
    #[inport(process = swallow, queue = "in")]
    r#in: msgflo::Inport<msgflo::Any>,
}

impl Sink {
    async fn swallow(&self, _message: msgflo::Any) -> msgflo::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn announcements_tell_that_a_queue_is_an_inports() {
    for broker in [Broker::mosquitto(), Broker::zmq().await] {
        let network = broker.connect().await;
        wire(&network).await;
        let settings = msgflo::Settings {
            discovery_period: Duration::from_secs(1),
            ..msgflo::Settings::default()
        };
        network.start_with("sink", Sink::default(), settings).await.unwrap();
        let mut dump = Running::start(&["dump", "--broker", broker.url(), "--queue", "in"]);
        assert_eq!(first_line(&network, &mut dump).await, "ready?");
        let (_, stderr) = dump.interrupt().await;
        assert!(stderr.contains("listening at inport `in`"), "{stderr}");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence_and_an_exit_code() {
    let broker = Broker::rabbitmq();
    let network = broker.connect().await;
    wire(&network).await;
    let dump = ["dump", "--broker", broker.url(), "--queue"];
    let error = msgflo(&[&dump[..], &["in", "--inport"]].concat()).await.failed(1);
    for told in ["`in`", "rabbitmq-plugins enable rabbitmq_management", "?management=http://"] {
        assert!(error.contains(told), "{error}");
    }
    let error = msgflo(&[&dump[..], &["nothing", "--outport"]].concat()).await.failed(1);
    assert!(error.contains("cannot use queue `nothing`"), "{error}");
    let short = ["out", "--outport", "--count", "2", "--timeout", "0.1"];
    let error = msgflo(&[&dump[..], &short].concat()).await.failed(4);
    assert!(error.contains("0 of 2 messages passed `out` in time"), "{error}");
    let no_count = ["out", "--outport", "--timeout", "0.1"];
    assert_eq!(msgflo(&[&dump[..], &no_count].concat()).await.ok(), "");
    let error = msgflo(&[&dump[..], &["out", "--inport", "--outport"]].concat()).await.failed(2);
    assert!(error.contains("cannot be used with"), "{error}");
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn help_shows_examples() {
    assert!(msgflo(&["dump", "--help"]).await.ok().contains("Examples:"));
}
