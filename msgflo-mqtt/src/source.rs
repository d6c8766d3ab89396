//! Where a consumer's messages come from, and how many of them are still in hand.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::link::Link;
use crate::seat::Seat;
use crate::session::{Received, Session, lock};
use crate::tally;
use crate::topic::Record;

/// A seat's connection.
pub(crate) struct Source {
    pub(crate) session: Arc<Session>,
    /// None for a seat that goes with its connection.
    seat: Option<Record>,
    /// Whether the seat was ours before this connection.
    is_back: bool,
    /// What was counted in this seat before. What the broker does not send again is settled.
    counted: Mutex<HashSet<Record>>,
    /// How many of its messages are neither acknowledged nor rejected.
    unsettled: watch::Sender<usize>,
}

impl Source {
    pub(crate) fn new(link: &Link, seat: &Seat, is_back: bool) -> Arc<Self> {
        let counted = match &seat.record {
            Some(seat) => link.records.borrow().tallies(seat).cloned().collect(),
            None => HashSet::new(),
        };
        Arc::new(Self {
            session: seat.session.clone(),
            seat: seat.record.clone(),
            is_back,
            counted: Mutex::new(counted),
            unsettled: watch::Sender::new(0),
        })
    }

    /// A message has come. Returns which delivery it is about to be, and the record of that, if it has one.
    pub(crate) fn receive(&self, link: &Link, received: &mut Received) -> (u32, Option<Record>) {
        self.unsettled.send_if_modified(|count| {
            *count += 1;
            false
        });
        if !received.redelivered {
            return (1, None);
        }
        let Some(record) = self.record(received) else { return (1, None) };
        let was_counted = lock(&self.counted).remove(&record);
        let next = tally::resume(link, &record, self.is_back, &mut received.message);
        (next, was_counted.then_some(record))
    }

    /// The record for one of its messages.
    pub(crate) fn record(&self, received: &Received) -> Option<Record> {
        tally::record(self.seat.as_ref()?, received)
    }

    /// Records of messages that did not come again, though the broker sends those first.
    pub(crate) fn settled_before(&self) -> HashSet<Record> {
        std::mem::take(&mut *lock(&self.counted))
    }

    pub(crate) fn acknowledge(&self, received: &Received) {
        self.session.acknowledge(received);
        self.unsettled.send_if_modified(|count| {
            *count -= 1;
            *count == 0
        });
    }

    /// Returns when everything is acknowledged.
    pub(crate) async fn settled(&self) {
        // Cannot fail: we have the sender.
        let _ = self.unsettled.subscribe().wait_for(|count| *count == 0).await;
    }
}
