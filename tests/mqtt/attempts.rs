//! How often a message was delivered, and which attempt it is at, is known though workers die.

use std::time::Duration;

use msgflo::transport::{Deliveries, Delivery, Settlement};
use msgflo::{Network, reserved};
use msgflo_test_broker::Mosquitto;
use rumqttc::QoS;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::{PATIENCE, inport, next, peer, send, text};

const VERSIONS: [u32; 2] = [3, 5];
const HOUR: Duration = Duration::from_secs(3600);

async fn connect(broker: &Mosquitto, version: u32) -> Network {
    msgflo::connect(&format!("{}?version={version}", broker.url())).await.unwrap()
}

/// No record of a delivery stays on the broker.
async fn nothing_is_left(broker: &Mosquitto) {
    let (client, mut received) = peer(broker, "peer", "msgflo/tallies/#").await;
    client.publish("msgflo/tallies/end", QoS::AtLeastOnce, false, "end").await.unwrap();
    assert_eq!(timeout(PATIENCE, received.recv()).await.unwrap().unwrap(), "end");
}

/// What is there at first, of a worker that dies with all of it.
struct Dying {
    runtime: Runtime,
    held: Vec<Delivery>,
    _receiving: (Network, Deliveries),
}

impl Dying {
    fn start(broker: &Mosquitto, version: u32, count: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let (held, receiving) = runtime.block_on(async {
            let network = connect(broker, version).await;
            let mut deliveries = network.transport().consume("in", 10).await.unwrap();
            let mut held = vec![];
            for _ in 0..count {
                held.push(next(&mut deliveries).await);
            }
            (held, (network, deliveries))
        });
        Self { runtime, held, _receiving: receiving }
    }

    fn seen(&self) -> Vec<(&str, u32)> {
        self.held.iter().map(|delivery| (text(delivery), delivery.deliveries)).collect()
    }

    /// Cuts its connections, as the end of its process would.
    fn die(self) {
        self.runtime.shutdown_background();
    }
}

#[test]
fn how_often_a_message_has_ended_the_process_is_counted() {
    for version in VERSIONS {
        let broker = Mosquitto::start().unwrap();
        let living = Runtime::new().unwrap();
        living.block_on(async {
            let network = connect(&broker, version).await;
            network.transport().declare(&inport("in")).await.unwrap();
            // Two that are the same to a byte are counted apart.
            for text in ["poison", "same", "same"] {
                send(&network, "in", text).await;
            }
            network.shutdown().await.unwrap();
        });
        for (count, expected) in [
            (3, vec![("poison", 1), ("same", 1), ("same", 1)]),
            (3, vec![("poison", 2), ("same", 2), ("same", 2)]),
            // From now on, alone.
            (1, vec![("poison", 3)]),
        ] {
            let dying = Dying::start(&broker, version, count);
            assert_eq!(dying.seen(), expected, "version {version}");
            dying.die();
        }
        living.block_on(async {
            let network = connect(&broker, version).await;
            let mut deliveries = network.transport().consume("in", 10).await.unwrap();
            // It is put off: others come to an end before it ends the process again.
            for expected in [("same", 3), ("same", 3), ("poison", 4)] {
                let delivery = next(&mut deliveries).await;
                assert_eq!((text(&delivery), delivery.deliveries), expected);
                delivery.acknowledge();
            }
            send(&network, "in", "after").await;
            let delivery = next(&mut deliveries).await;
            assert_eq!((text(&delivery), delivery.deliveries), ("after", 1));
            delivery.acknowledge();
            network.shutdown().await.unwrap();
            nothing_is_left(&broker).await;
        });
    }
}

#[tokio::test]
async fn what_is_given_back_is_not_held_against_it() {
    let broker = Mosquitto::start().unwrap();
    for version in VERSIONS {
        let queue = format!("in{version}");
        let network = connect(&broker, version).await;
        network.transport().declare(&inport(&queue)).await.unwrap();
        send(&network, &queue, "again").await;
        network.shutdown().await.unwrap();
        for round in 0..5 {
            let network = connect(&broker, version).await;
            let mut deliveries = network.transport().consume(&queue, 1).await.unwrap();
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.redelivered, round > 0);
            // That it may have been delivered before is all that the broker tells.
            assert!(delivery.deliveries <= 2, "{delivery:?}");
            drop(delivery);
            let delivery = next(&mut deliveries).await;
            assert_eq!((delivery.redelivered, delivery.deliveries), (true, 1));
            drop(delivery);
            drop(deliveries);
            network.shutdown().await.unwrap();
        }
        let network = connect(&broker, version).await;
        let mut deliveries = network.transport().consume(&queue, 1).await.unwrap();
        next(&mut deliveries).await.acknowledge();
        network.shutdown().await.unwrap();
    }
}

#[test]
fn attempts_outlive_the_worker_that_made_them() {
    for version in VERSIONS {
        let broker = Mosquitto::start().unwrap();
        let (living, dying) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let receiving = dying.block_on(async {
            let network = connect(&broker, version).await;
            network.transport().declare(&inport("in")).await.unwrap();
            let mut deliveries = network.transport().consume("in", 10).await.unwrap();
            let (_client, mut written) = peer(&broker, "peer", "msgflo/tallies/#").await;
            send(&network, "in", "photo").await;
            let delivery = next(&mut deliveries).await;
            let again = delivery.message.clone().with_header(reserved::ATTEMPT, "2");
            delivery.settle_as(Settlement::Delayed(Box::new(again), HOUR));
            timeout(PATIENCE, written.recv()).await.unwrap().unwrap();
            (network, deliveries)
        });
        dying.shutdown_background();
        living.block_on(async {
            let network = connect(&broker, version).await;
            let mut deliveries = network.transport().consume("in", 10).await.unwrap();
            let delivery = next(&mut deliveries).await;
            assert_eq!((text(&delivery), delivery.deliveries), ("photo", 2));
            assert_eq!(delivery.message.headers().get(reserved::ATTEMPT), Some("2"));
            delivery.acknowledge();
            network.shutdown().await.unwrap();
            nothing_is_left(&broker).await;
        });
        drop(receiving);
    }
}

#[tokio::test]
async fn a_lost_connection_is_no_end_of_a_process() {
    let mut broker = Mosquitto::start().unwrap();
    let network = connect(&broker, 3).await;
    network.transport().declare(&inport("in")).await.unwrap();
    let mut deliveries = network.transport().consume("in", 100).await.unwrap();
    send(&network, "in", "long").await;
    let mut held = vec![next(&mut deliveries).await];
    for _ in 0..4 {
        broker.stop().unwrap();
        broker.start_again().unwrap();
        let delivery = next(&mut deliveries).await;
        assert_eq!((text(&delivery), delivery.redelivered, delivery.deliveries), ("long", true, 1));
        held.push(delivery);
    }
    held.into_iter().for_each(Delivery::acknowledge);
    network.shutdown().await.unwrap();
    nothing_is_left(&broker).await;
}

#[tokio::test]
async fn what_was_counted_of_messages_that_are_gone_is_forgotten() {
    let broker = Mosquitto::start().unwrap();
    let network = connect(&broker, 3).await;
    network.transport().declare(&inport("in")).await.unwrap();
    let (client, mut written) = peer(&broker, "peer", "msgflo/tallies/#").await;
    client
        .publish("msgflo/tallies/in/first/7-0f", QoS::AtLeastOnce, true, "somebody 9 - -")
        .await
        .unwrap();
    timeout(PATIENCE, written.recv()).await.unwrap().unwrap();
    let mut deliveries = network.transport().consume("in", 10).await.unwrap();
    send(&network, "in", "fresh").await;
    let delivery = next(&mut deliveries).await;
    assert_eq!((text(&delivery), delivery.deliveries), ("fresh", 1));
    delivery.acknowledge();
    network.shutdown().await.unwrap();
    nothing_is_left(&broker).await;
}
