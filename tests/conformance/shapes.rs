//! Several messages at once, one at a time of those with a key, on all threads, and on a thread of
//! their own; later, not too late, and before others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use msgflo::participant::{Assembly, Method};
use msgflo::transport::{Queue, Target};
use msgflo::{Context as Processed, Error, Message, Port, Settings};
use tokio::sync::watch;

use crate::context::{Case, Context, Inbox, cases, text, within};

pub const CASES: &[Case] = cases![
    a_batch_is_settled_together_and_one_bad_row_alone,
    a_batch_that_is_not_full_does_not_wait_for_ever,
    messages_with_the_same_key_keep_their_order: Headers,
    parallel_messages_are_all_processed,
    what_is_not_finished_in_time_goes_back,
    a_delayed_message_comes_later: Delay,
    what_has_expired_is_not_processed: Expiry,
    urgent_messages_come_first: Priority,
    what_the_broker_cannot_do_is_an_error,
];

async fn send(context: &Context, queue: &str, texts: &[&str]) {
    let connection = context.connect().await;
    for text in texts {
        connection.send(queue, text).await;
    }
}

async fn a_batch_is_settled_together_and_one_bad_row_alone(context: Context) {
    let role = context.name("role");
    let batches = watch::Sender::new(Vec::<Vec<String>>::new());
    let noted = batches.clone();
    let mut writer = Assembly::new("test/Write");
    let write = move |rows: Vec<String>, _: Processed| {
        noted.send_modify(|batches| batches.push(rows.clone()));
        async move {
            if rows.iter().any(|row| row == "bad") {
                Err(Error::message("bad row"))
            } else {
                Ok(())
            }
        }
    };
    let port = Port::new("in", "string").batch(4).linger(Duration::from_secs(20));
    writer.inport_as(port, Method::batch_closure(write));
    let queue = format!("{role}.IN");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    send(&context, &queue, &["1", "2", "3", "4", "5", "bad", "7", "8"]).await;
    let network = context.network().await;
    network.start_assembly(&role, writer).await.unwrap();
    let mut seen = batches.subscribe();
    within("all rows", seen.wait_for(|batches| batches.len() == 6)).await.unwrap();
    connection.consume_dead_letters(&queue).await.expect("bad").await;
    within("shutdown", network.shutdown()).await.unwrap();
    let batches = batches.borrow().clone();
    assert_eq!(batches[0], ["1", "2", "3", "4"]);
    assert_eq!(batches[1], ["5", "bad", "7", "8"]);
    assert_eq!(batches[2..], [["5"], ["bad"], ["7"], ["8"]]);
    connection.send(&queue, "end").await;
    connection.consume(&queue, 1).await.expect("end").await;
}

async fn a_batch_that_is_not_full_does_not_wait_for_ever(context: Context) {
    let role = context.name("role");
    let mut writer = Assembly::new("test/Write");
    let out = writer.outport::<String>("out");
    let write = move |rows: Vec<String>, _: Processed| {
        let out = out.clone();
        async move { out.send(rows.join(" ")).await }
    };
    let port = Port::new("in", "string").batch(100).linger(Duration::from_millis(300));
    writer.inport_as(port, Method::batch_closure(write));
    let network = context.network().await;
    network.start_assembly(&role, writer).await.unwrap();
    let (connection, end) = (context.connect().await, context.name("end"));
    connection.inport(&end).await;
    connection.bind(&format!("{role}.OUT"), &end).await;
    let mut inbox = connection.consume(&end, 10).await;
    send(&context, &format!("{role}.IN"), &["1", "2"]).await;
    let mut rows = Vec::new();
    while rows.len() < 2 {
        let delivery = inbox.next().await;
        rows.extend(text(&delivery).split(' ').map(str::to_owned));
        delivery.acknowledge();
    }
    assert_eq!(rows, ["1", "2"]);
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn messages_with_the_same_key_keep_their_order(context: Context) {
    let role = context.name("role");
    let begun = watch::Sender::new(Vec::<String>::new());
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (noted, opened) = (begun.clone(), gate.clone());
    let mut worker = Assembly::new("test/Ordered");
    let process = move |text: String, _: Processed| {
        noted.send_modify(|begun| begun.push(text.clone()));
        let opened = opened.clone();
        async move {
            // The first of `a` holds up those behind it, and nobody else.
            if text == "a1" {
                opened.acquire().await?.forget();
            }
            Ok::<_, Error>(())
        }
    };
    let port = Port::new("in", "string").ordered_by("key");
    worker.inport_as(port, Method::closure(process));
    let network = context.network().await;
    network.start_assembly(&role, worker).await.unwrap();
    let (connection, queue) = (context.connect().await, format!("{role}.IN"));
    for text in ["a1", "a2", "b1", "a3", "b2"] {
        let message = Message::new(text).with_header("key", &text[..1]);
        within("publish", connection.0.publish(Target::Inport(&queue), message)).await.unwrap();
    }
    let mut seen = begun.subscribe();
    within("b", seen.wait_for(|begun| begun.len() == 3)).await.unwrap();
    assert_eq!(*begun.borrow(), ["a1", "b1", "b2"]);
    gate.add_permits(1);
    within("a", seen.wait_for(|begun| begun.len() == 5)).await.unwrap();
    assert_eq!(begun.borrow()[3..], ["a2", "a3"]);
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn parallel_messages_are_all_processed(context: Context) {
    let role = context.name("role");
    let done = watch::Sender::new(0);
    let (counted, together) = (done.clone(), Arc::new(std::sync::Barrier::new(2)));
    let mut worker = Assembly::new("test/Parallel");
    let process = move |_: String, _: Processed| {
        let (counted, together) = (counted.clone(), together.clone());
        async move {
            // Two hold their threads until both are there.
            together.wait();
            counted.send_modify(|done| *done += 1);
            Ok::<_, Error>(())
        }
    };
    let port = Port::new("in", "string").parallel(true);
    worker.inport_as(port, Method::closure(process));
    let network = context.network().await;
    network.start_assembly(&role, worker).await.unwrap();
    send(&context, &format!("{role}.IN"), &["1", "2", "3", "4"]).await;
    let mut seen = done.subscribe();
    within("all of them", seen.wait_for(|done| *done == 4)).await.unwrap();
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn what_is_not_finished_in_time_goes_back(context: Context) {
    let role = context.name("role");
    let begun = watch::Sender::new(false);
    let noted = begun.clone();
    let mut worker = Assembly::new("test/Slow");
    worker.inport("in", move |_: String, _: Processed| {
        noted.send_replace(true);
        std::future::pending::<Result<(), Error>>()
    });
    // First: where the first has the broker, it must outlive the worker.
    let connection = context.connect().await;
    let network = context.network().await;
    network.start_assembly(&role, worker).await.unwrap();
    let queue = format!("{role}.IN");
    send(&context, &queue, &["slow"]).await;
    within("the method", begun.subscribe().wait_for(|begun| *begun)).await.unwrap();
    let limit = Duration::from_millis(100);
    within("shutdown", network.shutdown_within(limit)).await.unwrap();
    connection.consume(&queue, 1).await.expect("slow").await;
    connection.send(&connection.0.dead_letter_queue(&queue), "end").await;
    connection.consume_dead_letters(&queue).await.expect("end").await;
}

async fn a_delayed_message_comes_later(context: Context) {
    let [source, target] = ["out", "in"].map(|name| context.name(name));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    connection.bind(&source, &target).await;
    let mut inbox = connection.consume(&target, 10).await;
    let later = |text: &str, milliseconds| {
        Message::new(text.to_owned()).with_delay(Duration::from_millis(milliseconds))
    };
    for (target, message) in [
        (Target::Outport(&source), later("third", 2500)),
        (Target::Inport(&target), later("second", 600)),
        (Target::Outport(&source), Message::new("first")),
    ] {
        within("publish", connection.0.publish(target, message)).await.unwrap();
    }
    for text in ["first", "second", "third"] {
        inbox.expect(text).await;
    }
}

async fn what_has_expired_is_not_processed(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    let message = Message::new("old").with_expiry(Duration::from_secs(1));
    within("publish", connection.0.publish(Target::Inport(&queue), message)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    connection.send(&queue, "new").await;
    connection.consume(&queue, 10).await.expect("new").await;
}

async fn urgent_messages_come_first(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    let declared = Queue::inport(&*queue).max_priority(Some(9));
    within("declare", connection.0.declare(&declared)).await.unwrap();
    for (text, priority) in [("low", 0), ("high", 9), ("middle", 5), ("high too", 9)] {
        let message = Message::new(text).with_priority(priority);
        within("publish", connection.0.publish(Target::Inport(&queue), message)).await.unwrap();
    }
    let mut inbox: Inbox = connection.consume(&queue, 1).await;
    for text in ["high", "high too", "middle", "low"] {
        inbox.expect(text).await;
    }
}

async fn what_the_broker_cannot_do_is_an_error(context: Context) {
    let mut source = Assembly::new("test/Source");
    let out = source.outport::<String>("out");
    let network = context.network().await;
    let settings = Settings::default();
    network.start_assembly_with(&context.name("role"), source, settings).await.unwrap();
    let abilities = network.transport().abilities();
    let message = || out.message("hello".to_owned());
    let second = Duration::from_secs(1);
    let outcomes = Mutex::new(Vec::new());
    for (can, sent) in [
        (abilities.delay, message().delay(second).send().await),
        (abilities.expiry, message().expires_in(second).send().await),
        (abilities.priority, message().priority(5).send().await),
    ] {
        if let Err(error) = &sent {
            let unsupported = matches!(error.kind(), Some(msgflo::ErrorKind::Unsupported { .. }));
            assert!(unsupported, "{error}");
        }
        outcomes.lock().unwrap().push(can == sent.is_ok());
    }
    assert_eq!(*outcomes.lock().unwrap(), [true; 3]);
    within("shutdown", network.shutdown()).await.unwrap();
}
