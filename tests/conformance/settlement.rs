//! What becomes of a delivery.

use crate::context::{Case, Context, cases, text, within};
use msgflo::Message;
use msgflo::transport::Target;

pub const CASES: &[Case] = cases![
    acknowledged_in_any_order_is_gone,
    released_comes_again,
    unacknowledged_comes_again_when_the_connection_goes,
    rejected_goes_to_the_dead_letters,
    no_more_than_prefetch_are_delivered: Pulls,
    a_dropped_stream_stops_and_its_deliveries_can_be_settled,
    statistics_tell_what_waits: Statistics,
];

async fn acknowledged_in_any_order_is_gone(context: Context) {
    let queue = context.name("in");
    let (worker, other) = (context.connect().await, context.connect().await);
    worker.inport(&queue).await;
    let mut inbox = worker.consume(&queue, 10).await;
    let mut deliveries = Vec::new();
    for number in 0..6 {
        worker.send(&queue, &number.to_string()).await;
        deliveries.push(Some(inbox.next().await));
    }
    for number in [3, 1, 5, 0, 4, 2] {
        deliveries[number].take().unwrap().acknowledge();
    }
    worker.close().await;
    other.send(&queue, "end").await;
    other.consume(&queue, 10).await.expect("end").await;
}

async fn released_comes_again(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    connection.send(&queue, "again").await;
    let mut inbox = connection.consume(&queue, 1).await;
    let first = inbox.next().await;
    assert!(!first.redelivered);
    drop(first);
    let second = inbox.next().await;
    assert_eq!(text(&second), "again");
    assert!(second.redelivered);
    second.acknowledge();
    connection.send(&queue, "end").await;
    inbox.expect("end").await;
}

async fn unacknowledged_comes_again_when_the_connection_goes(context: Context) {
    let queue = context.name("in");
    let (worker, heir) = (context.connect().await, context.connect().await);
    worker.inport(&queue).await;
    let mut inbox = worker.consume(&queue, 10).await;
    let message = Message::new("first").with_content_type("text/plain").with_id("1");
    let publish = worker.0.publish(Target::Inport(&queue), message.clone());
    within("publish", publish).await.unwrap();
    worker.send(&queue, "second").await;
    worker.send(&queue, "third").await;
    let (first, second, third) = (inbox.next().await, inbox.next().await, inbox.next().await);
    second.acknowledge();
    worker.close().await;
    inbox.expect_end().await;

    let mut inbox = heir.consume(&queue, 10).await;
    let again = inbox.next().await;
    assert_eq!(again.message, context.arrived(&message));
    assert!(again.redelivered);
    again.acknowledge();
    let again = inbox.next().await;
    assert_eq!(text(&again), "third");
    assert!(again.redelivered);
    again.acknowledge();
    // What the worker says now, nobody hears any more.
    drop(first);
    third.reject();
    heir.send(&queue, "end").await;
    inbox.expect("end").await;
    heir.send(&heir.0.dead_letter_queue(&queue), "end").await;
    heir.consume_dead_letters(&queue).await.expect("end").await;
}

async fn rejected_goes_to_the_dead_letters(context: Context) {
    let [source, refuses, accepts] = ["out", "refuses", "accepts"].map(|name| context.name(name));
    let connection = context.connect().await;
    connection.outport(&source).await;
    for target in [&refuses, &accepts] {
        connection.inport(target).await;
        connection.bind(&source, target).await;
    }
    let message = Message::new("bad").with_content_type("text/plain").with_id("1");
    let publish = connection.0.publish(Target::Outport(&source), message.clone());
    within("publish", publish).await.unwrap();

    let mut inbox = connection.consume(&refuses, 1).await;
    inbox.next().await.reject();
    let mut dead_letters = connection.consume_dead_letters(&refuses).await;
    let dead = dead_letters.next().await;
    let Message { payload, content_type, id, .. } = context.arrived(&message);
    assert_eq!(dead.message.payload, payload);
    assert_eq!((&dead.message.content_type, &dead.message.id), (&content_type, &id));
    dead.acknowledge();
    // Nowhere else: not to the queue, not to another's, not to another's dead letters.
    connection.emit(&source, "end").await;
    inbox.expect("end").await;
    let mut inbox = connection.consume(&accepts, 1).await;
    inbox.expect("bad").await;
    inbox.expect("end").await;
    for queue in [&refuses, &accepts] {
        connection.send(&connection.0.dead_letter_queue(queue), "end of the dead").await;
    }
    dead_letters.expect("end of the dead").await;
    connection.consume_dead_letters(&accepts).await.expect("end of the dead").await;
}

async fn no_more_than_prefetch_are_delivered(context: Context) {
    let queue = context.name("in");
    let (busy, free) = (context.connect().await, context.connect().await);
    busy.inport(&queue).await;
    for number in 1..=5 {
        busy.send(&queue, &number.to_string()).await;
    }
    let mut full = busy.consume(&queue, 3).await;
    let (first, second, third) = (full.next().await, full.next().await, full.next().await);
    // The fourth and the fifth are there for others.
    let mut helping = free.consume(&queue, 10).await;
    for number in ["4", "5"] {
        tokio::select! {
            biased;
            fourth = full.next() => panic!("a prefetch of 3, and a fourth: {fourth:?}"),
            () = helping.expect(number) => {}
        }
    }
    drop(helping);
    free.wait_for_statistics(&queue, |queue| queue.consumers == 1 && queue.waiting == 0).await;
    for number in 6..=8 {
        free.send(&queue, &number.to_string()).await;
    }
    free.wait_for_statistics(&queue, |queue| queue.waiting == 3).await;
    // Every settlement makes room for one more.
    second.acknowledge();
    let sixth = full.next().await;
    assert_eq!(text(&sixth), "6");
    third.reject();
    let seventh = full.next().await;
    assert_eq!(text(&seventh), "7");
    drop(first);
    let again = full.next().await;
    assert_eq!(text(&again), "1");
    again.acknowledge();
    full.expect("8").await;
    sixth.acknowledge();
    seventh.acknowledge();
}

async fn a_dropped_stream_stops_and_its_deliveries_can_be_settled(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    for number in 1..=4 {
        connection.send(&queue, &number.to_string()).await;
    }
    let mut inbox = connection.consume(&queue, 3).await;
    let (first, second) = (inbox.next().await, inbox.next().await);
    drop(inbox);
    connection.wait_for_statistics(&queue, |queue| queue.consumers == 0).await;
    // The third was on its way to us, and went back.
    connection.wait_for_statistics(&queue, |queue| queue.waiting == 2).await;
    first.acknowledge();
    second.reject();
    connection.consume_dead_letters(&queue).await.expect("2").await;
    let mut inbox = connection.consume(&queue, 3).await;
    inbox.expect("3").await;
    inbox.expect("4").await;
    connection.send(&queue, "end").await;
    inbox.expect("end").await;
}

async fn statistics_tell_what_waits(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    connection
        .wait_for_statistics(&queue, |queue| (queue.waiting, queue.consumers) == (0, 0))
        .await;
    for number in 1..=3 {
        connection.send(&queue, &number.to_string()).await;
    }
    connection
        .wait_for_statistics(&queue, |queue| (queue.waiting, queue.consumers) == (3, 0))
        .await;
    let mut inbox = connection.consume(&queue, 1).await;
    let held = inbox.next().await;
    let one_is_held = |queue: &msgflo::transport::QueueStatistics| {
        (queue.waiting, queue.consumers) == (2, 1) && queue.unsettled.is_none_or(|count| count == 1)
    };
    connection.wait_for_statistics(&queue, one_is_held).await;
    held.acknowledge();
    inbox.expect("2").await;
    inbox.expect("3").await;
    connection
        .wait_for_statistics(&queue, |queue| {
            queue.waiting == 0 && queue.unsettled.is_none_or(|count| count == 0)
        })
        .await;
}
