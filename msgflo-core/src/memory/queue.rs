//! A queue in memory, and a consumer of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{Notify, oneshot, watch};

use super::lock;
use crate::Message;
use crate::transport::{Delivery, QueueStatistics, Settle, Settlement};

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
    /// How many bytes `ready` has.
    bytes: usize,
    /// How many were taken in since the beginning.
    arrived: u64,
    /// Of senders that wait for room: there are some only while `ready` is full.
    waiting: VecDeque<(Message, oneshot::Sender<()>)>,
}

struct Ready {
    message: Message,
    redelivered: bool,
}

impl Ready {
    fn new(message: Message) -> Self {
        Self { message, redelivered: false }
    }

    fn size(&self) -> usize {
        let Message { payload, content_type, id } = &self.message;
        payload.len()
            + content_type.as_ref().map_or(0, |content_type| content_type.len())
            + id.as_ref().map_or(0, |id| id.len())
    }
}

impl Messages {
    fn is_full(&self, capacity: Capacity) -> bool {
        self.ready.len() >= capacity.messages || self.bytes >= capacity.bytes
    }

    fn push_back(&mut self, ready: Ready) {
        self.bytes += ready.size();
        self.ready.push_back(ready);
    }

    /// One that was not here before.
    fn take_in(&mut self, message: Message) {
        self.arrived += 1;
        self.push_back(Ready::new(message));
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

    fn pop(&self) -> Option<Ready> {
        let (popped, more) = {
            let mut messages = lock(&self.messages);
            let popped = messages.pop_front();
            while !messages.is_full(self.capacity)
                && let Some((message, taken)) = messages.waiting.pop_front()
            {
                if taken.send(()).is_ok() {
                    messages.take_in(message);
                }
            }
            (popped, !messages.ready.is_empty())
        };
        // Two messages that came at once may have woken one consumer only.
        if more && self.consumers.load(Ordering::Relaxed) > 1 {
            self.filled.notify_one();
        }
        popped
    }

    /// A message that came back goes first, so that the order changes as little as it can.
    fn put_back(&self, message: Message) {
        lock(&self.messages).push_front(Ready { message, redelivered: true });
        self.filled.notify_one();
    }

    /// From now on, its dead letters go there too.
    pub(super) fn lead_to(&self, target: &Arc<MemoryQueue>) {
        lock(&self.led_to).push(Arc::downgrade(target));
    }

    pub(super) fn lead_no_more_to(&self, target: &Arc<MemoryQueue>) {
        lock(&self.led_to).retain(|queue| !std::ptr::eq(queue.as_ptr(), Arc::as_ptr(target)));
    }

    fn push_dead(&self, message: Message) {
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
    messages: VecDeque<Option<Message>>,
    count: usize,
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
            let blocked_on = match self.credit.take() {
                Ok(delivery) => return Some(delivery),
                Err(Blocked::NoCredit) => &self.credit.returned,
                Err(Blocked::Empty) => &self.credit.queue.filled,
                Err(Blocked::Closed) => return None,
            };
            tokio::select! {
                () = blocked_on.notified() => {}
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

enum Blocked {
    NoCredit,
    Empty,
    Closed,
}

impl Credit {
    fn take(self: &Arc<Self>) -> Result<Delivery, Blocked> {
        let (ready, tag) = {
            let mut unsettled = lock(&self.unsettled);
            if unsettled.closed {
                return Err(Blocked::Closed);
            }
            if unsettled.count >= self.prefetch {
                return Err(Blocked::NoCredit);
            }
            let ready = self.queue.pop().ok_or(Blocked::Empty)?;
            unsettled.count += 1;
            unsettled.messages.push_back(Some(ready.message.clone()));
            (ready, unsettled.first + unsettled.messages.len() as u64 - 1)
        };
        self.queue.unsettled.fetch_add(1, Ordering::Relaxed);
        Ok(Delivery::new(ready.message, ready.redelivered, tag, self.clone()))
    }

    /// Takes no more, and gives back what is not settled, whoever still has it in hand.
    pub(super) fn close(&self) {
        let returned = {
            let mut unsettled = lock(&self.unsettled);
            unsettled.closed = true;
            unsettled.count = 0;
            unsettled.first += unsettled.messages.len() as u64;
            std::mem::take(&mut unsettled.messages)
        };
        // The last first: each goes to the front.
        for message in returned.into_iter().rev().flatten() {
            self.queue.unsettled.fetch_sub(1, Ordering::Relaxed);
            self.queue.put_back(message);
        }
    }
}

impl Settle for Credit {
    fn settle(&self, tag: u64, settlement: Settlement) {
        let (message, was_blocked) = {
            let mut unsettled = lock(&self.unsettled);
            let was_blocked = unsettled.count >= self.prefetch;
            let index = tag.wrapping_sub(unsettled.first) as usize;
            let Some(message) = unsettled.messages.get_mut(index).and_then(Option::take) else {
                return;
            };
            unsettled.count -= 1;
            while let Some(None) = unsettled.messages.front() {
                unsettled.messages.pop_front();
                unsettled.first += 1;
            }
            (message, was_blocked)
        };
        self.queue.unsettled.fetch_sub(1, Ordering::Relaxed);
        match (settlement, &self.queue.dead_letters) {
            (Settlement::Acknowledged, _) => self.queue.count_settled(),
            (Settlement::Rejected, Some(dead_letters)) => {
                self.queue.count_settled();
                dead_letters.push_dead(message);
            }
            // A dead letter that is rejected again has nowhere to go, and stays.
            (Settlement::Rejected, None) | (Settlement::Released, _) => {
                self.queue.put_back(message)
            }
        }
        if was_blocked {
            self.returned.notify_one();
        }
    }
}
