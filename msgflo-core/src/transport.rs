//! What MsgFlo needs of a broker: the contract that every transport fulfils.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{BoxStream, Stream};
use tokio::sync::watch;
use url::Url;

pub use crate::attempts::{Failure, try_to_connect};
pub use crate::pauses::Pauses;
pub use crate::policy::{is_suspicious, put_off};
use crate::{Definition, ErrorKind, Message, Result};

/// The outport's queue on which participants tell of their work; on MQTT, it is another.
pub const STATISTICS_QUEUE: &str = "msgflo.statistics";

/// A connection to a broker.
///
/// It outlives a lost connection: it reconnects, declares and consumes again, and publishes
/// again what was not confirmed. While it is at it, calls take longer; they do not fail.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The broker's URL without its password, for error messages.
    fn url(&self) -> &str;

    /// What it can do beyond what all of them can.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// Makes a port's queue exist. Declaring the same again changes nothing.
    async fn declare(&self, queue: &Queue) -> Result<()>;

    /// Starts to receive from an inport's queue, at most `prefetch` messages (at least 1)
    /// unsettled at once. Several consumers of one queue share its messages. Dropping the
    /// stream stops it; what was received can still be settled.
    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Deliveries>;

    /// Sends a message; returns when the broker has taken responsibility for it. Futures of
    /// this may run side by side, and messages are then pipelined; they arrive in the order in
    /// which the futures were first polled.
    async fn publish(&self, target: Target<'_>, message: Message) -> Result<()>;

    /// Makes what is sent on an outport arrive at an inport. Both must be declared. Doing it
    /// twice changes nothing.
    async fn bind(&self, edge: &Edge) -> Result<()>;

    /// Takes an edge away. Taking away one that is not there changes nothing.
    async fn unbind(&self, edge: &Edge) -> Result<()>;

    /// Tells everybody who watches of a participant. An announcement that nobody has read
    /// after `expiry` goes away by itself.
    async fn announce(&self, definition: &Definition, expiry: Duration) -> Result<()>;

    /// Sees every participant's announcements from now on, and takes none from anybody else.
    async fn watch(&self) -> Result<Announcements>;

    /// What is waiting in an inport's queue.
    async fn statistics(&self, queue: &str) -> Result<QueueStatistics>;

    /// All edges that there are, whoever made them.
    ///
    /// # Errors
    /// If the broker does not tell.
    async fn edges(&self) -> Result<Vec<Edge>> {
        let what = "tell which edges there are".into();
        Err(ErrorKind::Unsupported { url: self.url().into(), what }.into())
    }

    /// Receives copies of what is sent on an outport, or through its edges to an inport, from now
    /// on. It takes nothing from anybody, keeps nothing up, and leaves nothing behind. What is sent
    /// straight into an inport's queue is copied where the broker can. While the connection is lost,
    /// or when nobody reads, copies are missing.
    ///
    /// # Errors
    /// If the broker cannot copy what this queue gets.
    async fn tap(&self, queue: &str, direction: Direction) -> Result<Copies> {
        let what = format!(
            "copy what passes {} `{queue}`",
            match direction {
                Direction::In => "inport",
                Direction::Out => "outport",
            }
        );
        Err(ErrorKind::Unsupported { url: self.url().into(), what }.into())
    }

    /// How the connection is, now and as it changes.
    fn connection(&self) -> watch::Receiver<Connection>;

    /// Where rejected messages of an inport's queue are kept: a queue that can be consumed.
    fn dead_letter_queue(&self, queue: &str) -> String {
        format!("dead-{queue}")
    }

    /// The outport's queue on which participants tell of their work: see [`statistics`](crate::statistics).
    fn statistics_queue(&self) -> &'static str {
        STATISTICS_QUEUE
    }

    /// Told before the messages in flight are finished for the last time: as nothing is consumed
    /// here any more, a sender must not wait for a consumer to make room.
    fn finish(&self) {}

    /// Hands over all acknowledgements, and disconnects. Streams end; what was received and
    /// not settled goes back to its queue.
    async fn close(&self) -> Result<()>;
}

/// What a transport can do beyond what all of them can. What it cannot is an error of whoever asks for
/// it ([`ErrorKind::Unsupported`]), or noted where that is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abilities {
    /// Headers, correlation ids and the like travel with a message. Else they are dropped, with one
    /// warning.
    pub headers: bool,
    /// A message that is sent with a delay waits at the broker.
    pub delay: bool,
    /// A message that is sent with an expiry is not delivered later; it becomes a dead letter, or is
    /// dropped.
    pub expiry: bool,
    /// A message that is sent with a priority overtakes those with a lower one, in queues that are
    /// declared with [`Queue::max_priority`].
    pub priority: bool,
    /// [`Delivery::deliveries`] counts.
    pub counts_deliveries: bool,
}

impl Abilities {
    /// All of them.
    pub const ALL: Self =
        Self { headers: true, delay: true, expiry: true, priority: true, counts_deliveries: true };
    /// None of them, as [`Default`].
    pub const NONE: Self = Self {
        headers: false,
        delay: false,
        expiry: false,
        priority: false,
        counts_deliveries: false,
    };
}

/// A port's queue, as [`Transport::declare`] makes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Queue {
    /// Its name on the broker.
    pub name: String,
    /// Whether it feeds an inport or leads away from an outport.
    pub direction: Direction,
    /// Whether it survives its last user and the broker's restart. On by default.
    pub persistent: bool,
    /// The highest priority that its messages can have; none by default, where all are alike.
    pub max_priority: Option<u8>,
}

impl Queue {
    /// A persistent queue.
    pub fn new(name: impl Into<String>, direction: Direction) -> Self {
        Self { name: name.into(), direction, persistent: true, max_priority: None }
    }

    /// That of an inport.
    pub fn inport(name: impl Into<String>) -> Self {
        Self::new(name, Direction::In)
    }

    /// That of an outport.
    pub fn outport(name: impl Into<String>) -> Self {
        Self::new(name, Direction::Out)
    }

    /// Sets whether it survives its last user and the broker's restart.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Sets the highest priority that its messages can have.
    pub fn max_priority(mut self, max_priority: Option<u8>) -> Self {
        self.max_priority = max_priority;
        self
    }
}

/// Which way a port goes, seen from its participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Messages are received.
    In,
    /// Messages are sent.
    Out,
}

/// Where a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Out of an outport: to every inport that is bound to it, and to none if none is.
    Outport(&'a str),
    /// Straight into one inport's queue, which must exist.
    Inport(&'a str),
}

/// A connection from an outport's queue to an inport's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The queue of the outport.
    pub source: String,
    /// The queue of the inport.
    pub target: String,
}

/// How a transport's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whether it is there, or lost and being made again.
    pub connected: bool,
    /// How often it was lost and made again.
    pub reconnections: u64,
}

impl Connection {
    /// The first connection.
    pub const FIRST: Self = Self { connected: true, reconnections: 0 };
}

/// What is known of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStatistics {
    /// Messages that wait for a consumer.
    pub waiting: u64,
    /// How many consumers share the queue.
    pub consumers: u64,
    /// Messages that were delivered and are not settled yet, where the broker tells.
    pub unsettled: Option<u64>,
    /// Messages that have come into the queue since it, or the broker, began, where the broker tells.
    pub arrived: Option<u64>,
    /// Of these, those that were acknowledged or rejected, where the broker tells.
    pub settled: Option<u64>,
}

/// One received message, to be settled once: acknowledged or rejected. Dropped unsettled, it
/// goes back to its queue.
#[must_use = "a delivery that is dropped goes back to its queue"]
pub struct Delivery {
    /// The message. A receiver may take it out.
    pub message: Message,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// How often it was delivered and not settled, this time included: where the transport counts
    /// ([`Abilities::counts_deliveries`]), else 1.
    pub deliveries: u32,
    tag: u64,
    settle: Option<Arc<dyn Settle>>,
}

/// A transport's side of [`Delivery`].
pub trait Settle: Send + Sync {
    /// Called once for each delivery. Must not block: what it sends, it sends later. A message that
    /// comes with the settlement is sent first; when the broker has it, the delivery is acknowledged. If
    /// the broker refuses it, the delivery is rejected or released, with a warning: it is never lost.
    fn settle(&self, tag: u64, settlement: Settlement);
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// It was processed, and may be forgotten.
    Acknowledged,
    /// It cannot be processed: to the dead letters.
    Rejected,
    /// It was not processed: back to its queue.
    Released,
    /// It cannot be processed: this goes to the dead letters in its place. It is the same message, with
    /// headers that say why.
    DeadLettered(Box<Message>),
    /// It is to be processed later: this goes into its queue in its place, after so long. It is the
    /// same message, with headers that count. It waits where it takes up nobody's prefetch; at the
    /// broker, if it can, so that it outlives this process.
    Delayed(Box<Message>, Duration),
}

impl Delivery {
    /// A delivery that `settle` is told of under `tag`.
    pub fn new(message: Message, redelivered: bool, tag: u64, settle: Arc<dyn Settle>) -> Self {
        Self { message, redelivered, deliveries: 1, tag, settle: Some(settle) }
    }

    /// Sets how often it was delivered and not settled, this time included.
    pub fn with_deliveries(mut self, deliveries: u32) -> Self {
        self.deliveries = deliveries;
        self
    }

    /// The transport's number for this delivery.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// The message was processed, and the broker may forget it.
    pub fn acknowledge(mut self) {
        self.settle(Settlement::Acknowledged);
    }

    /// The message cannot be processed: to the dead letters with it.
    pub fn reject(mut self) {
        self.settle(Settlement::Rejected);
    }

    /// Settles it in any way.
    pub fn settle_as(mut self, settlement: Settlement) {
        self.settle(settlement);
    }

    fn settle(&mut self, settlement: Settlement) {
        if let Some(settle) = self.settle.take() {
            settle.settle(self.tag, settlement);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.settle(Settlement::Released);
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message", &self.message)
            .field("redelivered", &self.redelivered)
            .field("deliveries", &self.deliveries)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

/// The messages of a queue as they come. An error is final: the transport has given up on it.
pub struct Deliveries(BoxStream<'static, Result<Delivery>>);

/// Copies of messages as they pass. An error is final.
pub struct Copies(BoxStream<'static, Result<Message>>);

/// Participants' announcements as they come. An error is final.
pub struct Announcements(BoxStream<'static, Result<Definition>>);

macro_rules! stream {
    ($name:ident, $item:ty) => {
        impl $name {
            /// From a transport's own stream.
            pub fn new(stream: impl Stream<Item = Result<$item>> + Send + 'static) -> Self {
                Self(Box::pin(stream))
            }

            /// The next one; `None` when the connection was closed.
            pub async fn next(&mut self) -> Option<Result<$item>> {
                std::future::poll_fn(|cx| self.0.as_mut().poll_next(cx)).await
            }
        }

        impl Stream for $name {
            type Item = Result<$item>;

            fn poll_next(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                self.0.as_mut().poll_next(cx)
            }
        }
    };
}

stream!(Deliveries, Delivery);
stream!(Announcements, Definition);
stream!(Copies, Message);

/// A URL as it may be shown: without its password.
///
/// ```
/// let url = "amqp://guest:secret@localhost/".parse().unwrap();
/// assert_eq!(msgflo_core::transport::without_password(&url), "amqp://guest@localhost/");
/// ```
pub fn without_password(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that cannot have one.
    let _ = url.set_password(None);
    url.to_string()
}
