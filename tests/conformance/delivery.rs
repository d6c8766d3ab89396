//! From an outport or a sender to a consumer.

use futures_util::future::join_all;
use msgflo::Message;
use msgflo::bytes::Bytes;
use msgflo::transport::{Direction, Queue, Target};

use crate::context::{Case, Context, cases, text, within};

pub const CASES: &[Case] = cases![
    a_message_to_an_inport_reaches_it_alone,
    workers_share_a_queue,
    one_consumer_receives_in_the_order_of_sending,
    payloads_come_back_identical,
    content_type_and_id_travel: Properties,
    messages_wait_for_a_consumer,
    declaring_again_changes_nothing,
    a_port_that_is_not_persistent_delivers,
    a_queue_that_is_not_persistent_ends_with_its_last_user: KnowsQueues,
];

async fn a_message_to_an_inport_reaches_it_alone(context: Context) {
    let (meant, other) = (context.name("meant"), context.name("other"));
    let connection = context.connect().await;
    connection.inport(&meant).await;
    connection.inport(&other).await;
    connection.send(&meant, "for one").await;
    connection.send(&other, "end").await;
    connection.consume(&meant, 1).await.expect("for one").await;
    connection.consume(&other, 1).await.expect("end").await;
}

async fn workers_share_a_queue(context: Context) {
    const COUNT: usize = 40;
    let queue = context.name("in");
    let (first, second) = (context.connect().await, context.connect().await);
    first.inport(&queue).await;
    let (mut one, mut other) = (first.consume(&queue, 1).await, second.consume(&queue, 1).await);
    for number in 0..COUNT {
        first.send(&queue, &number.to_string()).await;
    }
    // While one has its hands full, the other gets some.
    let (held_by_one, held_by_other) = (one.next().await, other.next().await);
    let mut received: Vec<usize> =
        [&held_by_one, &held_by_other].map(|held| text(held).parse().unwrap()).into();
    held_by_one.acknowledge();
    held_by_other.acknowledge();
    while received.len() < COUNT {
        let delivery = tokio::select! {
            delivery = one.next() => delivery,
            delivery = other.next() => delivery,
        };
        received.push(text(&delivery).parse().unwrap());
        delivery.acknowledge();
    }
    received.sort();
    assert_eq!(received, (0..COUNT).collect::<Vec<_>>());
    drop(one);
    first.wait_for_statistics(&queue, |queue| queue.consumers == 1 && queue.waiting == 0).await;
    first.send(&queue, "end").await;
    other.expect("end").await;
}

async fn one_consumer_receives_in_the_order_of_sending(context: Context) {
    const COUNT: usize = 500;
    let (source, target) = (context.name("out"), context.name("in"));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    connection.bind(&source, &target).await;
    let mut inbox = connection.consume(&target, 1).await;
    // Not one after the other, but pipelined.
    let send = |number: usize| {
        let message = Message::new(number.to_string());
        connection.0.publish(Target::Outport(&source), message)
    };
    let sent = within("500 messages to be taken", join_all((0..COUNT).map(send)));
    let received = async {
        for number in 0..COUNT {
            inbox.expect(&number.to_string()).await;
        }
    };
    let (sent, ()) = tokio::join!(sent, received);
    sent.into_iter().for_each(Result::unwrap);
}

async fn payloads_come_back_identical(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    connection.bind(&source, &target).await;
    let mut inbox = connection.consume(&target, 1).await;
    let payloads = [
        Bytes::new(),
        Bytes::from_static(&[0xFF]),
        Bytes::from_static(&[0]),
        (0..=u8::MAX).collect(),
        Bytes::from("ünïcödé \u{1F5BC}\r\n"),
        (0..1024 * 1024).map(|index: u32| index.wrapping_mul(31) as u8).collect(),
    ];
    for payload in payloads {
        for way in [Target::Outport(&source), Target::Inport(&target)] {
            let message = Message::new(payload.clone());
            within("publish", connection.0.publish(way, message)).await.unwrap();
            let delivery = inbox.next().await;
            // Not `assert_eq!`, which would print a megabyte.
            assert!(delivery.message.payload == payload, "{} bytes differ", payload.len());
            delivery.acknowledge();
        }
    }
}

async fn content_type_and_id_travel(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    let mut inbox = connection.consume(&queue, 1).await;
    let messages = [
        Message::new("{}").with_content_type("application/json").with_id("sender-out-1"),
        Message::new("<a/>").with_content_type("application/xml; charset=utf-8"),
        Message::new("").with_id("ö"),
        Message::new("bare"),
    ];
    for message in messages {
        let publish = connection.0.publish(Target::Inport(&queue), message.clone());
        within("publish", publish).await.unwrap();
        let delivery = inbox.next().await;
        assert_eq!(delivery.message, message);
        assert!(!delivery.redelivered);
        delivery.acknowledge();
    }
}

async fn messages_wait_for_a_consumer(context: Context) {
    let queue = context.name("in");
    let (sender, receiver) = (context.connect().await, context.connect().await);
    sender.inport(&queue).await;
    sender.send(&queue, "1").await;
    sender.send(&queue, "2").await;
    sender.close().await;
    let mut inbox = receiver.consume(&queue, 10).await;
    inbox.expect("1").await;
    inbox.expect("2").await;
}

async fn declaring_again_changes_nothing(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let (first, second) = (context.connect().await, context.connect().await);
    first.outport(&source).await;
    first.inport(&target).await;
    first.bind(&source, &target).await;
    first.emit(&source, "before").await;
    second.outport(&source).await;
    second.inport(&target).await;
    second.emit(&source, "after").await;
    let mut inbox = second.consume(&target, 1).await;
    inbox.expect("before").await;
    inbox.expect("after").await;
}

async fn a_port_that_is_not_persistent_delivers(context: Context) {
    let queue = context.name("port");
    let connection = context.connect().await;
    for direction in [Direction::In, Direction::Out] {
        let port = Queue::new(queue.clone(), direction).persistent(false);
        within("declare", connection.0.declare(&port)).await.unwrap();
    }
    let mut inbox = connection.consume(&queue, 1).await;
    connection.emit(&queue, "hello").await;
    inbox.expect("hello").await;
}

async fn a_queue_that_is_not_persistent_ends_with_its_last_user(context: Context) {
    let queue = context.name("own");
    let (owner, other, sender) =
        (context.connect().await, context.connect().await, context.connect().await);
    let own = Queue::inport(queue.clone()).persistent(false);
    within("declare", owner.0.declare(&own)).await.unwrap();
    let mut inbox = owner.consume(&queue, 1).await;
    sender.send(&queue, "to the owner").await;
    inbox.expect("to the owner").await;
    // Who consumes it, keeps it there.
    let mut shared = other.consume(&queue, 1).await;
    within("close", owner.0.close()).await.unwrap();
    sender.send(&queue, "to the other").await;
    shared.expect("to the other").await;
    within("close", other.0.close()).await.unwrap();
    let gone = async {
        while sender.0.publish(Target::Inport(&queue), Message::new("late")).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("the queue to go", gone).await;
}
