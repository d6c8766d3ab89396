//! Participants that are away, and a broker that restarts meanwhile.

use std::collections::BTreeSet;

use msgflo::transport::{Deliveries, Target};
use msgflo::{ErrorKind, Message, Network};
use msgflo_test_broker::Mosquitto;
use tokio::time::timeout;

use super::{PATIENCE, edge, inport, next, send, text};

async fn emit(network: &Network, outport: &str, text: &str) {
    let sent = network.transport().publish(Target::Outport(outport), Message::new(text.to_owned()));
    timeout(PATIENCE, sent).await.expect("the broker takes it").unwrap();
}

async fn expect(deliveries: &mut Deliveries, expected: &[&str]) {
    let mut left = BTreeSet::from_iter(expected.iter().copied());
    while !left.is_empty() {
        let delivery = next(deliveries).await;
        assert!(left.remove(text(&delivery)) || delivery.redelivered, "{}", text(&delivery));
        delivery.acknowledge();
    }
}

#[tokio::test]
async fn what_is_sent_after_a_restart_waits_for_who_is_away() {
    let mut broker = Mosquitto::start().unwrap();
    let maker = msgflo::connect(&broker.url()).await.unwrap();
    maker.transport().declare(&inport("in")).await.unwrap();
    maker.transport().bind(&edge("out", "in")).await.unwrap();
    emit(&maker, "out", "before, by the edge").await;
    send(&maker, "in", "before").await;
    maker.shutdown().await.unwrap();

    broker.restart().unwrap();
    let sender = msgflo::connect(&broker.url()).await.unwrap();
    emit(&sender, "out", "after, by the edge").await;
    send(&sender, "in", "after").await;
    sender.shutdown().await.unwrap();

    let worker = msgflo::connect(&broker.url()).await.unwrap();
    let mut deliveries = worker.transport().consume("in", 10).await.unwrap();
    let sent = ["before, by the edge", "before", "after, by the edge", "after"];
    expect(&mut deliveries, &sent).await;
    worker.shutdown().await.unwrap();
}

#[test]
fn what_a_worker_had_that_died_with_the_broker_another_gets() {
    let saving = "autosave_on_changes true\nautosave_interval 1";
    let mut broker = Mosquitto::with_config(saving).unwrap();
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (dying, living) = (runtime(), runtime());
    let held = dying.block_on(async {
        let network = msgflo::connect(&broker.url()).await.unwrap();
        network.transport().declare(&inport("in")).await.unwrap();
        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        for text in ["1", "2", "3"] {
            send(&network, "in", text).await;
        }
        let held = next(&mut deliveries).await;
        // It is saved when there are further changes.
        network.transport().declare(&inport("other")).await.unwrap();
        for text in ["1", "2", "3"] {
            send(&network, "other", text).await;
        }
        (network, held, deliveries)
    });
    broker.kill();
    dying.shutdown_background();
    broker.start_again().unwrap();
    living.block_on(async {
        let network = msgflo::connect(&broker.url()).await.unwrap();
        let mut deliveries = network.transport().consume("in", 10).await.unwrap();
        expect(&mut deliveries, &["1", "2", "3"]).await;
        network.shutdown().await.unwrap();
    });
    drop(held);
}

#[tokio::test]
async fn a_session_keeps_its_share_while_it_is_away() {
    let broker = Mosquitto::start().unwrap();
    let named = format!("{}?session=roof%20a", broker.url());
    let first = msgflo::connect(&named).await.unwrap();
    first.transport().declare(&inport("in")).await.unwrap();
    let deliveries = first.transport().consume("in", 1).await.unwrap();

    let twin = msgflo::connect(&named).await.unwrap();
    let error = twin.transport().consume("in", 1).await.err().unwrap();
    assert!(matches!(error.kind(), Some(ErrorKind::Queue { queue, .. }) if queue == "in"));
    assert!(error.to_string().contains("has the session `roof a`"), "{error}");
    twin.shutdown().await.unwrap();
    drop(deliveries);
    first.shutdown().await.unwrap();

    // Another worker of the role, which gets its share, and no more.
    let other = msgflo::connect(&broker.url()).await.unwrap();
    let mut others = other.transport().consume("in", 1).await.unwrap();
    let mut missing = BTreeSet::new();
    for number in 0..20 {
        send(&other, "in", &number.to_string()).await;
        missing.insert(number.to_string());
    }
    // The broker deals messages out in turn.
    for _ in 0..10 {
        let delivery = next(&mut others).await;
        assert!(missing.remove(text(&delivery)), "{}", text(&delivery));
        delivery.acknowledge();
    }
    let back = msgflo::connect(&named).await.unwrap();
    let mut deliveries = back.transport().consume("in", 1).await.unwrap();
    let missing: Vec<_> = missing.iter().map(String::as_str).collect();
    expect(&mut deliveries, &missing).await;
    for network in [other, back] {
        network.shutdown().await.unwrap();
    }
}
