//! The message that is being processed: what a method is told of it, and what its sends inherit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};

use crate::headers::Headers;
use crate::identity;
use crate::message::Message;
use crate::reserved;

tokio::task_local! {
    static CURRENT: Arc<Processing>;
}

/// The port that a message came to: the same for all of them.
pub(crate) struct Place {
    pub(crate) role: String,
    pub(crate) port: String,
    pub(crate) queue: String,
    /// The participant's id.
    pub(crate) worker: String,
    pub(crate) stopped: watch::Receiver<bool>,
}

/// One message, for as long as somebody is interested in it.
pub(crate) struct Processing {
    pub(crate) place: Arc<Place>,
    pub(crate) message: Message,
    pub(crate) attempt: u32,
    pub(crate) redelivered: bool,
    /// How many messages were sent while it was processed, by outport.
    numbers: Mutex<Numbers>,
    /// Whether somebody who waits for an answer has been sent one.
    answered: AtomicBool,
    expired: AtomicBool,
    expiry: Notify,
}

impl Processing {
    pub(crate) fn new(place: Arc<Place>, message: Message, redelivered: bool) -> Arc<Self> {
        let headers = message.headers();
        let attempt = if headers.is_empty() { 1 } else { reserved::attempt(headers) };
        let redelivered =
            redelivered || attempt > 1 || !headers.is_empty() && reserved::deliveries(headers) > 0;
        Arc::new(Self {
            place,
            message,
            attempt,
            redelivered,
            numbers: Mutex::default(),
            answered: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            expiry: Notify::new(),
        })
    }

    /// What this task is processing.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Runs what belongs to processing it.
    pub(crate) fn scope<F: Future>(self: Arc<Self>, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs what belongs to processing it, without waiting for anything.
    pub(crate) fn sync_scope<R>(self: Arc<Self>, call: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, call)
    }

    /// What all that comes of it has in common.
    pub(crate) fn correlation_id(&self) -> Option<&Arc<str>> {
        self.message.correlation_id().or(self.message.id.as_ref())
    }

    /// The identifier of the next message that is sent on an outport: the same again when the message
    /// is processed again. `None` if this one has none itself.
    pub(crate) fn next_id(&self, outport: u16, queue: &str) -> Option<Arc<str>> {
        let id = self.message.id.as_deref()?;
        let number = {
            let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
            numbers.next(outport)
        };
        Some(identity::derived(id, &self.place.queue, queue, number))
    }

    /// Where an answer is to go that was not sent yet. Asked once.
    pub(crate) fn take_reply_to(&self) -> Option<&Arc<str>> {
        let queue = self.message.reply_to()?;
        (!self.answered.swap(true, Ordering::Relaxed)).then_some(queue)
    }

    /// Its time is over.
    pub(crate) fn expire(&self) {
        self.expired.store(true, Ordering::Release);
        self.expiry.notify_waiters();
    }

    fn is_stopping(&self) -> bool {
        self.expired.load(Ordering::Acquire) || *self.place.stopped.borrow()
    }

    async fn stopping(&self) {
        let mut stopped = self.place.stopped.clone();
        let expiry = self.expiry.notified();
        let mut expiry = std::pin::pin!(expiry);
        expiry.as_mut().enable();
        if self.is_stopping() {
            return;
        }
        tokio::select! {
            // Fails when the participant is gone.
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = expiry => {}
        }
    }
}

/// Counts by outport. Most methods send on one, which takes no memory of its own.
#[derive(Default)]
struct Numbers {
    first: Option<(u16, u32)>,
    others: Vec<(u16, u32)>,
}

impl Numbers {
    fn next(&mut self, outport: u16) -> u32 {
        let first = self.first.get_or_insert((outport, 0));
        let counted = if first.0 == outport {
            first
        } else {
            let index = self.others.iter().position(|(port, _)| *port == outport);
            let index = index.unwrap_or_else(|| {
                self.others.push((outport, 0));
                self.others.len() - 1
            });
            &mut self.others[index]
        };
        counted.1 += 1;
        counted.1
    }
}

/// What a method may know of the message that it processes: its last argument, if it has one.
///
/// ```
/// use msgflo_core::{Context, Json, Result};
///
/// # struct Resize;
/// # impl Resize {
/// async fn resize(&self, Json(width): Json<u32>, context: Context) -> Result<()> {
///     if context.attempt() > 1 {
///         eprintln!("trying {width} again, for {:?}", context.header("tenant"));
///     }
///     Ok(())
/// }
/// # }
/// ```
///
/// It may be kept and passed on; a task that a method spawns sends on the message's behalf inside
/// [`Context::scope`].
#[derive(Clone)]
pub struct Context(Arc<Processing>);

impl Context {
    pub(crate) fn new(processing: Arc<Processing>) -> Self {
        Self(processing)
    }

    pub(crate) fn sync_scope<R>(&self, call: impl FnOnce() -> R) -> R {
        self.0.clone().sync_scope(call)
    }

    /// The context of the message that is being processed where this is called; `None` elsewhere, for
    /// instance in a task that a method has spawned.
    pub fn current() -> Option<Self> {
        Processing::current().map(Self)
    }

    /// Which attempt this is: 1, 2, … It is counted across workers and restarts, where headers travel.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Whether the message may have been processed before, wholly or in part.
    pub fn redelivered(&self) -> bool {
        self.0.redelivered
    }

    /// The message's identifier, if its sender set one: the same when the message comes again.
    pub fn id(&self) -> Option<&str> {
        self.0.message.id.as_deref()
    }

    /// What it has in common with all that came of the same message: its sender's, or else its own
    /// identifier.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id().map(|id| &**id)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.message.headers().get(name)
    }

    /// The headers that the sender set.
    pub fn headers(&self) -> Headers {
        self.0.message.headers().of_the_user()
    }

    /// The payload's format, where the sender named it.
    pub fn content_type(&self) -> Option<&str> {
        self.0.message.content_type.as_deref()
    }

    /// When it was sent, where sender and transport tell.
    pub fn sent_at(&self) -> Option<SystemTime> {
        self.0.message.sent_at()
    }

    /// How long ago it was sent, where sender and transport tell: as exact as the two clocks agree.
    pub fn age(&self) -> Option<Duration> {
        self.sent_at()?.elapsed().ok()
    }

    /// How urgent its sender said it is.
    pub fn priority(&self) -> Option<u8> {
        self.0.message.priority()
    }

    /// The inport's queue in which its sender waits for an answer. What the method sends first, on
    /// any outport, is copied there.
    pub fn reply_to(&self) -> Option<&str> {
        self.0.message.reply_to().map(|queue| &**queue)
    }

    /// The queue that it came from.
    pub fn queue(&self) -> &str {
        &self.0.place.queue
    }

    /// The participant's role.
    pub fn role(&self) -> &str {
        &self.0.place.role
    }

    /// The inport.
    pub fn port(&self) -> &str {
        &self.0.place.port
    }

    /// Returns when the participant is told to stop, or the time that the port's `timeout` gives is
    /// over. A method that works for long can then give up in order: what it returns counts.
    pub async fn stopping(&self) {
        self.0.stopping().await;
    }

    /// Whether [`stopping`](Self::stopping) would return at once: for work that blocks.
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Runs a future as part of processing the message: what it sends inherits the message's
    /// correlation and trace. A method's own future needs none of it, a task that it spawns does.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.clone().scope(future)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("queue", &self.queue())
            .field("id", &self.id())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
