//! What became of deliveries, on its way to the hub, in batches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use msgflo_core::Message;
use msgflo_core::transport::{Settle, Settlement};
use tracing::warn;

use crate::extras;
use crate::frames::{ACK, Frames, REJECT, RELEASE, RETRY, write_numbers};
use crate::link::Inner;

/// How many are told in one message.
const BATCH: usize = 1000;
/// No message waits longer here: a year.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// One connection's settlements that are not sent yet.
#[derive(Default)]
pub(crate) struct Settlements(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    session: u64,
    /// Whether the hub of this connection knows extras and `RETRY`.
    retries: bool,
    settled: Vec<(u64, &'static str, u64)>,
    /// Those that come with extras, by consumer and tag.
    replaced: Vec<(u64, u64, Frames)>,
    /// What this hub cannot hold back, by when it is due, and its number among those of the same moment.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    waited: u64,
}

/// A delivery that waits in this process, unsettled.
pub(crate) struct Waiting {
    pub(crate) consumer: u64,
    pub(crate) tag: u64,
    pub(crate) message: Box<Message>,
}

impl Pending {
    fn push(&mut self, consumer: u64, tag: u64, settlement: Settlement) {
        let command = match settlement {
            Settlement::Acknowledged => ACK,
            Settlement::Rejected => REJECT,
            Settlement::DeadLettered(message) if self.retries => {
                let rejected = Frames::new(REJECT, consumer).bytes(write_numbers(&[tag]));
                return self.replace(consumer, tag, rejected, &message);
            }
            Settlement::DeadLettered(_) => REJECT,
            Settlement::Delayed(message, after) if self.retries => {
                let retried = Frames::new(RETRY, consumer).number(tag);
                let retried = retried.number(extras::milliseconds(after));
                return self.replace(consumer, tag, retried, &message);
            }
            Settlement::Delayed(message, after) => {
                self.waited += 1;
                let due = Instant::now() + after.min(LONGEST_WAIT);
                self.waiting.insert((due, self.waited), Waiting { consumer, tag, message });
                return;
            }
            _ => RELEASE,
        };
        self.settled.push((consumer, command, tag));
    }

    fn replace(&mut self, consumer: u64, tag: u64, frames: Frames, message: &Message) {
        let count = message.headers().len();
        if count > extras::MOST_HEADERS {
            warn!("a message with {count} headers goes to the dead letters without a reason");
            return self.settled.push((consumer, REJECT, tag));
        }
        let extras = extras::write(message, 1).1.unwrap_or_default();
        self.replaced.push((consumer, tag, frames.bytes(extras)));
    }
}

impl Settlements {
    /// What is said of older connections' deliveries concerns nobody any more.
    pub(crate) fn restart(&self, session: u64, retries: bool) {
        *self.lock() = Pending { session, retries, ..Pending::default() };
    }

    /// Whether the hub of this connection knows extras and `RETRY`.
    pub(crate) fn hub_retries(&self) -> bool {
        self.lock().retries
    }

    fn push(&self, session: u64, consumer: u64, tag: u64, settlement: Settlement) -> bool {
        let mut pending = self.lock();
        let is_current = pending.session == session;
        if is_current {
            pending.push(consumer, tag, settlement);
        }
        is_current
    }

    /// What has waited here long enough, and when the next is due.
    pub(crate) fn take_due(&self) -> (Vec<Waiting>, Option<Instant>) {
        let mut due = Vec::new();
        let mut pending = self.lock();
        while let Some(first) = pending.waiting.first_entry() {
            let at = first.key().0;
            if at > Instant::now() {
                return (due, Some(at));
            }
            due.push(first.remove());
        }
        (due, None)
    }

    /// What is to be sent now, to a hub that takes messages of so many bytes.
    pub(crate) fn take(&self, max_size: usize, taken: &mut Vec<Frames>) {
        let (mut settled, replaced) = {
            let mut pending = self.lock();
            (std::mem::take(&mut pending.settled), std::mem::take(&mut pending.replaced))
        };
        for (consumer, tag, frames) in replaced {
            let size = frames.size();
            if size <= max_size {
                taken.push(frames);
                continue;
            }
            warn!(
                "headers of {size} bytes are more than the hub takes ({max_size}, its `max_frame`): the message goes to the dead letters without a reason"
            );
            settled.push((consumer, REJECT, tag));
        }
        let of = |&(consumer, command, _): &(u64, &'static str, u64)| (consumer, command);
        settled.sort_by_key(of);
        for same in settled.chunk_by(|one, other| of(one) == of(other)) {
            let (consumer, command, _) = same[0];
            for batch in same.chunks(BATCH) {
                let tags: Vec<u64> = batch.iter().map(|(_, _, tag)| *tag).collect();
                taken.push(Frames::new(command, consumer).bytes(write_numbers(&tags)));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the deliveries of one consumer on one connection are settled.
pub(crate) struct Settler {
    pub(crate) inner: Arc<Inner>,
    pub(crate) session: u64,
    pub(crate) consumer: u64,
}

impl Settle for Settler {
    fn settle(&self, tag: u64, settlement: Settlement) {
        if self.inner.settlements.push(self.session, self.consumer, tag, settlement) {
            self.inner.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Received;

    fn taken(retries: bool, max_size: usize, settlement: Settlement) -> Vec<(String, usize)> {
        let settlements = Settlements::default();
        settlements.restart(1, retries);
        assert!(!settlements.push(0, 5, 7, settlement.clone()), "an older connection's");
        assert!(settlements.push(1, 5, 7, settlement));
        let mut taken = Vec::new();
        settlements.take(max_size, &mut taken);
        let told = |frames: &Frames| {
            let received = Received::of(frames.as_slice()).unwrap();
            assert_eq!(received.number, 5);
            (received.command().to_owned(), frames.as_slice().len() - 3)
        };
        taken.iter().map(told).collect()
    }

    #[test]
    fn each_hub_is_told_what_it_understands() {
        let message = Box::new(Message::new("").with_header("a", "b".repeat(100)));
        let many = (0..=extras::MOST_HEADERS).fold(Message::new(""), |mut message, number| {
            message.headers_mut().append(number.to_string(), "");
            message
        });
        let dead = Settlement::DeadLettered(message.clone());
        let later = Settlement::Delayed(message, Duration::from_secs(1));
        let reject = |frames| [("REJECT".to_owned(), frames)];
        for (settlement, retries, most, told) in [
            (dead.clone(), true, 1000, &reject(2)[..]),
            (dead.clone(), false, 1000, &reject(1)),
            (dead, true, 100, &reject(1)),
            (Settlement::DeadLettered(Box::new(many)), true, 1 << 20, &reject(1)),
            (later.clone(), true, 1000, &[("RETRY".to_owned(), 3)]),
            (later.clone(), true, 100, &reject(1)),
            (later, false, 1000, &[]),
            (Settlement::Acknowledged, false, 1000, &[("ACK".to_owned(), 1)]),
            (Settlement::Released, true, 1000, &[("RELEASE".to_owned(), 1)]),
        ] {
            assert_eq!(taken(retries, most, settlement.clone()), told, "{settlement:?}");
        }
    }

    #[test]
    fn what_the_hub_cannot_hold_back_waits_here() {
        let settlements = Settlements::default();
        settlements.restart(1, false);
        let message = || Box::new(Message::new("").with_header("attempt", "2"));
        settlements.push(1, 5, 7, Settlement::Delayed(message(), Duration::from_secs(3600)));
        settlements.push(1, 5, 8, Settlement::Delayed(message(), Duration::ZERO));
        let (due, next) = settlements.take_due();
        let due: Vec<_> = due.iter().map(|waiting| (waiting.consumer, waiting.tag)).collect();
        assert_eq!(due, [(5, 8)]);
        assert!(next.is_some());
        settlements.restart(2, false);
        assert!(settlements.take_due().1.is_none(), "the hub has taken it back");
    }
}
