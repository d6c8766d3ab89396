//! `msgflo dead`.

use std::time::Duration;

use msgflo::participant::{Assembly, Method};
use msgflo::transport::{Deliveries, Delivery, Queue, Settlement, Target};
use msgflo::{Error, ErrorKind, Message, Network, Port, reserved};
use serde_json::Value;
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::program::{PATIENCE, msgflo};

/// A role whose messages all fail: `bad` for good, the others at the second attempt.
async fn fail(network: &Network) {
    let mut picky = Assembly::new("test/Picky");
    let port = Port::new("in", "string").attempts(2).backoff("10ms".parse().unwrap());
    picky.inport_as(
        port,
        Method::closure(|text: String, _| async move {
            match text.as_str() {
                "bad" => Err(msgflo::permanent("it is bad")),
                _ => Err(Error::message("nobody likes it")),
            }
        }),
    );
    network.start_assembly("picky", picky).await.unwrap();
    let transport = network.transport();
    for (id, text) in [("1", "bad"), ("2", "dull"), ("3", "grey")] {
        let message = Message::new(text).with_id(id).with_header("tenant", "a");
        transport.publish(Target::Inport("picky.IN"), message).await.unwrap();
    }
}

async fn brokers() -> Vec<Broker> {
    Broker::all().await.into_iter().chain([Broker::mosquitto_5()]).collect()
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    timeout(PATIENCE, deliveries.next()).await.expect("a message").unwrap().unwrap()
}

fn lines(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn dead_letters_are_seen_moved_and_deleted() {
    for broker in brokers().await {
        let network = broker.connect().await;
        fail(&network).await;
        let tells_why = network.transport().abilities().headers;
        let dead = async |action: &str, more: &[&str]| {
            let fixed = ["dead", action, "--broker", broker.url(), "--queue", "picky.IN"];
            msgflo(&[&fixed[..], more].concat()).await
        };
        let arrive = async {
            while lines(&dead("list", &["--json"]).await.ok()).len() < 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, arrive).await.expect("the dead letters");
        network.shutdown().await.unwrap();

        let told = dead("list", &[]).await.ok();
        assert!(told.starts_with("3 dead letters of `picky.IN`"), "{told}");
        if !tells_why {
            let refused = dead("list", &["--error", "bad"]).await.failed(2);
            assert!(refused.contains("no reasons"), "{refused}");
            let told = dead("replay", &["--count", "1"]).await.ok();
            assert_eq!(told.trim(), "1 dead letter of `picky.IN` moved");
            let told = dead("purge", &["--yes"]).await.ok();
            assert_eq!(told.trim(), "2 dead letters of `picky.IN` deleted");
            continue;
        }
        assert!(told.contains("picky in") && told.contains("it is bad"), "{told}");
        let bad = lines(&dead("list", &["--json", "--error", "IS BAD"]).await.ok());
        assert_eq!(bad.len(), 1);
        let known = |key: &str| bad[0][key].clone();
        assert_eq!(
            (known("id"), known("attempts"), known("role")),
            ("1".into(), 1.into(), "picky".into())
        );
        assert_eq!(bad[0]["payload"]["text"], "bad");
        assert_eq!(bad[0]["headers"], serde_json::json!([["tenant", "a"]]));

        let show = async |id: &str| {
            msgflo(&["dead", "show", id, "--broker", broker.url(), "--queue", "picky.IN"]).await
        };
        let shown = show("2").await.ok();
        assert!(
            shown.contains("msgflo-error: nobody likes it") && shown.ends_with("\n\ndull\n"),
            "{shown}"
        );
        assert!(show("9").await.failed(1).contains("no dead letter `9`"));

        let told = dead("replay", &["--error", "nobody", "--dry-run"]).await.ok();
        assert_eq!(told.trim(), "2 dead letters of `picky.IN` would be moved");
        let told = dead("replay", &["--id", "3"]).await.ok();
        assert_eq!(told.trim(), "1 dead letter of `picky.IN` moved");
        let network = broker.connect().await;
        let mut deliveries = network.transport().consume("picky.IN", 10).await.unwrap();
        let delivery = next(&mut deliveries).await;
        let expected = Message::new("grey").with_id("3").with_header("tenant", "a");
        assert_eq!(delivery.message.payload, expected.payload);
        assert_eq!(delivery.message.headers().get("tenant"), Some("a"));
        assert_eq!(delivery.message.headers().get("msgflo-error"), None);
        delivery.acknowledge();

        let asked = dead("purge", &[]).await.failed(2);
        assert!(asked.contains("say --yes"), "{asked}");
        let told = dead("purge", &["--yes", "--id", "1"]).await.ok();
        assert_eq!(told.trim(), "1 dead letter of `picky.IN` deleted");
        let exported = lines(&dead("export", &[]).await.ok());
        assert_eq!(exported.len(), 1);
        assert_eq!(exported[0]["id"], "2");
        assert_eq!(exported[0]["queue"], "picky.IN");
        let nowhere = dead("replay", &["--id", "9"]).await.failed(1);
        assert!(nowhere.contains("no dead letter `9` of `picky.IN`"), "{nowhere}");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_selected_stays_in_order() {
    for broker in brokers().await {
        let network = broker.connect().await;
        if !network.transport().abilities().headers {
            continue;
        }
        let letters: Vec<_> =
            (0..40).map(|id| (id.to_string(), format!("error{}", id % 4))).collect();
        bury(&network, &letters).await;
        network.shutdown().await.unwrap();
        let dead = async |action: &str, more: &[&str]| {
            let fixed = ["dead", action, "--broker", broker.url(), "--queue", "in"];
            msgflo(&[&fixed[..], more].concat()).await.ok()
        };
        let ids = |told: &str| -> Vec<u64> {
            lines(told).iter().map(|line| line["id"].as_str().unwrap().parse().unwrap()).collect()
        };
        let all: Vec<_> = (0..40).collect();
        assert_eq!(ids(&dead("export", &[]).await), all, "{}", broker.url());
        assert_eq!(ids(&dead("list", &["--json", "--count", "3"]).await), [0, 1, 2]);
        let told = dead("replay", &["--error", "ERROR2"]).await;
        assert_eq!(told.trim(), "10 dead letters of `in` moved");
        let left: Vec<_> = all.into_iter().filter(|id| id % 4 != 2).collect();
        assert_eq!(ids(&dead("export", &[]).await), left, "{}", broker.url());
        let told = dead("purge", &["--yes", "--error", "error1", "--count", "1"]).await;
        assert_eq!(told.trim(), "1 dead letter of `in` deleted");
        let left: Vec<_> = left.into_iter().filter(|id| *id != 1).collect();
        assert_eq!(ids(&dead("export", &[]).await), left, "{}", broker.url());
    }
}

#[tokio::test]
async fn without_a_queue_those_of_all_inports_are_listed() {
    for broker in [Broker::rabbitmq(), Broker::zmq().await] {
        let network = broker.connect().await;
        fail(&network).await;
        let transport = network.transport();
        let dead = transport.dead_letter_queue("picky.IN");
        let arrive = async {
            while transport.statistics(&dead).await.unwrap().waiting < 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, arrive).await.expect("the dead letters");
        let list = ["dead", "list", "--broker", broker.url(), "--wait", "3"];
        let told = msgflo(&list).await.ok();
        assert!(told.starts_with("3 dead letters of `picky.IN`"), "{told}");
        let purge = ["dead", "purge", "--yes", "--broker", broker.url(), "--queue", "picky.IN"];
        msgflo(&purge).await.ok();
        let finished = msgflo(&list).await;
        assert!(finished.stderr.contains("no dead letters"), "{finished:?}");
        assert_eq!(finished.ok(), "");
        network.shutdown().await.unwrap();
    }
}

/// Dead letters of the queue `in`, with ids and errors.
async fn bury(network: &Network, letters: &[(String, String)]) {
    let transport = network.transport();
    transport.declare(&Queue::inport("in")).await.unwrap();
    let mut deliveries = transport.consume("in", 100).await.unwrap();
    for (id, error) in letters {
        let message = Message::new(format!("payload {id}")).with_id(id.as_str());
        transport.publish(Target::Inport("in"), message.clone()).await.unwrap();
        let dead = message
            .with_header(reserved::ID, id.as_str())
            .with_header(reserved::QUEUE, "in")
            .with_header(reserved::ERROR, error.as_str())
            .with_header(reserved::LAST_FAILED, "2026-01-01T00:00:00.000Z");
        next(&mut deliveries).await.settle_as(Settlement::DeadLettered(Box::new(dead)));
    }
}

#[tokio::test]
async fn a_payload_is_written_byte_for_byte() {
    let broker = Broker::zmq().await;
    let network = broker.connect().await;
    let transport = network.transport();
    transport.declare(&Queue::inport("in")).await.unwrap();
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    let message = Message::new(&[0xFF, 0, b'\n'][..]);
    transport.publish(Target::Inport("in"), message).await.unwrap();
    next(&mut deliveries).await.reject();
    drop(deliveries);
    let fixed = ["--broker", broker.url(), "--queue", "in"];
    let list = [&["dead", "list", "--json"], &fixed[..]].concat();
    let letter = async {
        loop {
            if let Some(letter) = lines(&msgflo(&list).await.ok()).pop() {
                return letter;
            }
        }
    };
    let letter = timeout(PATIENCE, letter).await.expect("the dead letter");
    assert_eq!((&letter["payload"]["base64"], &letter["error"]), (&"/wAK".into(), &Value::Null));
    let id = letter["id"].as_str().unwrap();
    let show = [&["dead", "show", id], &fixed[..]].concat();
    assert!(msgflo(&show).await.ok().contains("3 bytes that are no text"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload");
    msgflo(&[&show[..], &["--output", file.to_str().unwrap()]].concat()).await.ok();
    assert_eq!(std::fs::read(&file).unwrap(), [0xFF, 0, b'\n']);
    let lines = folder.path().join("dead.jsonl");
    let export = [&["dead", "export", "--output", lines.to_str().unwrap()], &fixed[..]].concat();
    assert!(msgflo(&export).await.ok().starts_with("1 dead letter written"));
    assert_eq!(std::fs::read_to_string(&lines).unwrap().lines().count(), 1);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_fails_again_is_moved_once() {
    for broker in brokers().await {
        let network = broker.connect().await;
        if !network.transport().abilities().headers {
            continue;
        }
        fail(&network).await;
        let list = ["dead", "list", "--json", "--broker", broker.url(), "--queue", "picky.IN"];
        let arrive = async {
            while lines(&msgflo(&list).await.ok()).len() < 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, arrive).await.expect("the dead letters");
        // They fail again while they are moved.
        let told =
            msgflo(&["dead", "replay", "--broker", broker.url(), "--queue", "picky.IN"]).await.ok();
        assert_eq!(told.trim(), "3 dead letters of `picky.IN` moved");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_request_needs_no_outport() {
    for broker in brokers().await {
        let network = broker.connect().await;
        let mut double = Assembly::new("test/Double");
        let out = double.outport::<msgflo::Json<i64>>("out");
        double.inport("in", move |msgflo::Json(number): msgflo::Json<i64>, _| {
            let out = out.clone();
            async move { out.send(msgflo::Json(2 * number)).await }
        });
        network.start_assembly("double", double).await.unwrap();
        let request = ["request", "--broker", broker.url(), "--queue", "double.IN", "--json", "21"];
        let asked = msgflo(&request).await;
        match network.transport().abilities().headers {
            true => assert_eq!(asked.ok().trim(), "42"),
            false => assert!(asked.failed(1).contains("?version=5")),
        }
        let nobody = ["request", "--broker", broker.url(), "--queue", "silent.IN", "--text", "x"];
        let silent = Queue::inport("silent.IN");
        network.transport().declare(&silent).await.unwrap();
        if network.transport().abilities().headers {
            let error = msgflo(&[&nobody[..], &["--timeout", "0.5"]].concat()).await.failed(4);
            assert!(error.contains("within 0.5 s"), "{error}");
        }
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence() {
    let broker = Broker::rabbitmq();
    let list = ["dead", "list", "--broker", broker.url(), "--queue", "nothing"];
    let error = msgflo(&list).await.failed(1);
    assert!(error.contains("`dead-nothing`"), "{error}");
    let error: Error = ErrorKind::Invalid(error).into();
    assert!(error.to_string().lines().count() <= 2);
    for action in ["list", "show", "replay", "purge", "export"] {
        assert!(msgflo(&["dead", action, "--help"]).await.ok().contains("Examples:"), "{action}");
    }
}
