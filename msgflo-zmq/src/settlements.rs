//! What became of deliveries, on its way to the hub, in batches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use msgflo_core::Message;
use msgflo_core::transport::{Direction, Settle, Settlement};
use tracing::warn;

use crate::extras;
use crate::frames::{ACK, Frames, REJECT, RELEASE, RETRY, write_numbers};
use crate::link::Inner;

/// How many are told in one message.
const BATCH: usize = 1000;

/// One connection's settlements that are not sent yet.
#[derive(Default)]
pub(crate) struct Settlements(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    session: u64,
    /// Whether the hub of this connection knows extras and `RETRY`.
    retries: bool,
    settled: Vec<(u64, &'static str, u64)>,
    /// Those that come with a message.
    replaced: Vec<Frames>,
}

impl Settlements {
    /// What is said of older connections' deliveries concerns nobody any more.
    pub(crate) fn restart(&self, session: u64, retries: bool) {
        *self.lock() = Pending { session, retries, ..Pending::default() };
    }

    /// Returns what this hub cannot be told.
    fn push(
        &self,
        session: u64,
        consumer: u64,
        tag: u64,
        settlement: Settlement,
    ) -> Option<(Box<Message>, Duration)> {
        let mut pending = self.lock();
        if pending.session != session {
            return None;
        }
        let command = match settlement {
            Settlement::Acknowledged => ACK,
            Settlement::Rejected => REJECT,
            Settlement::DeadLettered(message) if pending.retries => {
                let rejected = Frames::new(REJECT, consumer).bytes(write_numbers(&[tag]));
                pending.replaced.push(rejected.bytes(extras_of(&message)));
                return None;
            }
            Settlement::DeadLettered(_) => REJECT,
            Settlement::Delayed(message, after) if pending.retries => {
                let retried = Frames::new(RETRY, consumer).number(tag);
                let retried = retried.number(extras::milliseconds(after));
                pending.replaced.push(retried.bytes(extras_of(&message)));
                return None;
            }
            Settlement::Delayed(message, after) => return Some((message, after)),
            _ => RELEASE,
        };
        pending.settled.push((consumer, command, tag));
        None
    }

    pub(crate) fn take(&self, taken: &mut Vec<Frames>) {
        let (mut settled, mut replaced) = {
            let mut pending = self.lock();
            (std::mem::take(&mut pending.settled), std::mem::take(&mut pending.replaced))
        };
        let of = |&(consumer, command, _): &(u64, &'static str, u64)| (consumer, command);
        settled.sort_by_key(of);
        for same in settled.chunk_by(|one, other| of(one) == of(other)) {
            let (consumer, command, _) = same[0];
            for batch in same.chunks(BATCH) {
                let tags: Vec<u64> = batch.iter().map(|(_, _, tag)| *tag).collect();
                taken.push(Frames::new(command, consumer).bytes(write_numbers(&tags)));
            }
        }
        taken.append(&mut replaced);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn extras_of(message: &Message) -> bytes::Bytes {
    extras::write(message, 1).1.unwrap_or_default()
}

/// Where the deliveries of one consumer on one connection are settled.
pub(crate) struct Settler {
    pub(crate) inner: Arc<Inner>,
    pub(crate) session: u64,
    pub(crate) consumer: u64,
}

impl Settle for Settler {
    fn settle(&self, tag: u64, settlement: Settlement) {
        let Self { inner, session, consumer } = self;
        match inner.settlements.push(*session, *consumer, tag, settlement) {
            None => inner.wake.notify_one(),
            Some((message, after)) => self.wait(tag, message, after),
        }
    }
}

impl Settler {
    /// A hub of old cannot hold a message back: it waits here, unsettled.
    fn wait(&self, tag: u64, message: Box<Message>, after: Duration) {
        let (inner, session, consumer) = (self.inner.clone(), self.session, self.consumer);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let Some(queue) = inner.streams.queue(consumer) else { return };
            let publish = |number| Frames::publish(number, Direction::In, &queue, &message);
            let Some(answer) = inner.outbox.push(publish) else { return };
            inner.wake.notify_one();
            let settlement = match answer.await {
                Ok(Ok(_)) => Settlement::Acknowledged,
                Ok(Err(refusal)) => {
                    warn!("a message of `{queue}` is tried again at once: {}", refusal.reason);
                    Settlement::Released
                }
                // The connection is closed: the delivery comes again.
                Err(_) => return,
            };
            inner.settlements.push(session, consumer, tag, settlement);
            inner.wake.notify_one();
        });
    }
}
