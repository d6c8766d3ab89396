//! A queue in memory, and a consumer of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot, watch};

use super::lock;
use crate::transport::{Delivery, QueueStatistics, Settle, Settlement, is_suspicious, put_off};
use crate::{Message, reserved};

/// What a queue holds before it is full.
#[derive(Clone, Copy)]
pub(super) struct Capacity {
    pub(super) messages: usize,
    /// The message with which there are so many is the last that is taken.
    pub(super) bytes: usize,
}

pub(super) struct MemoryQueue {
    capacity: Capacity,
    dead_letters: Option<Arc<MemoryQueue>>,
    /// Where dead letters go from here, beside staying here.
    led_to: Mutex<Vec<Weak<MemoryQueue>>>,
    messages: Mutex<Messages>,
    consumers: AtomicU64,
    unsettled: AtomicU64,
    settled: AtomicU64,
    filled: Notify,
}

#[derive(Default)]
struct Messages {
    ready: VecDeque<Ready>,
    /// By when they become ready, and their number among those of the same moment.
    later: BTreeMap<(Instant, u64), Ready>,
    /// How many were ever put there.
    postponed: u64,
    /// How many bytes all of them have.
    bytes: usize,
    /// How many were taken in since the beginning.
    arrived: u64,
    /// Of senders that wait for room: there are some only while the queue is full.
    waiting: VecDeque<(Message, oneshot::Sender<()>)>,
}

struct Ready {
    message: Message,
    redelivered: bool,
    /// How often it was delivered, and the consumer was lost with it.
    lost: u32,
    expires: Option<Instant>,
}

impl Ready {
    fn new(message: Message) -> Self {
        let expires = message.expires_in().map(|expires_in| Instant::now() + expires_in);
        Self { message, redelivered: false, lost: 0, expires }
    }

    fn size(&self) -> usize {
        let Message { payload, content_type, id, .. } = &self.message;
        payload.len()
            + content_type.as_ref().map_or(0, |content_type| content_type.len())
            + id.as_ref().map_or(0, |id| id.len())
            + self.message.correlation_id().map_or(0, |id| id.len())
            + self.message.headers().size()
    }

    /// Which delivery the next one is.
    fn deliveries(&self) -> u32 {
        self.lost.saturating_add(1)
    }
}

impl Messages {
    fn is_full(&self, capacity: Capacity) -> bool {
        self.ready.len() + self.later.len() >= capacity.messages || self.bytes >= capacity.bytes
    }

    fn push_back(&mut self, ready: Ready) {
        self.bytes += ready.size();
        let urgency = |ready: &Ready| ready.message.priority().unwrap_or(0);
        let priority = urgency(&ready);
        if priority == 0 {
            return self.ready.push_back(ready);
        }
        let behind = self.ready.iter().rposition(|other| urgency(other) >= priority);
        self.ready.insert(behind.map_or(0, |index| index + 1), ready);
    }

    fn push_later(&mut self, ready: Ready, after: Duration) {
        self.bytes += ready.size();
        self.postponed += 1;
        self.later.insert((Instant::now() + after, self.postponed), ready);
    }

    /// One that was not here before.
    fn take_in(&mut self, mut message: Message) {
        self.arrived += 1;
        match message.take_delay() {
            None => self.push_back(Ready::new(message)),
            Some(delay) => {
                let mut ready = Ready::new(message);
                ready.expires = ready.expires.map(|expires| expires + delay);
                self.push_later(ready, delay);
            }
        }
    }

    fn push_front(&mut self, ready: Ready) {
        self.bytes += ready.size();
        self.ready.push_front(ready);
    }

    fn pop_front(&mut self) -> Option<Ready> {
        let popped = self.ready.pop_front()?;
        self.bytes -= popped.size();
        Some(popped)
    }

    /// What was to wait until now, is ready.
    fn wake(&mut self) {
        if self.later.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let ready = first.remove();
            self.bytes -= ready.size();
            self.push_back(ready);
        }
    }
}

/// What a consumer finds.
enum Popped {
    Message(Ready),
    /// The first may only be taken by somebody who has nothing else in hand.
    Suspect,
    /// Nothing, until then.
    Empty(Option<Instant>),
}

impl MemoryQueue {
    pub(super) fn new(capacity: Capacity, dead_letters: Option<Arc<MemoryQueue>>) -> Self {
        Self {
            capacity,
            dead_letters,
            led_to: Default::default(),
            messages: Default::default(),
            consumers: AtomicU64::new(0),
            unsettled: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            filled: Notify::new(),
        }
    }

    /// Adds the message. If the queue is full, it is added when there is room, which the
    /// receiver is told; not if the receiver is dropped before.
    pub(super) fn offer(&self, message: &Message) -> Option<oneshot::Receiver<()>> {
        {
            let mut messages = lock(&self.messages);
            if messages.is_full(self.capacity) {
                let waiting = &mut messages.waiting;
                // A sender that gives up and tries again leaves nothing behind.
                while waiting.back().is_some_and(|(_, taken)| taken.is_closed()) {
                    waiting.pop_back();
                }
                let (taken, receiver) = oneshot::channel();
                waiting.push_back((message.clone(), taken));
                return Some(receiver);
            }
            messages.take_in(message.clone());
        }
        self.filled.notify_one();
        None
    }

    /// Adds the message even if the queue is full.
    pub(super) fn add(&self, message: &Message) {
        lock(&self.messages).take_in(message.clone());
        self.filled.notify_one();
    }

    /// The first message, for a consumer that has nothing else in hand, or something.
    fn pop(&self, is_idle: bool) -> Popped {
        let mut expired = Vec::new();
        let (popped, more) = {
            let mut messages = lock(&self.messages);
            messages.wake();
            let popped = loop {
                let Some(first) = messages.ready.front() else {
                    let next = messages.later.first_key_value();
                    break Popped::Empty(next.map(|((due, _), _)| *due));
                };
                if first.expires.is_some_and(|expires| expires <= Instant::now()) {
                    expired.extend(messages.pop_front());
                    continue;
                }
                if !is_idle && is_suspicious(first.deliveries()) {
                    break Popped::Suspect;
                }
                match messages.pop_front() {
                    Some(ready) => break Popped::Message(ready),
                    None => continue,
                }
            };
            while !messages.is_full(self.capacity)
                && let Some((message, taken)) = messages.waiting.pop_front()
            {
                if taken.send(()).is_ok() {
                    messages.take_in(message);
                }
            }
            (popped, !messages.ready.is_empty())
        };
        for ready in expired {
            self.bury(ready.message);
        }
        // Two messages that came at once may have woken one consumer only.
        if more && self.consumers.load(Ordering::Relaxed) > 1 {
            self.filled.notify_one();
        }
        popped
    }

    /// One that has expired goes to the dead letters, with the reason.
    fn bury(&self, mut message: Message) {
        self.count_settled();
        if let Some(dead_letters) = &self.dead_letters {
            message.headers_mut().insert(reserved::ERROR, "it expired before anybody processed it");
            dead_letters.push_dead(message);
        }
    }

    /// A message that came back goes first, so that the order changes as little as it can.
    fn put_back(&self, ready: Ready) {
        lock(&self.messages).push_front(Ready { redelivered: true, ..ready });
        self.filled.notify_one();
    }

    /// A message whose consumer was lost. If it seems to be to blame, others go first.
    fn put_back_lost(&self, ready: Ready) {
        let ready = Ready { redelivered: true, lost: ready.deliveries(), ..ready };
        match put_off(ready.deliveries()) {
            Duration::ZERO => self.put_back(ready),
            after => {
                lock(&self.messages).push_later(ready, after);
                self.filled.notify_one();
            }
        }
    }

    /// A message that is to come again later.
    fn postpone(&self, message: Message, after: Duration) {
        {
            let mut messages = lock(&self.messages);
            let ready = Ready::new(message);
            match after {
                Duration::ZERO => messages.push_back(ready),
                after => messages.push_later(ready, after),
            }
        }
        self.filled.notify_one();
    }

    /// It is gone: nobody waits for room here any more.
    pub(super) fn abandon(&self) {
        lock(&self.messages).waiting.clear();
    }

    /// From now on, its dead letters go there too.
    pub(super) fn lead_to(&self, target: &Arc<MemoryQueue>) {
        lock(&self.led_to).push(Arc::downgrade(target));
    }

    pub(super) fn lead_no_more_to(&self, target: &Arc<MemoryQueue>) {
        lock(&self.led_to).retain(|queue| !std::ptr::eq(queue.as_ptr(), Arc::as_ptr(target)));
    }

    fn push_dead(&self, mut message: Message) {
        message.take_expiry();
        for queue in lock(&self.led_to).iter().filter_map(Weak::upgrade) {
            // Whoever rejects a message cannot wait.
            if queue.offer(&message).is_some() {
                tracing::warn!("an inport for dead letters is full: one stays where it is");
            }
        }
        let dropped = self.push_newest(message);
        if dropped > 0 {
            tracing::warn!("there are too many dead letters: {dropped} of the oldest are dropped");
        }
    }

    /// Adds the message, and drops the oldest if they are too many; returns how many it dropped.
    pub(super) fn push_newest(&self, message: Message) -> usize {
        let mut dropped = 0;
        {
            let mut messages = lock(&self.messages);
            messages.take_in(message);
            // The newest is always kept.
            let over = |messages: &Messages| {
                messages.ready.len() > self.capacity.messages
                    || messages.ready.len() > 1 && messages.bytes > self.capacity.bytes
            };
            while over(&messages) {
                messages.pop_front();
                dropped += 1;
            }
        }
        self.filled.notify_one();
        dropped
    }

    fn count_settled(&self) {
        self.settled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self) -> QueueStatistics {
        let (waiting, arrived) = {
            let messages = lock(&self.messages);
            (messages.ready.len() as u64, messages.arrived)
        };
        QueueStatistics {
            waiting,
            consumers: self.consumers.load(Ordering::Relaxed),
            unsettled: Some(self.unsettled.load(Ordering::Relaxed)),
            arrived: Some(arrived),
            settled: Some(self.settled.load(Ordering::Relaxed)),
        }
    }
}

/// One consumer: takes from the queue while it has credit.
pub(super) struct Consumer {
    pub(super) credit: Arc<Credit>,
    closed: watch::Receiver<bool>,
}

/// What a consumer has received and not settled. Its size is the credit that is used up.
pub(super) struct Credit {
    queue: Arc<MemoryQueue>,
    prefetch: usize,
    unsettled: Mutex<Unsettled>,
    returned: Notify,
}

#[derive(Default)]
struct Unsettled {
    /// The tag of the first of `messages`.
    first: u64,
    /// By tag; those settled before the first that is not are gone from the front.
    messages: VecDeque<Option<Ready>>,
    count: usize,
    /// Whether one of them is in its hands alone.
    has_suspect: bool,
    /// Whether somebody waits for one to be settled.
    is_waited_for: bool,
    closed: bool,
}

impl Consumer {
    pub(super) fn new(
        queue: Arc<MemoryQueue>,
        prefetch: u16,
        closed: watch::Receiver<bool>,
    ) -> Self {
        queue.consumers.fetch_add(1, Ordering::Relaxed);
        let credit = Credit {
            queue,
            prefetch: prefetch.max(1).into(),
            unsettled: Default::default(),
            returned: Notify::new(),
        };
        Self { credit: Arc::new(credit), closed }
    }

    /// The next delivery; `None` when the connection is closed.
    pub(super) async fn next(&mut self) -> Option<Delivery> {
        loop {
            let (blocked_on, due) = match self.credit.take() {
                Ok(delivery) => return Some(delivery),
                Err(Blocked::NoCredit) => (&self.credit.returned, None),
                Err(Blocked::Empty(due)) => (&self.credit.queue.filled, due),
                Err(Blocked::Closed) => return None,
            };
            tokio::select! {
                () = blocked_on.notified() => {}
                () = sleep_until(due), if due.is_some() => {}
                _ = self.closed.wait_for(|closed| *closed) => return None,
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.credit.queue.consumers.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

enum Blocked {
    NoCredit,
    /// Until then.
    Empty(Option<Instant>),
    Closed,
}

impl Credit {
    fn take(self: &Arc<Self>) -> Result<Delivery, Blocked> {
        let (message, redelivered, deliveries, tag) = {
            let mut unsettled = lock(&self.unsettled);
            if unsettled.closed {
                return Err(Blocked::Closed);
            }
            if unsettled.count >= self.prefetch || unsettled.has_suspect {
                unsettled.is_waited_for = true;
                return Err(Blocked::NoCredit);
            }
            // Before it is taken out, so that it is never in neither count.
            self.queue.unsettled.fetch_add(1, Ordering::Relaxed);
            let blocked = match self.queue.pop(unsettled.count == 0) {
                Popped::Message(ready) => Ok(ready),
                Popped::Suspect => {
                    unsettled.is_waited_for = true;
                    Err(Blocked::NoCredit)
                }
                Popped::Empty(due) => Err(Blocked::Empty(due)),
            };
            let ready = blocked.inspect_err(|_| {
                self.queue.unsettled.fetch_sub(1, Ordering::Relaxed);
            })?;
            let (message, redelivered) = (ready.message.clone(), ready.redelivered);
            let deliveries = ready.deliveries();
            unsettled.count += 1;
            unsettled.has_suspect = is_suspicious(deliveries);
            unsettled.messages.push_back(Some(ready));
            let tag = unsettled.first + unsettled.messages.len() as u64 - 1;
            (message, redelivered, deliveries, tag)
        };
        Ok(Delivery::new(message, redelivered, tag, self.clone()).with_deliveries(deliveries))
    }

    /// Takes no more, and gives back what is not settled, whoever still has it in hand. If the
    /// consumer was lost, that may be the fault of one of them.
    pub(super) fn close(&self, is_lost: bool) {
        let returned = {
            let mut unsettled = lock(&self.unsettled);
            unsettled.closed = true;
            unsettled.count = 0;
            unsettled.first += unsettled.messages.len() as u64;
            std::mem::take(&mut unsettled.messages)
        };
        // The last first: each goes to the front.
        for ready in returned.into_iter().rev().flatten() {
            self.queue.unsettled.fetch_sub(1, Ordering::Relaxed);
            match is_lost {
                true => self.queue.put_back_lost(ready),
                false => self.queue.put_back(ready),
            }
        }
    }
}

impl Settle for Credit {
    fn settle(&self, tag: u64, settlement: Settlement) {
        let (ready, is_waited_for) = {
            let mut unsettled = lock(&self.unsettled);
            let index = tag.wrapping_sub(unsettled.first) as usize;
            let Some(ready) = unsettled.messages.get_mut(index).and_then(Option::take) else {
                return;
            };
            unsettled.count -= 1;
            unsettled.has_suspect = false;
            while let Some(None) = unsettled.messages.front() {
                unsettled.messages.pop_front();
                unsettled.first += 1;
            }
            (ready, std::mem::take(&mut unsettled.is_waited_for))
        };
        let queue = &self.queue;
        queue.unsettled.fetch_sub(1, Ordering::Relaxed);
        match (settlement, &queue.dead_letters) {
            (Settlement::Acknowledged, _) => queue.count_settled(),
            (Settlement::Rejected, Some(dead_letters)) => {
                queue.count_settled();
                dead_letters.push_dead(ready.message);
            }
            (Settlement::DeadLettered(message), Some(dead_letters)) => {
                queue.count_settled();
                dead_letters.push_dead(*message);
            }
            (Settlement::Delayed(message, after), _) => queue.postpone(*message, after),
            // A dead letter that is rejected again has nowhere to go, and stays.
            (Settlement::Rejected | Settlement::DeadLettered(_), None)
            | (Settlement::Released, _) => queue.put_back(ready),
        }
        if is_waited_for {
            self.returned.notify_one();
        }
    }
}
