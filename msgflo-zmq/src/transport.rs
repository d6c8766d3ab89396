//! The contract with the network, by way of the modules beside this one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use msgflo_core::transport::{
    Abilities, Announcements, Connection, Copies, Deliveries, Direction, Edge, Queue,
    QueueStatistics, Target, Transport,
};
use msgflo_core::{Definition, Error, ErrorKind, Message, Result};
use tokio::sync::{mpsc, watch};

use crate::extras::MOST_HEADERS;
use crate::frames::{
    ANNOUNCE, BIND, CONSUME, DECLARE, EDGES, Frames, LONGEST_NAME, PASSING, STATISTICS, TAP,
    UNBIND, WATCH,
};
use crate::link::Link;
use crate::streams::{COPIES, Receiving, Sink, announcements, copies, deliveries};

pub(crate) struct Zmq {
    link: Arc<Link>,
}

impl Zmq {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// The hub does not take other names.
    fn check<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        for name in names {
            if name.is_empty() || name.len() > LONGEST_NAME {
                return Err(Error::invalid(format!(
                    "`{name}` cannot be the name of a queue: it has {} bytes, and 1 to {LONGEST_NAME} are allowed",
                    name.len()
                )));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Transport for Zmq {
    fn url(&self) -> &str {
        &self.link.inner().address.shown
    }

    fn abilities(&self) -> Abilities {
        // A hub of old drops what it does not know of.
        if self.link.inner().hub_retries() { Abilities::ALL } else { Abilities::NONE }
    }

    async fn declare(&self, queue: &Queue) -> Result<()> {
        self.check([&*queue.name])?;
        let is_passing = !queue.persistent && queue.direction == Direction::In;
        if is_passing {
            self.link.inner().topology().pass(&queue.name);
        }
        let declare = |number| {
            let declare = Frames::new(DECLARE, number).direction(queue.direction).text(&queue.name);
            if is_passing { declare.text(PASSING) } else { declare }
        };
        self.link.request(declare).answer(&queue.name).await?;
        Ok(())
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Deliveries> {
        self.check([queue])?;
        let prefetch = prefetch.max(1);
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut number = 0;
        let asked = self.link.request(|free| {
            number = free;
            let sink = Sink::Deliveries { queue: queue.into(), prefetch, sender };
            self.link.inner().streams.insert(number, sink);
            Frames::new(CONSUME, number).text(queue).number(prefetch.into())
        });
        // Cancelled if it is dropped before there is an answer.
        let receiving = Receiving::new(self.link.clone(), number, receiver);
        asked.answer(queue).await?;
        Ok(deliveries(receiving))
    }

    async fn publish(&self, target: Target<'_>, message: Message) -> Result<()> {
        let (direction, queue) = match target {
            Target::Inport(queue) => (Direction::In, queue),
            Target::Outport(queue) => (Direction::Out, queue),
        };
        self.check([queue])?;
        if message.headers().len() > MOST_HEADERS {
            return Err(Error::invalid(format!(
                "a message to `{queue}` has {} headers, and {MOST_HEADERS} are the most: put them into the payload",
                message.headers().len()
            )));
        }
        let publish = |number| Frames::publish(number, direction, queue, &message);
        let sent = self.link.request(publish).answer(queue).await;
        sent.map(drop).map_err(|error| match error.kind() {
            Some(ErrorKind::Queue { url, queue, reason }) => {
                ErrorKind::Send { url: url.clone(), queue: queue.clone(), reason: reason.clone() }
                    .into()
            }
            _ => error,
        })
    }

    async fn bind(&self, edge: &Edge) -> Result<()> {
        let Edge { source, target } = edge;
        self.check([&**source, &**target])?;
        let bind = |number| Frames::new(BIND, number).text(source).text(target);
        self.link.request(bind).answer(target).await?;
        Ok(())
    }

    async fn unbind(&self, edge: &Edge) -> Result<()> {
        let Edge { source, target } = edge;
        self.check([&**source, &**target])?;
        let unbind = |number| Frames::new(UNBIND, number).text(source).text(target);
        self.link.request(unbind).answer(target).await?;
        Ok(())
    }

    async fn announce(&self, definition: &Definition, expiry: Duration) -> Result<()> {
        let json = definition.to_discovery_message().to_string();
        let expiry = expiry.as_millis().try_into().unwrap_or(u64::MAX);
        let announce = |number| Frames::new(ANNOUNCE, number).number(expiry).bytes(json);
        self.link.request(announce).answer("fbp").await?;
        Ok(())
    }

    async fn watch(&self) -> Result<Announcements> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut number = 0;
        let asked = self.link.request(|free| {
            number = free;
            self.link.inner().streams.insert(number, Sink::Announcements(sender));
            Frames::new(WATCH, number)
        });
        let receiving = Receiving::new(self.link.clone(), number, receiver);
        asked.answer("fbp").await?;
        Ok(announcements(receiving))
    }

    async fn statistics(&self, queue: &str) -> Result<QueueStatistics> {
        self.check([queue])?;
        let statistics = |number| Frames::new(STATISTICS, number).text(queue);
        let mut received = self.link.request(statistics).answer(queue).await?;
        let mut number = |what| received.number(what).map_err(Error::message);
        Ok(QueueStatistics {
            waiting: number("number of messages")?,
            consumers: number("number of consumers")?,
            unsettled: Some(number("number of unsettled messages")?),
            // Hubs did not tell these at first.
            arrived: number("number of messages that have come").ok(),
            settled: number("number of settled messages").ok(),
        })
    }

    async fn edges(&self) -> Result<Vec<Edge>> {
        let asked = self.link.request(|number| Frames::new(EDGES, number));
        let json = asked.answer("").await?.bytes("edges").map_err(Error::message)?;
        let pairs: Vec<(String, String)> = serde_json::from_slice(&json).map_err(|error| {
            Error::message(format!("{} told of edges that are no JSON: {error}", self.url()))
        })?;
        Ok(pairs.into_iter().map(|(source, target)| Edge { source, target }).collect())
    }

    async fn tap(&self, queue: &str, direction: Direction) -> Result<Copies> {
        self.check([queue])?;
        let (sender, receiver) = mpsc::channel(COPIES);
        let mut number = 0;
        let asked = self.link.request(|free| {
            number = free;
            let sink = Sink::Copies { queue: queue.into(), direction, sender };
            self.link.inner().streams.insert(number, sink);
            Frames::new(TAP, number).direction(direction).text(queue)
        });
        let receiving = Receiving::new(self.link.clone(), number, receiver);
        asked.answer(queue).await?;
        Ok(copies(receiving))
    }

    fn connection(&self) -> watch::Receiver<Connection> {
        self.link.connection()
    }

    fn finish(&self) {
        self.link.finish();
    }

    async fn close(&self) -> Result<()> {
        self.link.close().await
    }
}
