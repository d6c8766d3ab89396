//! What has arrived for one consumer, and what became of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use msgflo_core::transport::{Delivery, Settle, Settlement, is_suspicious, put_off};
use msgflo_core::{Error, Result};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use crate::link::Link;
use crate::session::{Received, lock};
use crate::source::Source;
use crate::tally;
use crate::topic::Record;

/// So many messages of quality of service 0, which the broker does not wait with, may lie here.
const ROOM: usize = 1000;

#[derive(Clone)]
struct Item {
    received: Received,
    source: Arc<Source>,
    /// Which delivery the next one is, of those that are never settled.
    deliveries: u32,
    /// Where the broker keeps that, if it does.
    record: Option<Record>,
}

impl Item {
    /// Whether it may have been lost with somebody before.
    fn is_counted(&self) -> bool {
        self.deliveries > 1
    }
}

/// What there is to deliver.
enum Next {
    Delivery(Delivery),
    /// The broker has to know first.
    Counted(Box<Item>),
    Nothing,
    End(Option<Error>),
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
    /// What is delivered may end the process, and is to take nothing else with it.
    has_suspect: bool,
    /// Rejected, and on their way to the dead letters.
    rejecting: usize,
    /// Nobody takes from here any more.
    abandoned: bool,
    end: Option<Option<Error>>,
}

impl Contents {
    /// What is not settled by now stays at the broker.
    fn is_closed(&self) -> bool {
        self.abandoned || self.end.is_some()
    }
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

    pub(crate) fn push(&self, mut received: Received, source: &Arc<Source>) {
        let (deliveries, record) = source.receive(&self.link, &mut received);
        if !received.redelivered {
            self.clear_stale(source);
        }
        let item = Item { received, source: source.clone(), deliveries, record };
        match put_off(deliveries - 1) {
            Duration::ZERO => {
                lock(&self.contents).waiting.push_back(item);
                self.arrived.notify_one();
            }
            // What was delivered beside it goes first.
            after => {
                if let Some(inbox) = self.this.upgrade() {
                    self.link.runtime.spawn(inbox.hold(item, after, None));
                }
            }
        }
    }

    /// What the broker has sent again has come.
    pub(crate) fn clear_stale(&self, source: &Source) {
        for record in source.settled_before() {
            self.clear(record);
        }
    }

    /// Has the broker forget how often a message was delivered.
    fn clear(&self, record: Record) {
        let link = self.link.clone();
        let clear = async move { tally::clear(&link, &record).await };
        self.link.spawn(clear);
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
            match self.take() {
                Next::Nothing => arrived.await,
                Next::End(end) => return end.map(Err),
                Next::Delivery(delivery) => return Some(Ok(delivery)),
                Next::Counted(item) => {
                    let item = self.count(*item).await;
                    if let Some(delivery) = self.deliver(&mut lock(&self.contents), item) {
                        return Some(Ok(delivery));
                    }
                }
            }
        }
    }

    fn take(self: &Arc<Self>) -> Next {
        let mut contents = lock(&self.contents);
        if let Some(end) = &mut contents.end {
            return Next::End(end.take());
        }
        if contents.delivered.len() >= self.prefetch.into() || contents.has_suspect {
            return Next::Nothing;
        }
        loop {
            let Some(first) = contents.waiting.front() else { return Next::Nothing };
            if is_suspicious(first.deliveries) && !contents.delivered.is_empty() {
                return Next::Nothing;
            }
            let Some(item) = contents.waiting.pop_front() else { return Next::Nothing };
            // Only then: every notification costs a task its sleep.
            if contents.waiting.len() + 1 == ROOM {
                self.changed.notify_waiters();
            }
            if item.is_counted() {
                return Next::Counted(Box::new(item));
            }
            if let Some(delivery) = self.deliver(&mut contents, item) {
                return Next::Delivery(delivery);
            }
        }
    }

    /// Returns when the broker knows that the message is delivered: whatever comes of it, that counts.
    async fn count(&self, mut item: Item) -> Item {
        item.record = item.source.record(&item.received);
        if let Some(record) = &item.record {
            tally::write(&self.link, record, &item.received.message, item.deliveries).await;
        }
        item
    }

    /// None if that is impossible by now: then it comes again.
    fn deliver(self: &Arc<Self>, contents: &mut Contents, item: Item) -> Option<Delivery> {
        // What came over a lost connection comes again over the next.
        if contents.is_closed() || item.source.session.is_over() {
            return None;
        }
        contents.last_tag += 1;
        let tag = contents.last_tag;
        let (message, redelivered) = (item.received.message.clone(), item.received.redelivered);
        let deliveries = item.deliveries;
        contents.has_suspect = is_suspicious(deliveries);
        contents.delivered.insert(tag, item);
        let delivery = Delivery::new(message, redelivered, tag, self.clone());
        Some(delivery.with_deliveries(deliveries))
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

    /// Holds a message back. It is not acknowledged meanwhile, and so outlives this process.
    async fn hold(self: Arc<Self>, item: Item, after: Duration, kept: Option<JoinHandle<()>>) {
        sleep(after).await;
        if let Some(kept) = kept {
            // Fails when the runtime is being shut down.
            let _ = kept.await;
        }
        let mut contents = lock(&self.contents);
        if !contents.is_closed() {
            contents.waiting.push_front(item);
            self.arrived.notify_one();
        }
    }

    /// Its delivery has ended well for the process, and it stays in its seat: has the broker keep which
    /// attempt comes next, if it is not the first.
    fn keep(&self, item: &mut Item) -> Option<JoinHandle<()>> {
        item.deliveries = 1;
        if !tally::is_needed(&item.received.message) {
            self.forget(item);
            return None;
        }
        let record = item.record.take().or_else(|| item.source.record(&item.received))?;
        item.record = Some(record.clone());
        let (link, message) = (self.link.clone(), item.received.message.clone());
        let write = async move { tally::write(&link, &record, &message, 0).await };
        Some(self.link.spawn(write))
    }

    /// Nothing is to be known of it any more.
    fn forget(&self, item: &mut Item) {
        if let Some(record) = item.record.take() {
            self.clear(record);
        }
    }

    async fn reject(self: Arc<Self>, mut item: Item) {
        let message = item.received.message.clone();
        match self.link.publish(&self.dead_letter_queue, message).await {
            Ok(()) => {
                item.source.acknowledge(&item.received);
                self.forget(&mut item);
            }
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
        contents.has_suspect = false;
        let is_lost = item.source.session.is_over();
        let mut later = None;
        let mut rejected = None;
        match settlement {
            // It comes again, and is still the same delivery.
            _ if is_lost => {}
            Settlement::Acknowledged => {
                item.source.acknowledge(&item.received);
                self.forget(&mut item);
            }
            Settlement::Rejected => rejected = Some(item),
            Settlement::DeadLettered(message) => {
                item.received.message = *message;
                rejected = Some(item);
            }
            Settlement::Delayed(message, after) => {
                item.received.message = *message;
                item.received.redelivered = false;
                later = Some((self.keep(&mut item), item, after));
            }
            _ => {
                item.received.redelivered = true;
                match self.keep(&mut item) {
                    None if contents.is_closed() => {}
                    None => contents.waiting.push_front(item),
                    kept => later = Some((kept, item, Duration::ZERO)),
                }
            }
        }
        contents.rejecting += usize::from(rejected.is_some());
        let abandoned = contents.abandoned;
        drop(contents);
        // It is there: a delivery of it is being settled.
        if let Some(inbox) = self.this.upgrade() {
            if let Some(item) = rejected {
                self.link.runtime.spawn(inbox.reject(item));
            } else if let Some((kept, item, after)) = later {
                self.link.runtime.spawn(inbox.hold(item, after, kept));
            }
        }
        self.arrived.notify_one();
        if abandoned {
            self.changed.notify_waiters();
        }
    }
}
