//! A queue in memory, and a consumer of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};

use super::lock;
use crate::Message;
use crate::transport::{Delivery, QueueStatistics, Settle, Settlement};

pub(super) struct MemoryQueue {
    capacity: usize,
    dead_letters: Option<Arc<MemoryQueue>>,
    ready: Mutex<VecDeque<Ready>>,
    consumers: AtomicU64,
    unsettled: AtomicU64,
    filled: Notify,
    emptied: Notify,
}

struct Ready {
    message: Message,
    redelivered: bool,
}

impl MemoryQueue {
    pub(super) fn new(capacity: usize, dead_letters: Option<Arc<MemoryQueue>>) -> Self {
        Self {
            capacity,
            dead_letters,
            ready: Default::default(),
            consumers: AtomicU64::new(0),
            unsettled: AtomicU64::new(0),
            filled: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Adds the message unless the queue is full.
    pub(super) fn try_push(&self, message: &Message) -> bool {
        {
            let mut ready = lock(&self.ready);
            if ready.len() >= self.capacity {
                return false;
            }
            ready.push_back(Ready { message: message.clone(), redelivered: false });
        }
        self.filled.notify_one();
        true
    }

    /// Adds the message as soon as there is room.
    pub(super) async fn push(&self, message: &Message) {
        while !self.try_push(message) {
            self.emptied.notified().await;
        }
        // There may be room for another sender too.
        if lock(&self.ready).len() < self.capacity {
            self.emptied.notify_one();
        }
    }

    fn pop(&self) -> Option<Ready> {
        let (popped, was_full) = {
            let mut ready = lock(&self.ready);
            let was_full = ready.len() >= self.capacity;
            (ready.pop_front(), was_full)
        };
        if was_full {
            self.emptied.notify_one();
        }
        popped
    }

    /// A message that came back goes first, so that the order changes as little as it can.
    fn put_back(&self, message: Message) {
        lock(&self.ready).push_front(Ready { message, redelivered: true });
        self.filled.notify_one();
    }

    fn push_dead(&self, message: Message) {
        {
            let mut ready = lock(&self.ready);
            if ready.len() >= self.capacity {
                tracing::warn!("{} dead letters: the oldest is dropped", self.capacity);
                ready.pop_front();
            }
            ready.push_back(Ready { message, redelivered: false });
        }
        self.filled.notify_one();
    }

    pub(super) fn statistics(&self) -> QueueStatistics {
        QueueStatistics {
            waiting: lock(&self.ready).len() as u64,
            consumers: self.consumers.load(Ordering::Relaxed),
            unsettled: Some(self.unsettled.load(Ordering::Relaxed)),
        }
    }
}

/// One consumer: takes from the queue while it has credit.
pub(super) struct Consumer {
    credit: Arc<Credit>,
    closed: watch::Receiver<bool>,
}

/// What a consumer has received and not settled. Its size is the credit that is used up.
struct Credit {
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
            if *self.closed.borrow() {
                return None;
            }
            let blocked_on = match self.credit.take() {
                Ok(delivery) => return Some(delivery),
                Err(Blocked::NoCredit) => &self.credit.returned,
                Err(Blocked::Empty) => &self.credit.queue.filled,
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
}

impl Credit {
    fn take(self: &Arc<Self>) -> Result<Delivery, Blocked> {
        let (ready, tag) = {
            let mut unsettled = lock(&self.unsettled);
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
            (Settlement::Acknowledged, _) => {}
            (Settlement::Rejected, Some(dead_letters)) => dead_letters.push_dead(message),
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
