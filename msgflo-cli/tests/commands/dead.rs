//! `msgflo dead`.

use std::time::Duration;

use msgflo::participant::{Assembly, Method};
use msgflo::transport::{Deliveries, Delivery, Target};
use msgflo::{Error, ErrorKind, Message, Network, Port};
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
        network.shutdown().await.unwrap();
    }
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
