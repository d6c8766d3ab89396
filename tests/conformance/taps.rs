//! Copies of what passes a port.

use msgflo::Message;
use msgflo::transport::{Direction, Target};

use crate::context::{Case, Context, cases, within};

pub const CASES: &[Case] = cases![
    a_tap_of_an_outport_sees_all_and_takes_nothing,
    a_tap_of_an_outport_needs_nobody_who_is_bound,
    a_tap_of_an_inport_sees_what_comes_through_its_edges: Edges,
    a_tap_of_a_port_that_is_not_there_is_an_error: KnowsQueues,
    a_copy_is_what_was_sent,
    a_tap_ends_with_its_connection,
    a_tap_goes_on_when_the_broker_is_back: Restarts,
    a_tap_of_an_inport_goes_on_when_the_broker_is_back: Restarts & Edges,
];

async fn a_tap_of_an_outport_sees_all_and_takes_nothing(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let (sender, reader) = (context.connect().await, context.connect().await);
    sender.outport(&source).await;
    sender.inport(&target).await;
    sender.bind(&source, &target).await;
    let mut one = reader.tap(&source, Direction::Out).await;
    let mut other = reader.tap(&source, Direction::Out).await;
    let mut inbox = sender.consume(&target, 1).await;
    for text in ["1", "2", "3"] {
        sender.emit(&source, text).await;
        one.expect(text).await;
        inbox.expect(text).await;
    }
    drop(one);
    sender.emit(&source, "4").await;
    sender.emit(&source, "5").await;
    for text in ["1", "2", "3", "4", "5"] {
        other.expect(text).await;
    }
    inbox.expect("4").await;
    inbox.expect("5").await;
}

async fn a_tap_of_an_outport_needs_nobody_who_is_bound(context: Context) {
    let source = context.name("out");
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.emit(&source, "before").await;
    let mut tap = connection.tap(&source, Direction::Out).await;
    connection.emit(&source, "now").await;
    tap.expect("now").await;
}

async fn a_tap_of_an_inport_sees_what_comes_through_its_edges(context: Context) {
    let [one, other, target] = ["one", "other", "in"].map(|name| context.name(name));
    let (sender, reader) = (context.connect().await, context.connect().await);
    sender.inport(&target).await;
    for source in [&one, &other] {
        sender.outport(source).await;
        sender.bind(source, &target).await;
    }
    let mut inbox = sender.consume(&target, 1).await;
    let mut tap = reader.tap(&target, Direction::In).await;
    for (source, text) in [(&one, "1"), (&other, "2"), (&target, "same name"), (&one, "3")] {
        sender.emit(source, text).await;
        tap.expect(text).await;
        inbox.expect(text).await;
    }
}

async fn a_tap_of_a_port_that_is_not_there_is_an_error(context: Context) {
    let connection = context.connect().await;
    let name = context.name("nowhere");
    let error = within("tap", connection.0.tap(&name, Direction::Out)).await.err().unwrap();
    assert!(error.to_string().contains(&name), "{error}");
}

async fn a_copy_is_what_was_sent(context: Context) {
    let source = context.name("out");
    let connection = context.connect().await;
    connection.outport(&source).await;
    let mut tap = connection.tap(&source, Direction::Out).await;
    let message = Message::new(&[0xFF, 0, 10][..]).with_content_type("image/png").with_id("id 1");
    let sent = connection.0.publish(Target::Outport(&source), message.clone());
    within("publish", sent).await.unwrap();
    assert_eq!(tap.next().await, context.arrived(&message));
}

async fn a_tap_ends_with_its_connection(context: Context) {
    let source = context.name("out");
    let connection = context.connect().await;
    connection.outport(&source).await;
    let mut tap = connection.tap(&source, Direction::Out).await;
    connection.close().await;
    assert!(within("the copies to end", tap.0.next()).await.is_none());
}

async fn a_tap_goes_on_when_the_broker_is_back(context: Context) {
    survive(&context, Direction::Out).await;
}

async fn a_tap_of_an_inport_goes_on_when_the_broker_is_back(context: Context) {
    survive(&context, Direction::In).await;
}

async fn survive(context: &Context, direction: Direction) {
    let (source, target) = (context.name("out"), context.name("in"));
    let (sender, reader) = (context.connect().await, context.connect().await);
    sender.outport(&source).await;
    sender.inport(&target).await;
    sender.bind(&source, &target).await;
    let port = if direction == Direction::Out { &source } else { &target };
    let mut tap = reader.tap(port, direction).await;
    sender.emit(&source, "before").await;
    tap.expect("before").await;
    context.broker(|broker| broker.stop()).await;
    context.broker(|broker| broker.start_again()).await;
    // What is sent before the tap is back, it may miss.
    let seen = async {
        loop {
            sender.emit(&source, "after").await;
            let copy = tokio::time::timeout(std::time::Duration::from_millis(200), tap.0.next());
            // Where an edge is forwarded, the first may come again.
            if let Ok(copy) = copy.await
                && copy.expect("the copies ended").unwrap().payload == "after"
            {
                return;
            }
        }
    };
    within("a copy", seen).await;
}
