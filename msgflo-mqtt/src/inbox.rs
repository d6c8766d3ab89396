//! What has arrived for one consumer, and what became of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use msgflo_core::transport::{Delivery, Settle, Settlement};
use msgflo_core::{Error, Result};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::warn;

use crate::link::Link;
use crate::session::{Received, Session, lock};

/// So many messages of quality of service 0, which the broker does not wait with, may lie here.
const ROOM: usize = 1000;

/// Where messages come from: a seat's connection.
pub(crate) struct Source {
    pub(crate) session: Arc<Session>,
    /// How many of its messages are neither acknowledged nor rejected.
    unsettled: watch::Sender<usize>,
}

impl Source {
    pub(crate) fn new(session: Arc<Session>) -> Arc<Self> {
        Arc::new(Self { session, unsettled: watch::Sender::new(0) })
    }

    fn acknowledge(&self, received: &Received) {
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

#[derive(Clone)]
struct Item {
    received: Received,
    source: Arc<Source>,
}

pub(crate) struct Inbox {
    this: Weak<Self>,
    link: Arc<Link>,
    dead_letter_queue: String,
    pub(crate) prefetch: u16,
    contents: Mutex<Contents>,
    /// There is something to deliver, or no more will come.
    arrived: Notify,
    /// There may be room again, or nothing to wait for any more.
    changed: Notify,
}

#[derive(Default)]
struct Contents {
    waiting: VecDeque<Item>,
    delivered: HashMap<u64, Item>,
    last_tag: u64,
    /// Rejected, and on their way to the dead letters.
    rejecting: usize,
    /// Nobody takes from here any more.
    abandoned: bool,
    end: Option<Option<Error>>,
}

impl Inbox {
    pub(crate) fn new(link: Arc<Link>, dead_letter_queue: String, prefetch: u16) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            link,
            dead_letter_queue,
            prefetch: prefetch.max(1),
            contents: Default::default(),
            arrived: Notify::new(),
            changed: Notify::new(),
        })
    }

    pub(crate) fn push(&self, received: Received, source: &Arc<Source>) {
        source.unsettled.send_if_modified(|count| {
            *count += 1;
            false
        });
        lock(&self.contents).waiting.push_back(Item { received, source: source.clone() });
        self.arrived.notify_one();
    }

    /// Returns when more can be pushed.
    pub(crate) async fn room(&self) {
        self.wait(|contents| contents.waiting.len() < ROOM).await;
    }

    /// No more will come.
    pub(crate) fn end(&self, error: Option<Error>) {
        let mut contents = lock(&self.contents);
        contents.waiting.clear();
        contents.end.get_or_insert(error);
        self.arrived.notify_one();
    }

    /// The next delivery, when no more than the prefetch are unsettled.
    pub(crate) async fn next(self: &Arc<Self>) -> Option<Result<Delivery>> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(next) = self.try_next() {
                return next;
            }
            arrived.await;
        }
    }

    fn try_next(self: &Arc<Self>) -> Option<Option<Result<Delivery>>> {
        let mut contents = lock(&self.contents);
        if let Some(end) = &mut contents.end {
            return Some(end.take().map(Err));
        }
        if contents.delivered.len() >= self.prefetch.into() {
            return None;
        }
        loop {
            let item = contents.waiting.pop_front()?;
            // Only then: every notification costs a task its sleep.
            if contents.waiting.len() + 1 == ROOM {
                self.changed.notify_waiters();
            }
            // What came over a lost connection comes again over the next.
            if item.source.session.is_over() {
                continue;
            }
            contents.last_tag += 1;
            let tag = contents.last_tag;
            let (message, redelivered) = (item.received.message.clone(), item.received.redelivered);
            let delivery = Delivery::new(message, redelivered, tag, self.clone());
            contents.delivered.insert(tag, item);
            return Some(Some(Ok(delivery)));
        }
    }

    /// Nobody takes from here any more.
    pub(crate) fn abandon(&self) {
        let mut contents = lock(&self.contents);
        contents.abandoned = true;
        contents.waiting.clear();
        self.changed.notify_waiters();
    }

    /// Returns when nobody takes from here any more, and all that was taken is settled.
    pub(crate) async fn abandoned(&self) {
        self.wait(|contents| {
            contents.abandoned && contents.delivered.is_empty() && contents.rejecting == 0
        })
        .await;
    }

    /// Returns when nothing is on its way to the dead letters.
    pub(crate) async fn rejected(&self) {
        self.wait(|contents| contents.rejecting == 0).await;
    }

    async fn wait(&self, condition: impl Fn(&Contents) -> bool) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if condition(&lock(&self.contents)) {
                return;
            }
            changed.await;
        }
    }

    /// Holds a message back. It is not acknowledged meanwhile, and so outlives this process, but not what
    /// its headers count.
    async fn hold(self: Arc<Self>, item: Item, after: Duration) {
        sleep(after).await;
        let mut contents = lock(&self.contents);
        if !contents.abandoned && contents.end.is_none() {
            contents.waiting.push_front(item);
            self.arrived.notify_one();
        }
    }

    async fn reject(self: Arc<Self>, item: Item) {
        let message = item.received.message.clone();
        match self.link.publish(&self.dead_letter_queue, message).await {
            Ok(()) => item.source.acknowledge(&item.received),
            // Not acknowledged, it comes again.
            Err(error) => warn!("a rejected message stays where it is: {error}"),
        }
        lock(&self.contents).rejecting -= 1;
        self.changed.notify_waiters();
    }
}

impl Settle for Inbox {
    fn settle(&self, tag: u64, settlement: Settlement) {
        let mut contents = lock(&self.contents);
        let Some(mut item) = contents.delivered.remove(&tag) else { return };
        let lost = item.source.session.is_over();
        let mut later = None;
        let mut rejected = None;
        match settlement {
            // It comes again.
            _ if lost => {}
            Settlement::Acknowledged => item.source.acknowledge(&item.received),
            Settlement::Rejected => rejected = Some(item),
            Settlement::DeadLettered(message) => {
                item.received.message = *message;
                rejected = Some(item);
            }
            _ if contents.abandoned || contents.end.is_some() => {}
            Settlement::Delayed(message, after) => {
                item.received.message = *message;
                item.received.redelivered = false;
                later = Some((item, after));
            }
            _ => {
                item.received.redelivered = true;
                contents.waiting.push_front(item);
            }
        }
        contents.rejecting += usize::from(rejected.is_some());
        let abandoned = contents.abandoned;
        drop(contents);
        // It is there: a delivery of it is being settled.
        if let Some(inbox) = self.this.upgrade() {
            if let Some(item) = rejected {
                self.link.runtime.spawn(inbox.reject(item));
            } else if let Some((item, after)) = later {
                self.link.runtime.spawn(inbox.hold(item, after));
            }
        }
        self.arrived.notify_one();
        if abandoned {
            self.changed.notify_waiters();
        }
    }
}
