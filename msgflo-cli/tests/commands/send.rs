//! `msgflo send`.

use msgflo::transport::{Deliveries, Direction, Queue};
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::program::{PATIENCE, msgflo, msgflo_with_input};

async fn next(deliveries: &mut Deliveries) -> msgflo::Message {
    let delivery = timeout(PATIENCE, deliveries.next()).await.expect("a message");
    let delivery = delivery.unwrap().unwrap();
    let message = delivery.message.clone();
    delivery.acknowledge();
    message
}

#[tokio::test]
async fn a_message_is_sent_byte_for_byte_from_wherever_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photo");
    std::fs::write(&file, [0xFF, 0, b'\n']).unwrap();
    for broker in Broker::all().await {
        let network = broker.connect().await;
        let inport = |name: &str, direction| Queue::new(name, direction);
        network.transport().declare(&inport("in", Direction::In)).await.unwrap();
        network.transport().declare(&inport("out", Direction::Out)).await.unwrap();
        network.bind("out", "in").await.unwrap();
        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        let send = ["send", "--broker", broker.url(), "--queue", "in"];

        msgflo(&[&send[..], &["--json", "{\"a\": 1}"]].concat()).await.ok();
        assert_eq!(next(&mut deliveries).await.payload, "{\"a\": 1}");
        msgflo(&[&send[..], &["--text", "ünï"]].concat()).await.ok();
        assert_eq!(next(&mut deliveries).await.payload, "ünï");
        msgflo(&[&send[..], &["--file", file.to_str().unwrap()]].concat()).await.ok();
        assert_eq!(next(&mut deliveries).await.payload, [0xFF, 0, b'\n'][..]);
        msgflo_with_input(&send, b"piped\n").await.ok();
        assert_eq!(next(&mut deliveries).await.payload, "piped\n");
        let outport =
            ["send", "--broker", broker.url(), "--queue", "out", "--outport", "--text", "x"];
        msgflo(&outport).await.ok();
        assert_eq!(next(&mut deliveries).await.payload, "x");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_travels_beside_it_is_sent_where_it_can_be() {
    let brokers = Broker::all().await.into_iter().chain([Broker::mosquitto_5()]);
    for broker in brokers {
        let network = broker.connect().await;
        let abilities = network.transport().abilities();
        network.transport().declare(&Queue::inport("in")).await.unwrap();
        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        let send = async |more: &[&str]| {
            let fixed = ["send", "--broker", broker.url(), "--queue", "in", "--text", "x"];
            msgflo(&[&fixed[..], more].concat()).await
        };
        let headers = ["--header", "tenant=a", "--header", "kind=b=c", "--id", "order-17"];
        match abilities.headers {
            true => {
                send(&headers).await.ok();
                let message = next(&mut deliveries).await;
                assert_eq!(message.headers().get("tenant"), Some("a"));
                assert_eq!(message.headers().get("kind"), Some("b=c"));
                assert_eq!(message.id.as_deref(), Some("order-17"));
            }
            false => assert!(send(&headers).await.failed(1).contains("?version=5")),
        }
        for (argument, value, can) in [
            ("--delay", "10ms", abilities.delay),
            ("--expires-in", "1h", abilities.expiry),
            ("--priority", "3", abilities.priority),
        ] {
            match can {
                true => {
                    send(&[argument, value]).await.ok();
                    assert_eq!(next(&mut deliveries).await.payload, "x");
                }
                false => {
                    let error = send(&[argument, value]).await.failed(1);
                    assert!(error.contains(argument), "{error}");
                }
            }
        }
        network.shutdown().await.unwrap();
    }
    for wrong in [["--header", "x"], ["--delay", "5"], ["--delay", "60days"]] {
        let send = ["send", "--queue", "in", "--text", "x"];
        msgflo(&[&send[..], &wrong].concat()).await.failed(2);
    }
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence_and_an_exit_code() {
    let error = msgflo(&["send", "--queue", "in", "--json", "{"]).await.failed(2);
    assert!(error.contains("--json is not JSON") && error.contains("--text"), "{error}");
    let error = msgflo(&["send", "--queue", "in", "--file", "/nowhere"]).await.failed(2);
    assert!(error.contains("cannot read --file /nowhere"), "{error}");
    let error = msgflo(&["send", "--queue", "in", "--json", "1", "--text", "2"]).await.failed(2);
    assert!(error.contains("cannot be used with"), "{error}");

    let nobody = ["--broker", "amqp://u:secret@127.0.0.1:1", "--connect-timeout", "0.2"];
    let error =
        msgflo(&[&["send", "--queue", "in", "--text", "x"], &nobody[..]].concat()).await.failed(3);
    assert!(error.contains("cannot connect to amqp://u@127.0.0.1:1"), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");

    let broker = Broker::rabbitmq();
    let send = ["send", "--broker", broker.url(), "--queue", "nothing.IN", "--text", "x"];
    let error = msgflo(&send).await.failed(1);
    assert!(error.contains("`nothing.IN`"), "{error}");
}

#[tokio::test]
async fn help_shows_examples_and_completions_are_printed() {
    assert!(msgflo(&["send", "--help"]).await.ok().contains("Examples:"));
    assert!(msgflo(&["completions", "bash"]).await.ok().contains("complete -F"));
}
