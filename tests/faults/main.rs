//! Nothing is lost: 10,000 messages pass through workers that are killed, stopped and started,
//! and through a RabbitMQ that is restarted and killed.

mod failing;
#[path = "../worker/mod.rs"]
mod worker;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use msgflo::transport::{Deliveries, Direction, Queue, Target};
use msgflo::{Message, Network};
use msgflo_test_broker::RabbitMq;
use tokio::time::timeout;
use worker::Worker;

const MESSAGES: u32 = 10_000;
/// Longer than anything here takes; only a loss makes a test wait for it.
const DEADLINE: Duration = Duration::from_secs(120);

/// The queue of a `repeat` role, filled with numbered messages, and what comes out.
struct Flow {
    network: Network,
    outputs: Deliveries,
    seen: HashMap<u32, u32>,
}

impl Flow {
    async fn fill(url: &str) -> Self {
        let network = msgflo::connect(url).await.unwrap();
        let transport = network.transport();
        for (name, direction) in [
            ("repeat.IN", Direction::In),
            ("repeat.OUT", Direction::Out),
            ("sink.IN", Direction::In),
        ] {
            let queue = Queue::new(name, direction);
            transport.declare(&queue).await.unwrap();
        }
        network.bind("repeat.OUT", "sink.IN").await.unwrap();
        stream::iter(0..MESSAGES)
            .map(|number| {
                let message = Message::new(number.to_string());
                transport.publish(Target::Outport("repeat.IN"), message)
            })
            .buffer_unordered(500)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        let outputs = transport.consume("sink.IN", 500).await.unwrap();
        Self { network, outputs, seen: HashMap::new() }
    }

    /// Reads what comes out until so many different messages have come.
    async fn read_until(&mut self, different: usize) {
        while self.seen.len() < different {
            let delivery = timeout(DEADLINE, self.outputs.next()).await.unwrap_or_else(|_| {
                panic!("only {} of {MESSAGES} messages came out", self.seen.len())
            });
            let delivery = delivery.unwrap().unwrap();
            let number = std::str::from_utf8(&delivery.message.payload).unwrap().parse().unwrap();
            delivery.acknowledge();
            *self.seen.entry(number).or_default() += 1;
        }
    }
}

fn start(url: &str) -> Worker {
    Worker::start("repeat", &["--role", "repeat", "--broker", url])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_a_worker_and_the_broker_are_killed() {
    let mut broker = RabbitMq::start().unwrap();
    let url = broker.url();
    let mut flow = Flow::fill(&url).await;
    let (first, second) = (start(&url), start(&url));

    flow.read_until(2_000).await;
    first.kill();
    let third = start(&url);
    flow.read_until(4_000).await;
    let mut broker = tokio::task::spawn_blocking(move || {
        broker.restart().unwrap();
        broker
    })
    .await
    .unwrap();
    flow.read_until(7_000).await;
    let broker = tokio::task::spawn_blocking(move || {
        broker.kill();
        broker.start_again().unwrap();
        broker
    })
    .await
    .unwrap();
    flow.read_until(MESSAGES as usize).await;

    // The workers outlived both restarts, and still stop in order.
    for worker in [second, third] {
        let (status, stderr) = worker.terminate();
        assert!(status.success(), "{status}: {stderr}");
    }
    flow.network.shutdown().await.unwrap();
    drop(broker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_worker_loses_and_repeats_nothing() {
    let broker = RabbitMq::start().unwrap();
    let url = broker.url();
    let mut flow = Flow::fill(&url).await;

    let mut workers = vec![start(&url), start(&url)];
    for stopped_at in [1_000, 3_000, 5_000, 7_000] {
        flow.read_until(stopped_at).await;
        let (status, stderr) = workers.remove(0).terminate();
        assert!(status.success(), "{status}: {stderr}");
        assert_eq!(stderr, "");
        workers.push(start(&url));
    }
    flow.read_until(MESSAGES as usize).await;
    for worker in workers {
        worker.terminate();
    }

    // Whatever was sent twice would be in the queue before this one.
    flow.network.send("sink.IN", MESSAGES.to_string()).await.unwrap();
    flow.read_until(MESSAGES as usize + 1).await;
    let repeated: Vec<_> = flow.seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(repeated.is_empty(), "repeated: {repeated:?}");
    let waiting = flow.network.statistics("repeat.IN").await.unwrap().waiting;
    assert_eq!(waiting, 0, "the workers acknowledged everything");
    flow.network.shutdown().await.unwrap();
}
