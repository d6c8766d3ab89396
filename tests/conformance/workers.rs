//! Participants at work: the loop from a delivery to its acknowledgement, on a broker.

use msgflo::transport::Target;
use msgflo::{Message, Settings};

use crate::context::{Case, Connection, Context, cases, within};
use crate::participants::{GateKeeper, Repeat};

pub const CASES: &[Case] = cases![
    participants_pass_messages_on,
    every_message_sent_has_an_id_of_its_own: Properties,
    workers_of_a_role_share_its_messages,
    concurrency_is_reached_and_never_exceeded,
    one_at_a_time_keeps_the_order,
    a_port_has_a_concurrency_of_its_own,
    what_fails_is_dead_lettered_and_the_participant_lives_on,
    a_shutdown_finishes_what_is_in_flight_and_repeats_nothing,
];

fn concurrency(concurrency: u16) -> Settings {
    Settings { concurrency, ..Settings::default() }
}

async fn participants_pass_messages_on(context: Context) {
    let [first, second, third] = ["first", "second", "third"].map(|role| context.name(role));
    let (network, elsewhere) = (context.network().await, context.network().await);
    for role in [&first, &second] {
        network.start(role, Repeat::default()).await.unwrap();
    }
    elsewhere.start(&third, Repeat::default()).await.unwrap();
    network.bind(&format!("{first}.OUT"), &format!("{second}.IN")).await.unwrap();
    network.bind(&format!("{second}.OUT"), &format!("{third}.IN")).await.unwrap();
    let connection = context.connect().await;
    let end = context.name("end");
    connection.inport(&end).await;
    connection.bind(&format!("{third}.OUT"), &end).await;
    network.send(&format!("{first}.IN"), "hello".to_owned()).await.unwrap();
    let delivery = connection.consume(&end, 1).await.next().await;
    let content_type = "text/plain; charset=utf-8";
    let sent = Message::new("hello").with_content_type(content_type);
    let Message { payload, content_type, .. } = context.arrived(&sent);
    assert_eq!(delivery.message.payload, payload);
    assert_eq!(delivery.message.content_type, content_type);
    delivery.acknowledge();
    within("shutdown", network.shutdown()).await.unwrap();
    within("shutdown", elsewhere.shutdown()).await.unwrap();
}

async fn every_message_sent_has_an_id_of_its_own(context: Context) {
    let (role, end) = (context.name("role"), context.name("end"));
    let connection = context.connect().await;
    connection.inport(&end).await;
    let mut inbox = connection.consume(&end, 1).await;
    let mut ids = std::collections::BTreeSet::new();
    // A worker after the other, in the same role.
    for _ in 0..3 {
        let network = context.network().await;
        network.start(&role, Repeat::default()).await.unwrap();
        connection.bind(&format!("{role}.OUT"), &end).await;
        send_numbers(&connection, &format!("{role}.IN"), 3).await;
        for _ in 0..3 {
            let delivery = inbox.next().await;
            let id = delivery.message.id.clone().expect("a message without an id");
            assert!(ids.insert(id.clone()), "{id} comes twice");
            delivery.acknowledge();
        }
        within("shutdown", network.shutdown()).await.unwrap();
    }
}

async fn workers_of_a_role_share_its_messages(context: Context) {
    let role = context.name("role");
    let keepers = [GateKeeper::default(), GateKeeper::default()];
    let mut networks = Vec::new();
    for keeper in &keepers {
        let network = context.network().await;
        network.start_with(&role, keeper.gate(), concurrency(2)).await.unwrap();
        networks.push(network);
    }
    send_numbers(&context.connect().await, &format!("{role}.IN"), 10).await;
    // With the gates closed, each has its hands full with two.
    for keeper in &keepers {
        keeper.wait_for(|seen| seen.waiting.len() == 2).await;
    }
    for keeper in &keepers {
        keeper.open.add_permits(10);
    }
    let [one, other] = &keepers;
    tokio::select! {
        () = one.wait_for(|seen| seen.passed.len() + other.seen().passed.len() == 10) => {}
        () = other.wait_for(|seen| seen.passed.len() + one.seen().passed.len() == 10) => {}
    }
    for network in networks {
        within("shutdown", network.shutdown()).await.unwrap();
    }
    let mut passed = keepers.map(|keeper| keeper.seen().passed).concat();
    passed.sort();
    assert_eq!(passed, numbers(0..10));
}

async fn concurrency_is_reached_and_never_exceeded(context: Context) {
    let role = context.name("role");
    let network = context.network().await;
    let keeper = GateKeeper::default();
    network.start_with(&role, keeper.gate(), concurrency(4)).await.unwrap();
    send_numbers(&context.connect().await, &format!("{role}.IN"), 20).await;
    for passed in 0..=16 {
        // One goes, one comes.
        keeper.wait_for(|seen| seen.passed.len() == passed && seen.waiting.len() == 4).await;
        keeper.open.add_permits(1);
    }
    keeper.open.add_permits(20);
    keeper.wait_for(|seen| seen.passed.len() == 20).await;
    assert_eq!(keeper.seen().most, 4);
}

async fn one_at_a_time_keeps_the_order(context: Context) {
    let role = context.name("role");
    let network = context.network().await;
    let keeper = GateKeeper::default();
    keeper.open.add_permits(1000);
    network.start_with(&role, keeper.gate(), concurrency(1)).await.unwrap();
    send_numbers(&context.connect().await, &format!("{role}.IN"), 200).await;
    keeper.wait_for(|seen| seen.passed.len() == 200).await;
    assert_eq!(keeper.seen().passed, numbers(0..200));
    assert_eq!(keeper.seen().most, 1);
}

async fn a_port_has_a_concurrency_of_its_own(context: Context) {
    let role = context.name("role");
    let network = context.network().await;
    let keeper = GateKeeper::default();
    network.start_with(&role, keeper.gate(), concurrency(4)).await.unwrap();
    let connection = context.connect().await;
    let narrow = format!("{role}.NARROW");
    send_numbers(&connection, &narrow, 3).await;
    for passed in 0..3 {
        keeper.wait_for(|seen| seen.passed.len() == passed && seen.waiting.len() == 1).await;
        let left = 2 - passed as u64;
        connection.wait_for_statistics(&narrow, |queue| queue.waiting == left).await;
        keeper.open.add_permits(1);
    }
    keeper.wait_for(|seen| seen.passed.len() == 3).await;
    assert_eq!(keeper.seen().most, 1);
}

async fn what_fails_is_dead_lettered_and_the_participant_lives_on(context: Context) {
    let role = context.name("role");
    let (inport, end) = (format!("{role}.IN"), context.name("end"));
    let network = context.network().await;
    network.start_with(&role, Repeat::default(), concurrency(1)).await.unwrap();
    let connection = context.connect().await;
    connection.inport(&end).await;
    connection.bind(&format!("{role}.OUT"), &end).await;
    let mut inbox = connection.consume(&end, 1).await;
    let mut dead_letters = connection.consume_dead_letters(&inport).await;
    let bad = [Message::new("fail"), Message::new("panic"), Message::new(&[0xFF, 0xFE][..])];
    for message in bad {
        let publish = connection.0.publish(Target::Inport(&inport), message.clone());
        within("publish", publish).await.unwrap();
        let dead = dead_letters.next().await;
        assert_eq!(dead.message.payload, message.payload);
        dead.acknowledge();
        connection.send(&inport, "good").await;
        inbox.expect("good").await;
    }
    within("shutdown", network.shutdown()).await.unwrap();
    connection.send(&inport, "end").await;
    connection.consume(&inport, 1).await.expect("end").await;
}

async fn a_shutdown_finishes_what_is_in_flight_and_repeats_nothing(context: Context) {
    let role = context.name("role");
    let keeper = GateKeeper::default();
    let network = context.network().await;
    network.start_with(&role, keeper.gate(), concurrency(3)).await.unwrap();
    let connection = context.connect().await;
    send_numbers(&connection, &format!("{role}.IN"), 10).await;
    keeper.wait_for(|seen| seen.waiting.len() == 3).await;
    // Asked to stop first; then what is in flight can go on.
    let (stopped, ()) = within("shutdown", async {
        tokio::join!(biased; network.shutdown(), async { keeper.open.add_permits(10) })
    })
    .await;
    stopped.unwrap();
    let mut finished = keeper.seen().passed;
    finished.sort();
    assert_eq!(finished, numbers(0..3));

    // The others are left for another worker.
    let heir = GateKeeper::default();
    heir.open.add_permits(10);
    let network = context.network().await;
    network.start_with(&role, heir.gate(), concurrency(3)).await.unwrap();
    heir.wait_for(|seen| seen.passed.len() == 7).await;
    connection.send(&format!("{role}.IN"), "end").await;
    heir.wait_for(|seen| seen.passed.contains(&"end".into())).await;
    let mut left = heir.seen().passed;
    left.sort();
    let mut expected = numbers(3..10);
    expected.push("end".into());
    assert_eq!(left, expected);
}

async fn send_numbers(connection: &Connection, queue: &str, count: usize) {
    for number in numbers(0..count) {
        connection.send(queue, &number).await;
    }
}

/// With leading zeros, so that they sort.
fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{number:03}")).collect()
}
