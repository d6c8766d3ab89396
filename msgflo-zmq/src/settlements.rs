//! What became of deliveries, on its way to the hub, in batches.

use std::sync::{Arc, Mutex, PoisonError};

use msgflo_core::transport::{Settle, Settlement};

use crate::frames::{ACK, Frames, REJECT, RELEASE, write_numbers};
use crate::link::Inner;

/// How many are told in one message.
const BATCH: usize = 1000;

/// One connection's settlements that are not sent yet.
#[derive(Default)]
pub(crate) struct Settlements(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    session: u64,
    settled: Vec<(u64, Settlement, u64)>,
}

impl Settlements {
    /// What is said of older connections' deliveries concerns nobody any more.
    pub(crate) fn restart(&self, session: u64) {
        *self.lock() = Pending { session, settled: Vec::new() };
    }

    fn push(&self, session: u64, consumer: u64, tag: u64, settlement: Settlement) -> bool {
        let settlement = match settlement {
            Settlement::DeadLettered(_) => Settlement::Rejected,
            Settlement::Delayed(..) => Settlement::Released,
            other => other,
        };
        let mut pending = self.lock();
        let current = pending.session == session;
        if current {
            pending.settled.push((consumer, settlement, tag));
        }
        current
    }

    pub(crate) fn take(&self, taken: &mut Vec<Frames>) {
        let mut settled = std::mem::take(&mut self.lock().settled);
        let of = |(consumer, settlement, _): &(u64, Settlement, u64)| {
            (*consumer, command_of(settlement))
        };
        settled.sort_by_key(of);
        for same in settled.chunk_by(|one, other| of(one) == of(other)) {
            let (consumer, settlement, _) = &same[0];
            let command = command_of(settlement);
            for batch in same.chunks(BATCH) {
                let tags: Vec<u64> = batch.iter().map(|(_, _, tag)| *tag).collect();
                taken.push(Frames::new(command, *consumer).bytes(write_numbers(&tags)));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn command_of(settlement: &Settlement) -> &'static str {
    match settlement {
        Settlement::Acknowledged => ACK,
        Settlement::Rejected => REJECT,
        _ => RELEASE,
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
