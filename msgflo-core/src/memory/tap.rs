//! Copies of what passes a port.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::Broker;
use super::queue::{Capacity, Consumer, MemoryQueue};
use crate::Message;
use crate::transport::{Direction, Target};

/// All taps of a broker. Each has a queue of its own, in which the oldest go if nobody reads.
#[derive(Default)]
pub(super) struct Taps(Vec<Tapped>);

struct Tapped {
    queue: String,
    direction: Direction,
    copies: Arc<MemoryQueue>,
}

impl Taps {
    pub(super) fn add(
        &mut self,
        queue: &str,
        direction: Direction,
        capacity: Capacity,
    ) -> Arc<MemoryQueue> {
        let copies = Arc::new(MemoryQueue::new(capacity, None));
        self.0.push(Tapped { queue: queue.into(), direction, copies: copies.clone() });
        copies
    }

    fn remove(&mut self, copies: &Arc<MemoryQueue>) {
        self.0.retain(|tapped| !Arc::ptr_eq(&tapped.copies, copies));
    }

    /// A message for one target goes to these queues.
    pub(super) fn copy(
        &self,
        target: Target<'_>,
        targets: &[Arc<MemoryQueue>],
        queues: &HashMap<String, Arc<MemoryQueue>>,
        message: &Message,
    ) {
        for Tapped { queue, direction, copies } in &self.0 {
            let passes = match direction {
                Direction::Out => target == Target::Outport(queue),
                Direction::In => queues
                    .get(queue)
                    .is_some_and(|queue| targets.iter().any(|target| Arc::ptr_eq(target, queue))),
            };
            if passes && copies.push_newest(message.clone()) > 0 {
                tracing::warn!("nobody reads the copies of `{queue}`: the oldest is dropped");
            }
        }
    }
}

/// The reader of one tap. Dropping it removes the tap.
pub(super) struct Tap {
    broker: Arc<Broker>,
    copies: Arc<MemoryQueue>,
    consumer: Consumer,
}

impl Tap {
    pub(super) fn new(
        broker: Arc<Broker>,
        copies: Arc<MemoryQueue>,
        closed: watch::Receiver<bool>,
    ) -> Self {
        let consumer = Consumer::new(copies.clone(), 1, closed);
        Self { broker, copies, consumer }
    }

    /// The next copy; `None` when the connection is closed.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let mut delivery = self.consumer.next().await?;
        let message = std::mem::take(&mut delivery.message);
        delivery.acknowledge();
        Some(message)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.broker.topology_mut().taps.remove(&self.copies);
    }
}
