//! Queues in which messages wait until they go on: those of *wait queues* expire, and RabbitMQ then
//! passes them on to the exchange that the queue names.
//!
//! RabbitMQ looks at a queue's first message alone. So there is a wait queue for each step of a grid of
//! times, and in each, messages wait for no less than the step below: none is held up for longer than
//! the steps are apart.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use msgflo_core::transport::Target;

use crate::lock::lock;

/// The shortest wait that has a queue.
const SHORTEST: Duration = Duration::from_millis(100);
/// A wait queue that nobody uses is deleted after so long, beyond its own time. RabbitMQ deletes it with
/// its messages, so that it must be declared anew before.
const KEPT: Duration = Duration::from_secs(3600);
/// After so long, it is declared anew.
const FRESH: Duration = Duration::from_secs(1800);

/// A wait queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WaitQueue {
    pub(crate) name: String,
    exchange: String,
    key: String,
    step: Duration,
}

impl WaitQueue {
    /// Where messages wait that go to the target after so long.
    pub(crate) fn new(target: Target<'_>, after: Duration) -> Self {
        let step = step(after);
        let (kind, exchange, key) = match target {
            Target::Inport(queue) => ("in", "", queue),
            Target::Outport(exchange) => ("out", exchange, ""),
        };
        let name = format!("msgflo.wait.{}.{kind}.{exchange}{key}", step.as_millis());
        Self { name, exchange: exchange.into(), key: key.into(), step }
    }

    pub(crate) async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let expires = (self.step + KEPT).as_millis().try_into().unwrap_or(i64::MAX);
        let mut arguments = FieldTable::default();
        arguments.insert("x-dead-letter-exchange".into(), text(&self.exchange));
        arguments.insert("x-dead-letter-routing-key".into(), text(&self.key));
        arguments.insert("x-expires".into(), AMQPValue::LongLongInt(expires));
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        let name = ShortString::from(self.name.as_str());
        channel.queue_declare(name, options, arguments).await.map(drop)
    }
}

/// The next step of the grid: 100 ms, 150 ms, 200 ms, 300 ms, 400 ms, 600 ms, …
fn step(after: Duration) -> Duration {
    let mut octave = SHORTEST;
    loop {
        for step in [octave, octave * 3 / 2] {
            if after <= step {
                return step;
            }
        }
        octave *= 2;
    }
}

/// Which wait queues were declared on which connection, and when.
#[derive(Default)]
pub(crate) struct Declared(Mutex<HashMap<String, (u64, Instant)>>);

impl Declared {
    /// Whether it is there for long enough.
    pub(crate) fn is_fresh(&self, queue: &WaitQueue, connection: u64) -> bool {
        let declared = lock(&self.0);
        declared.get(&queue.name).is_some_and(|(on, at)| *on == connection && at.elapsed() < FRESH)
    }

    pub(crate) fn remember(&self, queue: &WaitQueue, connection: u64, at: Instant) {
        let mut declared = lock(&self.0);
        declared.retain(|_, (_, at)| at.elapsed() < FRESH);
        declared.insert(queue.name.clone(), (connection, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_go_up_to_the_next_step() {
        let table =
            [(1, 100), (100, 100), (101, 150), (150, 150), (151, 200), (1000, 1200), (5000, 6400)];
        for (after, expected) in table {
            let step = step(Duration::from_millis(after));
            assert_eq!(step, Duration::from_millis(expected), "{after} ms");
        }
        let days = Duration::from_secs(24 * 24 * 3600);
        // RabbitMQ counts them in 32 bits.
        assert!((step(days) + KEPT).as_millis() < u32::MAX.into());
    }

    #[test]
    fn a_wait_queue_is_named_for_where_it_leads() {
        let wait = |target| WaitQueue::new(target, Duration::from_secs(1));
        assert_eq!(wait(Target::Inport("a")).name, "msgflo.wait.1200.in.a");
        let out = wait(Target::Outport("a"));
        assert_eq!((out.name.as_str(), out.exchange.as_str()), ("msgflo.wait.1200.out.a", "a"));
    }
}
