//! Acknowledging: in batches where the protocol allows.
//!
//! Handlers finish out of order. What is settled up to the first delivery that is not, is
//! acknowledged with one frame (`multiple`); what is settled beyond that, one by one, at once: a
//! slow job at the front must not keep the broker from handing out more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use msgflo_core::transport::{Settle, Settlement};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::connection::Link;
use crate::lock::lock;
use crate::resend::resend;

/// How long what is sent in place of deliveries may hold up the end of the connection.
const FAREWELL: Duration = Duration::from_secs(5);

/// Settles the deliveries of one consumer, which has the channel to itself.
pub(crate) struct Acknowledger {
    this: Weak<Self>,
    channel: Channel,
    ledger: Mutex<Ledger>,
    settled: Arc<Notify>,
    queue: String,
    link: Weak<Link>,
    /// How many messages are on their way that are sent in place of deliveries.
    under_way: watch::Sender<usize>,
    /// Deliveries may be settled outside of it.
    runtime: Handle,
}

/// What the broker is told of a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Acknowledge,
    Reject,
    Release,
}

/// What was delivered and what became of it. Delivery tags of a channel count up from 1.
#[derive(Default)]
struct Ledger {
    /// How many were delivered before the first entry.
    forgotten: u64,
    entries: VecDeque<Entry>,
    /// Tags that were settled since the last batch.
    fresh: Vec<(u64, Answer)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Entry {
    Unsettled,
    /// To be acknowledged with the next batch.
    Acknowledged,
    /// The broker has been told.
    Told,
}

/// What to tell the broker, in this order.
#[derive(Debug, Default, PartialEq)]
struct Batch {
    refused: Vec<(u64, Answer)>,
    prefix: Option<u64>,
    single: Vec<u64>,
}

impl Ledger {
    fn deliver(&mut self, tag: u64) {
        debug_assert_eq!(tag, self.forgotten + self.entries.len() as u64 + 1);
        self.entries.push_back(Entry::Unsettled);
    }

    fn settle(&mut self, tag: u64, answer: Answer) {
        self.fresh.push((tag, answer));
    }

    fn entry(&mut self, tag: u64) -> Option<&mut Entry> {
        let index = tag.checked_sub(self.forgotten + 1)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    fn take_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let fresh = std::mem::take(&mut self.fresh);
        for &(tag, answer) in &fresh {
            let Some(entry) = self.entry(tag) else { continue };
            if answer == Answer::Acknowledge {
                *entry = Entry::Acknowledged;
            } else {
                *entry = Entry::Told;
                batch.refused.push((tag, answer));
            }
        }
        while let Some(entry) = self.entries.front().filter(|entry| **entry != Entry::Unsettled) {
            self.forgotten += 1;
            // The tag of the frame must be one that the broker still waits for.
            if *entry == Entry::Acknowledged {
                batch.prefix = Some(self.forgotten);
            }
            self.entries.pop_front();
        }
        for (tag, answer) in fresh {
            if answer == Answer::Acknowledge
                && let Some(entry) = self.entry(tag)
            {
                *entry = Entry::Told;
                batch.single.push(tag);
            }
        }
        batch
    }
}

impl Acknowledger {
    pub(crate) fn new(channel: Channel, link: &Arc<Link>, queue: &str) -> Arc<Self> {
        let settled = Arc::new(Notify::new());
        let acknowledger = Arc::new_cyclic(|this| Self {
            this: this.clone(),
            channel,
            ledger: Default::default(),
            settled: settled.clone(),
            queue: queue.into(),
            link: Arc::downgrade(link),
            under_way: watch::Sender::new(0),
            runtime: Handle::current(),
        });
        tokio::spawn(flush_when_settled(Arc::downgrade(&acknowledger), settled));
        acknowledger
    }

    pub(crate) fn deliver(&self, tag: u64) {
        lock(&self.ledger).deliver(tag);
    }

    /// Tells the broker. Frames are queued in the order of these calls when a call is first
    /// polled; that they are on the wire need not be waited for.
    fn flush(&self) {
        let mut ledger = lock(&self.ledger);
        let batch = ledger.take_batch();
        for (tag, answer) in batch.refused {
            let options = BasicNackOptions { multiple: false, requeue: answer == Answer::Release };
            self.channel.basic_nack(tag, options).now_or_never();
        }
        if let Some(tag) = batch.prefix {
            self.channel.basic_ack(tag, BasicAckOptions { multiple: true }).now_or_never();
        }
        for tag in batch.single {
            self.channel.basic_ack(tag, BasicAckOptions { multiple: false }).now_or_never();
        }
    }

    pub(crate) fn answer(&self, tag: u64, answer: Answer) {
        lock(&self.ledger).settle(tag, answer);
        self.settled.notify_one();
    }

    /// Returns when nothing is on its way any more that is sent in place of a delivery, or that takes
    /// too long: then the delivery comes again.
    pub(crate) async fn finish(&self) {
        let mut under_way = self.under_way.subscribe();
        // Fails when it takes too long.
        let _ = timeout(FAREWELL, under_way.wait_for(|count| *count == 0)).await;
    }

    /// Hands over everything that is settled, and waits until the broker has it. What is not
    /// settled goes back to its queue.
    pub(crate) async fn close(&self) {
        self.flush();
        // If the channel is gone already, the broker has taken everything back.
        let _ = self.channel.close(200, "done".into()).await;
    }
}

impl Settle for Acknowledger {
    fn settle(&self, tag: u64, settlement: Settlement) {
        match settlement {
            Settlement::Acknowledged => return self.answer(tag, Answer::Acknowledge),
            Settlement::Rejected => return self.answer(tag, Answer::Reject),
            Settlement::Released => return self.answer(tag, Answer::Release),
            _ => {}
        }
        // It is there: a delivery of it is being settled.
        let Some(this) = self.this.upgrade() else { return };
        self.under_way.send_modify(|count| *count += 1);
        self.runtime.spawn(async move {
            if let Some(answer) = resend(this.link.clone(), &this.queue, settlement).await {
                this.answer(tag, answer);
            }
            this.under_way.send_modify(|count| *count -= 1);
        });
    }
}

impl Drop for Acknowledger {
    /// The last delivery is settled and the consumer is gone: so may the channel.
    fn drop(&mut self) {
        self.flush();
        self.settled.notify_one();
    }
}

async fn flush_when_settled(acknowledger: Weak<Acknowledger>, settled: Arc<Notify>) {
    loop {
        settled.notified().await;
        let Some(acknowledger) = acknowledger.upgrade() else { return };
        acknowledger.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{Acknowledge, Reject, Release};
    use super::*;

    fn ledger(deliveries: u64) -> Ledger {
        let mut ledger = Ledger::default();
        (1..=deliveries).for_each(|tag| ledger.deliver(tag));
        ledger
    }

    fn settle(ledger: &mut Ledger, settled: &[(u64, Answer)]) -> Batch {
        settled.iter().for_each(|(tag, answer)| ledger.settle(*tag, *answer));
        ledger.take_batch()
    }

    #[test]
    fn a_prefix_takes_one_frame_in_whatever_order_it_was_settled() {
        let mut ledger = ledger(5);
        let batch = settle(&mut ledger, &[(2, Acknowledge), (1, Acknowledge), (3, Acknowledge)]);
        assert_eq!(batch, Batch { prefix: Some(3), ..Batch::default() });
    }

    #[test]
    fn a_slow_first_job_holds_nothing_back() {
        let mut ledger = ledger(4);
        let batch = settle(&mut ledger, &[(2, Acknowledge), (4, Acknowledge)]);
        assert_eq!(batch, Batch { single: vec![2, 4], ..Batch::default() });
        // 2 and 4 are told already: the frame must name 3, which is not.
        let batch = settle(&mut ledger, &[(1, Acknowledge), (3, Acknowledge)]);
        assert_eq!(batch, Batch { prefix: Some(3), ..Batch::default() });
        assert_eq!((ledger.forgotten, ledger.entries.len()), (4, 0));
    }

    #[test]
    fn what_is_refused_is_told_first_and_never_acknowledged() {
        let mut ledger = ledger(3);
        let settled = [(1, Acknowledge), (2, Reject), (3, Release)];
        let batch = settle(&mut ledger, &settled);
        assert_eq!(batch.refused, [(2, Reject), (3, Release)]);
        assert_eq!((batch.prefix, batch.single), (Some(1), vec![]));
    }
}
