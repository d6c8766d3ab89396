//! What is counted while messages are processed and sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Durations, InportStatistics, OutportStatistics};

/// What became of a message that was received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Settled {
    Acknowledged,
    Rejected,
    Retried,
    Released,
}

/// Counts an inport's messages. The worker's one task takes the lock for a few additions, twice for
/// each message; who reports, every few seconds.
pub(crate) struct InportMeter {
    id: String,
    queue: String,
    concurrency: u16,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    received: u64,
    acknowledged: u64,
    rejected: u64,
    retried: u64,
    released: u64,
    redelivered: u64,
    /// Of those that were finished since the last report.
    processing: Durations,
}

impl InportMeter {
    pub(crate) fn new(id: &str, queue: String, concurrency: u16) -> Arc<Self> {
        let counts = Counts { processing: Durations::reserved(), ..Counts::default() };
        Arc::new(Self { id: id.into(), queue, concurrency, counts: Mutex::new(counts) })
    }

    pub(crate) fn received(&self, redelivered: bool) {
        let mut counts = self.counts();
        counts.received += 1;
        counts.redelivered += u64::from(redelivered);
    }

    pub(crate) fn finished(&self, settled: Settled, took: Duration) {
        let mut counts = self.counts();
        match settled {
            Settled::Acknowledged => counts.acknowledged += 1,
            Settled::Rejected => counts.rejected += 1,
            Settled::Retried => counts.retried += 1,
            Settled::Released => counts.released += 1,
        }
        counts.processing.record(took);
    }

    /// What happened, and how long it took since this was asked for the last time.
    pub(super) fn take(&self) -> InportStatistics {
        let fresh = Durations::reserved();
        let mut counts = self.counts();
        let Counts { received, acknowledged, rejected, retried, released, redelivered, .. } =
            *counts;
        InportStatistics {
            id: self.id.clone(),
            queue: self.queue.clone(),
            concurrency: self.concurrency.into(),
            in_flight: received - acknowledged - rejected - retried - released,
            received,
            acknowledged,
            rejected,
            retried,
            released,
            redelivered,
            processing: std::mem::replace(&mut counts.processing, fresh),
        }
    }

    /// As if it had not been taken.
    pub(super) fn put_back(&self, processing: &Durations) {
        self.counts().processing.merge(processing);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what is sent on an outport.
pub(crate) struct OutportMeter {
    id: String,
    queue: String,
    sent: AtomicU64,
}

impl OutportMeter {
    pub(crate) fn new(id: &str, queue: String) -> Arc<Self> {
        Arc::new(Self { id: id.into(), queue, sent: AtomicU64::new(0) })
    }

    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> OutportStatistics {
        OutportStatistics {
            id: self.id.clone(),
            queue: self.queue.clone(),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}
