//! A full queue makes its senders wait.

use futures_util::future::{join_all, poll_immediate};
use msgflo::transport::Target;
use msgflo::{Message, Settings};

use crate::context::{Case, Connection, Context, cases, text, within};
use crate::participants::{GateKeeper, Repeat};

pub const CASES: &[Case] = cases![
    a_full_queue_makes_the_sender_wait: Capacity,
    senders_that_wait_keep_their_order: Capacity,
    a_closing_sender_waits_no_longer: Capacity,
    a_shutdown_does_not_wait_for_room: Capacity,
];

async fn connect(context: &Context, capacity: usize) -> Connection {
    Connection(msgflo::connect(&url(context, capacity)).await.unwrap().transport().clone())
}

fn url(context: &Context, capacity: usize) -> String {
    let first = if context.url.contains('?') { '&' } else { '?' };
    format!("{}{first}capacity={capacity}", context.url)
}

async fn a_full_queue_makes_the_sender_wait(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let connection = connect(&context, 10).await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    connection.bind(&source, &target).await;
    for number in 1..=10 {
        connection.send(&target, &number.to_string()).await;
    }
    let mut received = Vec::new();
    for way in [Target::Outport(&source), Target::Inport(&target)] {
        let mut eleventh = connection.0.publish(way, Message::new("waited"));
        assert!(poll_immediate(&mut eleventh).await.is_none(), "a full queue took a message");
        let first = connection.consume(&target, 1).await.next().await;
        received.push(text(&first).to_owned());
        first.acknowledge();
        within("room in the queue", eleventh).await.unwrap();
    }
    // In any order: what was on its way to the consumers before, comes again.
    let mut inbox = connection.consume(&target, 1).await;
    while received.len() < 12 {
        let next = inbox.next().await;
        received.push(text(&next).to_owned());
        next.acknowledge();
    }
    received.sort_by_key(|text| text.parse::<u32>().unwrap_or(u32::MAX));
    let sent = (1..=10).map(|number| number.to_string()).chain(["waited".into(), "waited".into()]);
    assert_eq!(received, sent.collect::<Vec<_>>());
}

async fn senders_that_wait_keep_their_order(context: Context) {
    const COUNT: usize = 100;
    let queue = context.name("in");
    let connection = connect(&context, 3).await;
    connection.inport(&queue).await;
    let send = |number: usize| {
        connection.0.publish(Target::Inport(&queue), Message::new(number.to_string()))
    };
    let mut waiting = join_all((0..COUNT).map(send));
    assert!(poll_immediate(&mut waiting).await.is_none(), "a full queue took a message");
    let mut inbox = connection.consume(&queue, 1).await;
    inbox.expect("0").await;
    inbox.expect("1").await;
    // There is room now, but not for somebody who comes after those who wait.
    let late = send(COUNT);
    let (late, waiting, ()) = tokio::join!(biased; late, waiting, async {
        for number in 2..=COUNT {
            inbox.expect(&number.to_string()).await;
        }
    });
    waiting.into_iter().chain([late]).for_each(Result::unwrap);
}

async fn a_closing_sender_waits_no_longer(context: Context) {
    let queue = context.name("in");
    let connection = connect(&context, 1).await;
    connection.inport(&queue).await;
    connection.send(&queue, "fills it").await;
    let publish = connection.0.publish(Target::Inport(&queue), Message::new("waits"));
    let (published, ()) = within("the sender to give up", async {
        tokio::join!(biased; publish, connection.close())
    })
    .await;
    assert!(published.is_err());
}

/// The participant that could make room is told to stop at the same time as the one that waits.
async fn a_shutdown_does_not_wait_for_room(context: Context) {
    let (first, keeper) = (context.name("first"), GateKeeper::default());
    let network = msgflo::connect(&url(&context, 2)).await.unwrap();
    let one = || Settings { concurrency: 1, ..Settings::default() };
    network.start_with(&first, Repeat::default(), one()).await.unwrap();
    let second = context.name("second");
    network.start_with(&second, keeper.gate(), one()).await.unwrap();
    let queue = format!("{second}.IN");
    network.bind(&format!("{first}.OUT"), &queue).await.unwrap();

    // One in the gate, two in its queue, and one that waits for room there.
    for number in 1..=4 {
        network.send(&format!("{first}.IN"), number.to_string()).await.unwrap();
    }
    keeper.wait_for(|seen| seen.waiting.len() == 1).await;
    let connection = Connection(network.transport().clone());
    connection.wait_for_statistics(&queue, |queue| queue.waiting == 2).await;
    connection
        .wait_for_statistics(&format!("{first}.IN"), |queue| queue.unsettled == Some(1))
        .await;
    let (shut_down, ()) = within("the shutdown", async {
        tokio::join!(network.shutdown(), async { keeper.open.add_permits(1) })
    })
    .await;
    shut_down.unwrap();
}
