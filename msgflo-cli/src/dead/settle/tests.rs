//! On `memory://`, with reasons as workers give them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use msgflo::transport::{Queue, Settlement, Transport};
use msgflo::{Message, reserved};
use tokio::time::timeout;

use super::super::look::look;
use super::*;

async fn connect(name: &str) -> Arc<dyn Transport> {
    let transport = msgflo::memory::connect(&format!("memory://{name}").parse().unwrap()).unwrap();
    transport.declare(&Queue::inport("in")).await.unwrap();
    transport
}

fn dead(id: &str, error: &str) -> Message {
    Message::new(format!("payload of {id}"))
        .with_id(id)
        .with_header("tenant", "a")
        .with_header(reserved::ID, id)
        .with_header(reserved::ERROR, error)
        .with_header(reserved::QUEUE, "in")
        .with_header(reserved::ATTEMPTS, "3")
        .with_header(reserved::LAST_FAILED, "2026-01-01T00:00:00.000Z")
}

/// Has messages fail, with these ids and errors.
async fn fail(transport: &dyn Transport, letters: &[(&str, &str)]) {
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    for (id, error) in letters {
        transport.publish(Target::Inport("in"), Message::new("")).await.unwrap();
        let delivery = deliveries.next().await.unwrap().unwrap();
        delivery.settle_as(Settlement::DeadLettered(Box::new(dead(id, error))));
    }
}

async fn ids(transport: &dyn Transport) -> Vec<String> {
    let (mut ids, mut missing) = (Vec::new(), Missing::default());
    let mut note = |letter: &Letter<'_>| {
        ids.push(letter.id.clone());
        Ok(())
    };
    look(transport, "in", &Selection::default(), &mut missing, &mut note).await.unwrap();
    ids
}

async fn run(transport: &dyn Transport, selection: &Selection, errand: Errand) -> u64 {
    settle(transport, "in", selection, errand, &mut Missing::default()).await.unwrap()
}

const LETTERS: [(&str, &str); 4] = [("1", "busy"), ("2", "bad"), ("3", "Busy"), ("4", "bad")];

#[tokio::test]
async fn what_is_selected_is_moved_as_it_was_and_the_others_stay_in_order() {
    let transport = connect("selected").await;
    fail(&*transport, &LETTERS).await;
    assert_eq!(ids(&*transport).await, ["1", "2", "3", "4"]);
    assert_eq!(ids(&*transport).await, ["1", "2", "3", "4"], "looking takes nothing");
    let busy = Selection { error: Some("BUSY".into()), ..Selection::default() };
    assert_eq!(run(&*transport, &busy, Errand::Replay).await, 2);
    assert_eq!(ids(&*transport).await, ["2", "4"]);
    let mut deliveries = transport.consume("in", 10).await.unwrap();
    for id in ["1", "3"] {
        let delivery = deliveries.next().await.unwrap().unwrap();
        let message = &delivery.message;
        assert_eq!((message.id.as_deref(), message.headers().get("tenant")), (Some(id), Some("a")));
        assert_eq!(message.payload, format!("payload of {id}"));
        assert_eq!(message.headers().len(), 1, "{message:?}");
        delivery.acknowledge();
    }
}

#[tokio::test]
async fn no_more_than_count_are_settled() {
    let transport = connect("count").await;
    fail(&*transport, &LETTERS).await;
    let bad = Selection { error: Some("bad".into()), count: Some(1), ..Selection::default() };
    assert_eq!(run(&*transport, &bad, Errand::Purge).await, 1);
    assert_eq!(ids(&*transport).await, ["1", "3", "4"]);
    assert_eq!(run(&*transport, &Selection::first(Some(1)), Errand::Purge).await, 1);
    assert_eq!(ids(&*transport).await, ["3", "4"]);
    assert_eq!(run(&*transport, &Selection::first(Some(0)), Errand::Purge).await, 0);
    assert_eq!(run(&*transport, &Selection::default(), Errand::Purge).await, 2);
    assert!(ids(&*transport).await.is_empty());
}

#[tokio::test]
async fn what_fails_again_at_once_is_moved_once() {
    const COUNT: u64 = 2000;
    let transport = connect("again").await;
    let letters: Vec<_> = (0..COUNT).map(|id| id.to_string()).collect();
    let letters: Vec<_> = letters.iter().map(|id| (id.as_str(), "bad")).collect();
    fail(&*transport, &letters).await;
    let tried = Arc::new(AtomicU64::new(0));
    let worker = tokio::spawn({
        let (transport, tried) = (transport.clone(), tried.clone());
        async move {
            let mut deliveries = transport.consume("in", 10).await.unwrap();
            while let Some(Ok(delivery)) = deliveries.next().await {
                tried.fetch_add(1, Ordering::Relaxed);
                let id = delivery.message.id.clone().unwrap();
                delivery.settle_as(Settlement::DeadLettered(Box::new(dead(&id, "bad"))));
            }
        }
    });
    assert_eq!(run(&*transport, &Selection::default(), Errand::Replay).await, COUNT);
    let all = async {
        while transport.statistics("dead-in").await.unwrap().waiting < COUNT {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("all fail again");
    assert_eq!(tried.load(Ordering::Relaxed), COUNT);
    worker.abort();
}

#[tokio::test]
async fn what_cannot_be_moved_stays_where_it_was() {
    let transport = connect("nowhere").await;
    fail(&*transport, &[("1", "bad")]).await;
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    transport.publish(Target::Inport("in"), Message::new("")).await.unwrap();
    let lost = dead("2", "bad").with_header(reserved::QUEUE, "no.IN");
    let delivery = deliveries.next().await.unwrap().unwrap();
    delivery.settle_as(Settlement::DeadLettered(Box::new(lost)));
    drop(deliveries);
    fail(&*transport, &[("3", "bad")]).await;
    let selection = Selection { id: vec!["2".into(), "3".into()], ..Selection::default() };
    let error =
        settle(&*transport, "in", &selection, Errand::Replay, &mut Missing::default()).await;
    assert!(error.unwrap_err().to_string().contains("`no.IN`"));
    let left = ids(&*transport).await;
    assert_eq!(left[..2], ["1", "2"], "{left:?}");
}
