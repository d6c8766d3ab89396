//! What travels beside a payload, and what a method is told of it.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use msgflo::participant::Assembly;
use msgflo::transport::{Direction, Target};
use msgflo::{Context as Processed, Message, Settings};

use crate::context::{Case, Connection, Context, cases, within};

pub const CASES: &[Case] = cases![
    headers_travel_along_edges_into_copies_and_to_the_dead_letters: Headers,
    what_is_too_much_is_refused_and_harms_nobody: Headers,
    a_method_is_told_of_its_message: Headers,
    correlation_and_trace_travel_through_participants: Headers,
    a_message_that_is_processed_again_sends_the_same_ids: Headers,
    headers_that_cannot_travel_are_dropped,
    an_outport_that_requires_headers_starts_only_where_they_travel,
];

fn told() -> Message {
    Message::new("hello")
        .with_content_type("text/plain")
        .with_id("7")
        .with_correlation_id("order-17")
        .with_reply_to("nobody")
        .with_header("tenant", "a")
        .with_header("empty", "")
        .with_header("ünïcödé", "zażółć \u{1F980}")
        .with_sent_at(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

async fn publish(connection: &Connection, target: Target<'_>, message: &Message) {
    within("publish", connection.0.publish(target, message.clone())).await.unwrap();
}

async fn headers_travel_along_edges_into_copies_and_to_the_dead_letters(context: Context) {
    let [source, target] = ["out", "in"].map(|name| context.name(name));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    connection.bind(&source, &target).await;
    let mut copies = connection.tap(&source, Direction::Out).await;
    publish(&connection, Target::Outport(&source), &told()).await;
    assert_eq!(copies.next().await, told());
    let mut inbox = connection.consume(&target, 1).await;
    let delivery = inbox.next().await;
    assert_eq!(delivery.message, told());
    delivery.reject();
    let mut dead_letters = connection.consume_dead_letters(&target).await;
    let dead = dead_letters.next().await;
    for (name, value) in told().headers().iter() {
        assert_eq!(dead.message.headers().get(name), Some(value), "{name}");
    }
    assert_eq!(dead.message.correlation_id().map(|id| &**id), Some("order-17"));
    // Replayed, it is what it was.
    publish(&connection, Target::Inport(&target), &msgflo::reserved::revived(&dead.message)).await;
    dead.acknowledge();
    let again = inbox.next().await;
    assert_eq!(again.message.id.as_deref(), Some("7"));
    for (name, value) in told().headers().iter() {
        assert_eq!(again.message.headers().get(name), Some(value), "{name}");
    }
    again.acknowledge();
}

/// Either it arrives, or sending it is an error; what comes before and behind it is not disturbed.
async fn what_is_too_much_is_refused_and_harms_nobody(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    let mut inbox = connection.consume(&queue, 10).await;
    let many = (0..1000).fold(Message::new("many"), |message, number| {
        message.with_header(format!("header-{number}"), "x".repeat(30))
    });
    let large = Message::new("large").with_header("large", "x".repeat(64 * 1024 - 10));
    let long_id = Message::new("long").with_correlation_id("c".repeat(10_000));
    let odd = Message::new("odd").with_header("odd", "line\nbreak\u{0}");
    for message in [many, large, long_id, odd] {
        connection.send(&queue, "before").await;
        let sent = connection.0.publish(Target::Inport(&queue), message.clone());
        let sent = within("publish", sent).await;
        connection.send(&queue, "behind").await;
        inbox.expect("before").await;
        match sent {
            Ok(()) => {
                let delivery = inbox.next().await;
                assert_eq!(delivery.message, message);
                delivery.acknowledge();
            }
            Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
        }
        inbox.expect("behind").await;
    }
}

async fn a_method_is_told_of_its_message(context: Context) {
    let role = context.name("role");
    let (queue, end) = (format!("{role}.IN"), context.name("end"));
    let mut teller = Assembly::new("test/Tell");
    let out = teller.outport::<String>("out");
    teller.inport("in", move |_: String, message: Processed| {
        let out = out.clone();
        async move {
            let told = format!(
                "{:?} {:?} {:?} {} {} {} {} {:?} {:?}",
                message.id(),
                message.header("tenant"),
                message.correlation_id(),
                message.attempt(),
                message.redelivered(),
                message.queue().ends_with("role.IN"),
                message.port(),
                message.content_type(),
                message.sent_at().map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs()),
            );
            out.message(told).header("seen-by", message.role()).send().await
        }
    });
    let network = context.network().await;
    network.start_assembly(&role, teller).await.unwrap();
    let connection = context.connect().await;
    connection.inport(&end).await;
    connection.bind(&format!("{role}.OUT"), &end).await;
    publish(&connection, Target::Inport(&queue), &told()).await;
    let answer = connection.consume(&end, 1).await.next().await;
    assert_eq!(
        answer.message.payload,
        r#"Some("7") Some("a") Some("order-17") 1 false true in Some("text/plain") Some(1800000000)"#
    );
    assert_eq!(answer.message.headers().get("seen-by"), Some(&*role));
    answer.acknowledge();
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn correlation_and_trace_travel_through_participants(context: Context) {
    let [first, second, end] = ["first", "second", "end"].map(|name| context.name(name));
    let network = context.network().await;
    for role in [&first, &second] {
        network.start_assembly(role, repeat()).await.unwrap();
    }
    let connection = context.connect().await;
    connection.inport(&end).await;
    connection.bind(&format!("{first}.OUT"), &format!("{second}.IN")).await;
    connection.bind(&format!("{second}.OUT"), &end).await;
    let mut inbox = connection.consume(&end, 1).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = Message::new("traced").with_id("7").with_header("traceparent", trace);
    publish(&connection, Target::Inport(&format!("{first}.IN")), &traced).await;
    let end = inbox.next().await;
    assert_eq!(end.message.correlation_id().map(|id| &**id), Some("7"));
    assert_eq!(end.message.headers().get("traceparent"), Some(trace));
    assert_ne!(end.message.id.as_deref(), Some("7"));
    end.acknowledge();
    within("shutdown", network.shutdown()).await.unwrap();
}

fn repeat() -> Assembly {
    let mut repeat = Assembly::new("test/Repeat");
    let out = repeat.outport::<String>("out");
    repeat.inport("in", move |text: String, _| {
        let out = out.clone();
        async move { out.send(text).await }
    });
    repeat
}

async fn a_message_that_is_processed_again_sends_the_same_ids(context: Context) {
    let (role, end) = (context.name("role"), context.name("end"));
    let mut twice = Assembly::new("test/Twice");
    let out = twice.outport::<String>("out");
    twice.inport("in", move |text: String, _| {
        let out = out.clone();
        async move {
            out.send(text.clone()).await?;
            out.send(text).await
        }
    });
    let network = context.network().await;
    network.start_assembly(&role, twice).await.unwrap();
    let connection = context.connect().await;
    connection.inport(&end).await;
    connection.bind(&format!("{role}.OUT"), &end).await;
    let mut inbox = connection.consume(&end, 10).await;
    let mut ids = Vec::new();
    for id in ["1", "1", "2"] {
        let message = Message::new("x").with_id(id);
        publish(&connection, Target::Inport(&format!("{role}.IN")), &message).await;
        for _ in 0..2 {
            let delivery = inbox.next().await;
            ids.push(delivery.message.id.clone().unwrap());
            delivery.acknowledge();
        }
    }
    assert_eq!(ids[0..2], ids[2..4]);
    assert_ne!(ids[0], ids[1]);
    assert!(!ids[0..2].contains(&ids[4]) && !ids[0..2].contains(&ids[5]));
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn headers_that_cannot_travel_are_dropped(context: Context) {
    let (role, end) = (context.name("role"), context.name("end"));
    let mut source = Assembly::new("test/Source");
    let out = source.outport::<String>("out");
    let network = context.network().await;
    network.start_assembly(&role, source).await.unwrap();
    let connection = context.connect().await;
    connection.inport(&end).await;
    connection.bind(&format!("{role}.OUT"), &end).await;
    let sent = out.message("hello".to_owned()).header("tenant", "a").send();
    within("send", sent).await.unwrap();
    let delivery = connection.consume(&end, 1).await.next().await;
    assert_eq!(delivery.message.payload, "hello");
    let tenant = delivery.message.headers().get("tenant").map(ToOwned::to_owned);
    assert_eq!(tenant.is_some(), connection.0.abilities().headers);
    delivery.acknowledge();
    // Names that are msgflo's own, and what has none, are refused.
    for name in ["msgflo-attempt", ""] {
        let sent = out.message("hello".to_owned()).header(name, "a").send().await;
        assert!(sent.unwrap_err().to_string().contains("cannot be called"));
    }
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn an_outport_that_requires_headers_starts_only_where_they_travel(context: Context) {
    let network = context.network().await;
    let mut source = Assembly::new("test/Source");
    let mut required = msgflo::transport::Abilities::NONE;
    required.headers = true;
    let _out: Arc<msgflo::Outport<String>> =
        source.outport_as(msgflo::Port::new("out", "string").required(required));
    let started =
        network.start_assembly_with(&context.name("role"), source, Settings::default()).await;
    let travel = network.transport().abilities().headers;
    match started {
        Ok(_) => assert!(travel),
        Err(error) => {
            assert!(!travel, "{error}");
            assert!(error.to_string().contains("which port `out` needs"), "{error}");
        }
    }
}
