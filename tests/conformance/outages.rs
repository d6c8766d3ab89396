//! The broker goes away and comes back: nothing is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use msgflo::Message;
use msgflo::transport::Target;

use crate::context::{Case, Connection, Context, Inbox, cases, text, within};
use crate::participants::Repeat;

pub const CASES: &[Case] = cases![
    nothing_is_lost_when_the_broker_restarts: Restarts & Durable,
    nothing_is_lost_when_the_broker_crashes: Restarts & Durable & Crashes,
    what_was_not_confirmed_is_sent_again_after_a_restart: Restarts,
    what_was_not_confirmed_is_sent_again_after_a_crash: Restarts,
    a_cut_connection_comes_back_with_all_it_had: Restarts,
];

async fn nothing_is_lost_when_the_broker_restarts(context: Context) {
    survive(&context, false, true).await;
}

async fn nothing_is_lost_when_the_broker_crashes(context: Context) {
    survive(&context, true, true).await;
}

async fn what_was_not_confirmed_is_sent_again_after_a_restart(context: Context) {
    survive(&context, false, false).await;
}

async fn what_was_not_confirmed_is_sent_again_after_a_crash(context: Context) {
    survive(&context, true, false).await;
}

/// A sender, a participant and a receiver, on three connections, through an outage. Messages go
/// from the sender's outport by an edge to the participant, and by another to the receiver.
/// Some lie in queues meanwhile if the broker is `durable`.
async fn survive(context: &Context, crash: bool, durable: bool) {
    const STEP: usize = 100;
    let [source, role, end, parked] =
        ["source", "role", "end", "parked"].map(|name| context.name(name));
    let (sender, receiver) = (context.connect().await, context.connect().await);
    let network = context.network().await;
    network.start(&role, Repeat::default()).await.unwrap();
    sender.outport(&source).await;
    sender.bind(&source, &format!("{role}.IN")).await;
    for inport in [&end, &parked] {
        receiver.inport(inport).await;
    }
    receiver.bind(&format!("{role}.OUT"), &end).await;
    let mut inbox = receiver.consume(&end, 10).await;
    let mut watcher = within("watch", receiver.0.watch()).await.unwrap();

    // Before: some arrive, and some lie in a queue.
    send(&sender, &source, 0..STEP).await;
    let mut received = BTreeSet::new();
    receive(&mut inbox, &mut received, STEP).await;
    if durable {
        sender.send(&parked, "parked").await;
    }
    send(&sender, &source, STEP..2 * STEP).await;
    if !durable {
        receive(&mut inbox, &mut received, 2 * STEP).await;
    }

    // During: senders only wait longer.
    context
        .broker(move |broker| {
            if crash {
                broker.kill();
                Ok(())
            } else {
                broker.stop()
            }
        })
        .await;
    let mut reconnected = sender.0.connection();
    let during = tokio::spawn({
        let (sender, source) = (sender.clone(), source.clone());
        async move { send(&sender, &source, 2 * STEP..3 * STEP).await }
    });
    context.broker(|broker| broker.start_again()).await;
    within("the senders", during).await.unwrap();
    within("a reconnection", reconnected.wait_for(|now| now.reconnections == 1)).await.unwrap();

    // After: edges and consumers are back.
    send(&sender, &source, 3 * STEP..4 * STEP).await;
    receive(&mut inbox, &mut received, 4 * STEP).await;
    if durable {
        receiver.consume(&parked, 1).await.expect("parked").await;
    }
    let announced = async {
        while watcher.next().await.expect("the announcements ended").unwrap().role != role {}
    };
    within("the participant to be announced again", announced).await;
    within("shutdown", network.shutdown()).await.unwrap();
}

/// At once, as a busy participant does.
async fn send(sender: &Connection, source: &str, numbers: std::ops::Range<usize>) {
    let publish = numbers
        .map(|number| sender.0.publish(Target::Outport(source), Message::new(number.to_string())));
    let published = within("the messages to be taken", join_all(publish)).await;
    published.into_iter().for_each(Result::unwrap);
}

/// Until all up to `count` have come, in whatever order and however often.
async fn receive(inbox: &mut Inbox, received: &mut BTreeSet<usize>, count: usize) {
    let collect = async {
        while received.len() < count {
            let delivery = inbox.next().await;
            received.insert(text(&delivery).parse().unwrap());
            delivery.acknowledge();
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), collect).await.is_err() {
        let missing: Vec<_> = (0..count).filter(|number| !received.contains(number)).collect();
        panic!("lost: {missing:?}");
    }
}

async fn a_cut_connection_comes_back_with_all_it_had(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    for number in 1..=3 {
        connection.send(&queue, &number.to_string()).await;
    }
    let mut inbox = connection.consume(&queue, 2).await;
    let (first, second) = (inbox.next().await, inbox.next().await);
    let mut reconnected = connection.0.connection();
    context.broker(|broker| broker.cut_connections()).await;
    within("a reconnection", reconnected.wait_for(|now| now.reconnections == 1)).await.unwrap();
    // The broker has taken them back: what is said of them now concerns nobody.
    first.acknowledge();
    second.reject();
    for number in 1..=2 {
        let again = inbox.next().await;
        assert_eq!(text(&again), number.to_string());
        assert!(again.redelivered);
        again.acknowledge();
    }
    inbox.expect("3").await;
    connection.send(&queue, "end").await;
    inbox.expect("end").await;
    connection.send(&connection.0.dead_letter_queue(&queue), "end").await;
    connection.consume_dead_letters(&queue).await.expect("end").await;
}
