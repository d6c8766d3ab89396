//! What a client receives: the queues that it consumes and taps, and the announcements that it
//! watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use msgflo_core::transport::{Announcements, Copies, Deliveries, Delivery, Direction, Settle};
use msgflo_core::{Definition, Error, Message, Result};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tracing::warn;

use crate::frames::{CONSUME, Frames, Malformed, Received, TAP, WATCH};
use crate::link::{Inner, Link};

/// How many copies may lie here unread. Then some are missing.
pub(crate) const COPIES: usize = 1000;

/// By the number of the request that started it. Channels of deliveries have no bound of their own:
/// what the hub sends is bounded by the credit.
#[derive(Default)]
pub(crate) struct Streams(Mutex<BTreeMap<u64, Stream>>);

struct Stream {
    /// Whether the hub has agreed to it. Before that, the outbox takes care of it.
    confirmed: bool,
    sink: Sink,
}

pub(crate) enum Sink {
    Deliveries { queue: String, prefetch: u16, sender: UnboundedSender<Result<InSession>> },
    Announcements(UnboundedSender<Result<Definition>>),
    Copies { queue: String, direction: Direction, sender: Sender<Result<Message>> },
}

/// A delivery, and the connection on which it came.
pub(crate) struct InSession {
    session: u64,
    delivery: Delivery,
}

impl Streams {
    pub(crate) fn insert(&self, number: u64, sink: Sink) {
        self.lock().insert(number, Stream { confirmed: false, sink });
    }

    pub(crate) fn remove(&self, number: u64) {
        self.lock().remove(&number);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn confirm(&self, number: u64) {
        if let Some(stream) = self.lock().get_mut(&number) {
            stream.confirmed = true;
        }
    }

    /// What a new connection asks for.
    pub(crate) fn requests(&self) -> Vec<Frames> {
        let streams = self.lock();
        let confirmed = streams.iter().filter(|(_, stream)| stream.confirmed);
        let request = confirmed.map(|(number, stream)| match &stream.sink {
            Sink::Deliveries { queue, prefetch, .. } => {
                Frames::new(CONSUME, *number).text(queue).number((*prefetch).into())
            }
            Sink::Announcements(_) => Frames::new(WATCH, *number),
            Sink::Copies { queue, direction, .. } => {
                Frames::new(TAP, *number).direction(*direction).text(queue)
            }
        });
        request.collect()
    }

    /// Ends one that cannot be had again.
    pub(crate) fn fail(&self, number: u64, error: impl FnOnce(&str) -> Error) {
        // Fails where nobody listens any more.
        let _ = match self.lock().remove(&number).map(|stream| stream.sink) {
            Some(Sink::Deliveries { queue, sender, .. }) => {
                sender.send(Err(error(&queue))).map_err(drop)
            }
            Some(Sink::Announcements(sender)) => sender.send(Err(error("fbp"))).map_err(drop),
            Some(Sink::Copies { queue, sender, .. }) => {
                sender.try_send(Err(error(&queue))).map_err(drop)
            }
            None => Ok(()),
        };
    }

    /// A delivery has come. Where nobody listens any more, it is dropped, and so goes back.
    pub(crate) fn deliver(
        &self,
        received: &mut Received,
        session: u64,
        settle: Arc<dyn Settle>,
    ) -> Result<(), Malformed> {
        let tag = received.number("tag")?;
        let redelivered = *received.bytes("redelivered flag")? == *b"1";
        let (message, deliveries) = received.counted_message()?;
        let delivery = Delivery::new(message, redelivered, tag, settle).with_deliveries(deliveries);
        self.hand(received.number, session, delivery);
        Ok(())
    }

    /// A delivery for a consumer.
    pub(crate) fn hand(&self, consumer: u64, session: u64, delivery: Delivery) {
        if let Some(Sink::Deliveries { sender, .. }) =
            self.lock().get(&consumer).map(|stream| &stream.sink)
        {
            let _ = sender.send(Ok(InSession { session, delivery }));
        }
    }

    pub(crate) fn announce(&self, received: &mut Received) -> Result<(), Malformed> {
        let json = received.bytes("discovery message")?;
        let definition =
            Definition::from_discovery_message(&json).map_err(|error| error.to_string())?;
        if let Some(Sink::Announcements(sender)) =
            self.lock().get(&received.number).map(|stream| &stream.sink)
        {
            let _ = sender.send(Ok(definition));
        }
        Ok(())
    }

    pub(crate) fn copy(&self, received: &mut Received) -> Result<(), Malformed> {
        let message = received.message()?;
        if let Some(Sink::Copies { queue, sender, .. }) =
            self.lock().get(&received.number).map(|stream| &stream.sink)
            && let Err(TrySendError::Full(_)) = sender.try_send(Ok(message))
        {
            warn!("{COPIES} copies of `{queue}` are not read: one is dropped");
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiving end of a stream. Dropping it tells the hub.
pub(crate) struct Receiving<R> {
    link: Arc<Link>,
    number: u64,
    receiver: R,
}

impl<R> Receiving<R> {
    pub(crate) fn new(link: Arc<Link>, number: u64, receiver: R) -> Self {
        Self { link, number, receiver }
    }

    fn inner(&self) -> &Inner {
        self.link.inner()
    }
}

impl<T> Receiving<UnboundedReceiver<T>> {
    async fn receive(&mut self) -> Option<T> {
        self.receiver.recv().await.filter(|_| !self.inner().is_closed())
    }
}

impl<R> Drop for Receiving<R> {
    fn drop(&mut self) {
        self.inner().cancel(self.number);
    }
}

pub(crate) fn deliveries(receiving: Receiving<UnboundedReceiver<Result<InSession>>>) -> Deliveries {
    Deliveries::new(futures_util::stream::unfold(receiving, |mut receiving| async move {
        loop {
            match receiving.receive().await? {
                // The hub has taken back what came on a connection that is lost.
                Ok(old) if old.session != receiving.inner().session() => drop(old.delivery),
                Ok(current) => return Some((Ok(current.delivery), receiving)),
                Err(error) => return Some((Err(error), receiving)),
            }
        }
    }))
}

pub(crate) fn copies(receiving: Receiving<Receiver<Result<Message>>>) -> Copies {
    Copies::new(futures_util::stream::unfold(receiving, |mut receiving| async move {
        let copy = receiving.receiver.recv().await.filter(|_| !receiving.inner().is_closed())?;
        Some((copy, receiving))
    }))
}

pub(crate) fn announcements(
    receiving: Receiving<UnboundedReceiver<Result<Definition>>>,
) -> Announcements {
    Announcements::new(futures_util::stream::unfold(receiving, |mut receiving| async move {
        let definition = receiving.receive().await?;
        Some((definition, receiving))
    }))
}
