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
use crate::statistics::STATISTICS_QUEUE;
use crate::{Definition, ErrorKind, Message, Result};

/// A connection to a broker.
///
/// It outlives a lost connection: it reconnects, declares and consumes again, and publishes
/// again what was not confirmed. While it is at it, calls take longer; they do not fail.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The broker's URL without its password, for error messages.
    fn url(&self) -> &str;

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

/// A port's queue, as [`Transport::declare`] makes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Its name on the broker.
    pub name: String,
    /// Whether it feeds an inport or leads away from an outport.
    pub direction: Direction,
    /// Whether it survives its last user and the broker's restart. On by default.
    pub persistent: bool,
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
    tag: u64,
    settle: Option<Arc<dyn Settle>>,
}

/// A transport's side of [`Delivery`].
pub trait Settle: Send + Sync {
    /// Called once for each delivery. Must not block: what it sends, it sends later.
    fn settle(&self, tag: u64, settlement: Settlement);
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// It was processed, and may be forgotten.
    Acknowledged,
    /// It cannot be processed: to the dead letters.
    Rejected,
    /// It was not processed: back to its queue.
    Released,
}

impl Delivery {
    /// A delivery that `settle` is told of under `tag`.
    pub fn new(message: Message, redelivered: bool, tag: u64, settle: Arc<dyn Settle>) -> Self {
        Self { message, redelivered, tag, settle: Some(settle) }
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
