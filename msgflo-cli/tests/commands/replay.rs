//! `msgflo replay`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use msgflo::transport::{Deliveries, Queue, Target};
use msgflo::{ErrorKind, Message, Network};
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::program::{PATIENCE, msgflo};

const MESSAGES: [&str; 3] = ["1", "2", "2"];

async fn next(deliveries: &mut Deliveries) -> msgflo::transport::Delivery {
    timeout(PATIENCE, deliveries.next()).await.expect("a message").unwrap().unwrap()
}

/// Messages that have failed, and lie among the dead letters.
async fn fail(network: &Network) {
    let transport = network.transport();
    let queue = Queue::inport("in");
    transport.declare(&queue).await.unwrap();
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    for text in MESSAGES {
        transport.publish(Target::Inport("in"), Message::new(text)).await.unwrap();
        next(&mut deliveries).await.reject();
    }
    drop(deliveries);
    let dead = transport.dead_letter_queue("in");
    let arrive = async {
        loop {
            match transport.statistics(&dead).await {
                Ok(statistics) if statistics.waiting == MESSAGES.len() as u64 => return,
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                // MQTT: it is rejected when the broker has it.
                Err(error) => {
                    return assert!(matches!(error.kind(), Some(ErrorKind::Unsupported { .. })));
                }
            }
        }
    };
    timeout(PATIENCE, arrive).await.expect("the dead letters");
}

#[tokio::test]
async fn dead_letters_go_back_into_their_queue() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        fail(&network).await;
        let replay = ["replay", "--broker", broker.url(), "--queue", "in"];
        let told = msgflo(&[&replay[..], &["--dry-run"]].concat()).await.ok();
        assert!(told.contains("3 messages would be moved from `dead-in` to `in`"), "{told}");
        let told = msgflo(&[&replay[..], &["--count", "1"]].concat()).await.ok();
        assert!(told.contains("1 message moved"), "{told}");
        let told = msgflo(&replay).await.ok();
        assert!(told.contains("2 messages moved from `dead-in` to `in`"), "{told}");
        assert!(msgflo(&replay).await.ok().contains("0 messages moved"));

        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        let mut texts = Vec::new();
        for _ in MESSAGES {
            let delivery = next(&mut deliveries).await;
            texts.push(String::from_utf8(delivery.message.payload.to_vec()).unwrap());
            delivery.acknowledge();
        }
        texts.sort();
        assert_eq!(texts, MESSAGES);
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_fails_again_is_not_moved_again() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        fail(&network).await;
        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        let seen = Arc::new(Mutex::new(BTreeMap::<Vec<u8>, u64>::new()));
        let poisoned = tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Some(Ok(delivery)) = deliveries.next().await {
                    *seen.lock().unwrap().entry(delivery.message.payload.to_vec()).or_default() +=
                        1;
                    delivery.reject();
                }
            }
        });
        let told = msgflo(&["replay", "--broker", broker.url(), "--queue", "in"]).await.ok();
        let moved: u64 = told.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(moved, 3, "{told}");
        network.shutdown().await.unwrap();
        poisoned.await.unwrap();
        let seen: u64 = seen.lock().unwrap().values().sum();
        assert!(seen <= moved, "{seen} were processed");
    }
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence() {
    let broker = Broker::rabbitmq();
    let error = msgflo(&["replay", "--broker", broker.url(), "--queue", "nothing"]).await.failed(1);
    assert!(error.contains("`dead-nothing`"), "{error}");
    assert!(msgflo(&["replay", "--help"]).await.ok().contains("Examples:"));
}
