//! What cannot be done is told, and harms nothing else.

use std::fmt::Debug;
use std::time::Duration;

use msgflo::transport::{Queue, Target};
use msgflo::{Component, Error, ErrorKind, Message};

use crate::context::{Case, Context, cases, edge, within};

pub const CASES: &[Case] = cases![
    sending_to_a_missing_inport_fails: KnowsQueues,
    sending_on_a_missing_outport_fails: KnowsQueues,
    consuming_a_missing_queue_fails,
    binding_a_missing_queue_fails: KnowsQueues,
    statistics_of_a_missing_queue_fail: Statistics,
    a_closed_transport_says_so,
];

/// The error names the queue, and does not give the password away.
fn assert_names(queue: &str, error: Option<Error>) {
    let error = error.expect("must fail");
    let named = match error.kind() {
        Some(ErrorKind::Queue { queue, .. } | ErrorKind::Send { queue, .. }) => queue,
        _ => panic!("of the wrong kind: {error}"),
    };
    assert_eq!(named, queue);
    let sentence = error.to_string();
    assert!(sentence.contains(queue), "{sentence}");
    assert!(!sentence.contains("guest:guest"), "{sentence}");
}

/// The connection works as before.
async fn still_works(context: &Context, connection: &crate::context::Connection) {
    let queue = context.name("still works");
    connection.inport(&queue).await;
    connection.outport(&queue).await;
    connection.emit(&queue, "1").await;
    connection.send(&queue, "2").await;
    let mut inbox = connection.consume(&queue, 1).await;
    inbox.expect("1").await;
    inbox.expect("2").await;
}

async fn sending_to_a_missing_inport_fails(context: Context) {
    let missing = context.name("missing");
    let connection = context.connect().await;
    for _ in 0..2 {
        let publish = connection.0.publish(Target::Inport(&missing), Message::new("lost"));
        assert_names(&missing, within("publish", publish).await.err());
    }
    still_works(&context, &connection).await;
}

async fn sending_on_a_missing_outport_fails(context: Context) {
    let missing = context.name("missing");
    let connection = context.connect().await;
    let publish = connection.0.publish(Target::Outport(&missing), Message::new("lost"));
    assert_names(&missing, within("publish", publish).await.err());
    still_works(&context, &connection).await;
}

async fn consuming_a_missing_queue_fails(context: Context) {
    let missing = context.name("missing");
    let connection = context.connect().await;
    let consume = connection.0.consume(&missing, 1);
    assert_names(&missing, within("consume", consume).await.err());
    still_works(&context, &connection).await;
}

async fn binding_a_missing_queue_fails(context: Context) {
    let [source, target, missing] = ["out", "in", "missing"].map(|name| context.name(name));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    for impossible in [edge(&source, &missing), edge(&missing, &target)] {
        let error = within("bind", connection.0.bind(&impossible)).await.unwrap_err();
        assert!(matches!(error.kind(), Some(ErrorKind::Queue { .. })), "{error}");
        assert!(error.to_string().contains(&missing), "{error}");
    }
    still_works(&context, &connection).await;
}

async fn statistics_of_a_missing_queue_fail(context: Context) {
    let missing = context.name("missing");
    let connection = context.connect().await;
    let statistics = connection.0.statistics(&missing);
    assert_names(&missing, within("statistics", statistics).await.err());
    still_works(&context, &connection).await;
}

async fn a_closed_transport_says_so(context: Context) {
    fn assert_closed<T: Debug>(result: Result<T, Error>) {
        let error = result.expect_err("must fail");
        assert!(matches!(error.kind(), Some(ErrorKind::Closed(_))), "{error}");
    }
    let (source, target) = (context.name("out"), context.name("in"));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    let mut inbox = connection.consume(&target, 1).await;
    let mut watcher = within("watch", connection.0.watch()).await.unwrap();
    connection.close().await;
    connection.close().await;

    inbox.expect_end().await;
    let no_more = async { while watcher.next().await.is_some() {} };
    within("the announcements to end", no_more).await;
    let transport = &connection.0;
    let all = async {
        let queue = Queue::inport(target.clone());
        assert_closed(transport.declare(&queue).await);
        assert_closed(transport.consume(&target, 1).await.map(|_| ()));
        for way in [Target::Outport(&source), Target::Inport(&target)] {
            assert_closed(transport.publish(way, Message::new("late")).await);
        }
        assert_closed(transport.bind(&edge(&source, &target)).await);
        assert_closed(transport.unbind(&edge(&source, &target)).await);
        let definition = Component::new("test/None").instantiate(&context.name("role")).unwrap();
        assert_closed(transport.announce(&definition, Duration::from_secs(60)).await);
        assert_closed(transport.watch().await.map(|_| ()));
        assert_closed(transport.statistics(&target).await);
    };
    within("every call to fail", all).await;
}
