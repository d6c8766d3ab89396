//! Queues, exchanges and bindings: how they are declared, and which to declare again.

use std::sync::Mutex;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use msgflo_core::discovery::DISCOVERY_QUEUE;
use msgflo_core::transport::{Direction, Edge, Queue};
use tracing::warn;

use crate::connection::Session;
use crate::lock::lock;
use crate::reason;

/// What this link has declared and bound, to be declared and bound again after a reconnection.
#[derive(Default)]
pub(crate) struct Topology {
    queues: Mutex<Vec<Queue>>,
    edges: Mutex<Vec<Edge>>,
}

impl Topology {
    pub(crate) fn remember_queue(&self, queue: &Queue) {
        remember(&mut lock(&self.queues), queue);
    }

    pub(crate) fn remember_edge(&self, edge: &Edge) {
        remember(&mut lock(&self.edges), edge);
    }

    pub(crate) fn forget_edge(&self, edge: &Edge) {
        lock(&self.edges).retain(|known| known != edge);
    }

    /// Declares and binds everything again. Fails only if the connection does.
    pub(crate) async fn restore(&self, session: &Session) -> lapin::Result<()> {
        let queues = lock(&self.queues).clone();
        let edges = lock(&self.edges).clone();
        for queue in queues {
            let channel = session.connection.create_channel().await?;
            told(declare(&channel, &queue).await, &queue.name)?;
        }
        for edge in edges {
            let channel = session.connection.create_channel().await?;
            told(bind(&channel, &edge).await, &edge.target)?;
        }
        Ok(())
    }
}

fn remember<T: Clone + PartialEq>(known: &mut Vec<T>, item: &T) {
    if !known.contains(item) {
        known.push(item.clone());
    }
}

/// A refusal is told and passed over: whoever uses the queue fails with it in its own words.
fn told(outcome: lapin::Result<()>, queue: &str) -> lapin::Result<()> {
    match outcome {
        Err(error) if reason::is_refusal(&error) => {
            warn!("cannot declare `{queue}` again: {}", reason::explain(&error));
            Ok(())
        }
        outcome => outcome,
    }
}

/// The exchange that a queue's rejected messages go through, and the queue they end in.
pub(crate) fn dead_letter_name(queue: &str) -> String {
    format!("dead-{queue}")
}

/// Makes a port's queue exist, as msgflo-nodejs does.
pub(crate) async fn declare(channel: &Channel, queue: &Queue) -> lapin::Result<()> {
    let name = ShortString::from(queue.name.as_str());
    let persistent = queue.persistent;
    if queue.direction == Direction::In {
        let dead = ShortString::from(dead_letter_name(&queue.name));
        let options = QueueDeclareOptions {
            durable: persistent,
            auto_delete: !persistent,
            ..Default::default()
        };
        let mut arguments = FieldTable::default();
        arguments
            .insert("x-dead-letter-exchange".into(), AMQPValue::LongString(dead.as_str().into()));
        if let Some(priority) = queue.max_priority {
            arguments.insert("x-max-priority".into(), AMQPValue::LongInt(priority.into()));
        }
        channel.queue_declare(name.clone(), options, arguments).await?;
        if persistent {
            declare_fanout(channel, dead.clone(), true).await?;
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            channel.queue_declare(dead.clone(), options, FieldTable::default()).await?;
            bind_fanout(channel, dead.clone(), dead).await?;
        }
    }
    declare_fanout(channel, name.clone(), persistent).await?;
    if queue.direction == Direction::In {
        bind_fanout(channel, name.clone(), name).await?;
    }
    Ok(())
}

pub(crate) async fn declare_fanout(
    channel: &Channel,
    name: ShortString,
    persistent: bool,
) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: persistent,
        auto_delete: !persistent,
        ..Default::default()
    };
    channel.exchange_declare(name, ExchangeKind::Fanout, options, FieldTable::default()).await
}

pub(crate) async fn bind(channel: &Channel, edge: &Edge) -> lapin::Result<()> {
    bind_fanout(channel, edge.target.as_str().into(), edge.source.as_str().into()).await
}

pub(crate) async fn unbind(channel: &Channel, edge: &Edge) -> lapin::Result<()> {
    let (queue, exchange) = (edge.target.as_str().into(), edge.source.as_str().into());
    channel.queue_unbind(queue, exchange, "".into(), FieldTable::default()).await
}

pub(crate) async fn bind_fanout(
    channel: &Channel,
    queue: ShortString,
    exchange: ShortString,
) -> lapin::Result<()> {
    bind_with_key(channel, queue, exchange, "".into()).await
}

pub(crate) async fn bind_with_key(
    channel: &Channel,
    queue: ShortString,
    exchange: ShortString,
    key: ShortString,
) -> lapin::Result<()> {
    let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue, exchange, key, options, arguments).await
}

/// Asks for a queue's depth and consumers without declaring it.
pub(crate) async fn inspect(channel: &Channel, queue: ShortString) -> lapin::Result<lapin::Queue> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(queue, options, FieldTable::default()).await
}

/// Where watchers look for announcements: see the module `discovery`.
pub(crate) const DISCOVERY_EXCHANGE: &str = "msgflo.discovery";

/// Makes the queue exist that peers announce themselves on, and the exchange that ours use too.
pub(crate) async fn declare_discovery(channel: &Channel) -> lapin::Result<()> {
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(DISCOVERY_QUEUE.into(), options, FieldTable::default()).await?;
    declare_fanout(channel, DISCOVERY_EXCHANGE.into(), true).await
}
