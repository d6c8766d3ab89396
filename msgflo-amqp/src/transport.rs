//! The contract with the network, by way of the modules beside this one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use msgflo_core::transport::{
    Abilities, Announcements, Connection, Copies, Deliveries, Direction, Edge, Queue,
    QueueStatistics, Target, Transport,
};
use msgflo_core::{Definition, Message, Result};
use tokio::sync::watch;

use crate::connection::{Link, on_session};
use crate::topology::{self, dead_letter_name};
use crate::{consumer, discovery, management, publisher, reason, tap};

pub(crate) struct Amqp {
    link: Arc<Link>,
}

impl Amqp {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

/// Runs an operation on a channel of its own: a refusal closes it.
macro_rules! on_channel {
    ($self:ident, $queue:expr, |$channel:ident| $operation:expr) => {
        on_session!($self.link, $queue, |session| async {
            let $channel = session.connection.create_channel().await?;
            let result = $operation.await?;
            $channel.close(200, "done".into()).await?;
            Ok(result)
        })
    };
}

#[async_trait]
impl Transport for Amqp {
    fn url(&self) -> &str {
        &self.link.address.shown
    }

    fn abilities(&self) -> Abilities {
        let mut abilities = Abilities::ALL;
        abilities.counts_deliveries = false;
        abilities
    }

    async fn declare(&self, queue: &Queue) -> Result<()> {
        reason::short(&dead_letter_name(&queue.name))?;
        on_channel!(self, &queue.name, |channel| topology::declare(&channel, queue));
        self.link.topology.remember_queue(queue);
        Ok(())
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Deliveries> {
        consumer::consume(self.link.clone(), queue, prefetch).await
    }

    async fn publish(&self, target: Target<'_>, message: Message) -> Result<()> {
        publisher::publish(&self.link, target, message).await
    }

    async fn bind(&self, edge: &Edge) -> Result<()> {
        reason::short(&edge.source)?;
        reason::short(&edge.target)?;
        on_channel!(self, &edge.target, |channel| topology::bind(&channel, edge));
        self.link.topology.remember_edge(edge);
        Ok(())
    }

    async fn unbind(&self, edge: &Edge) -> Result<()> {
        reason::short(&edge.source)?;
        reason::short(&edge.target)?;
        self.link.topology.forget_edge(edge);
        on_channel!(self, &edge.target, |channel| topology::unbind(&channel, edge));
        Ok(())
    }

    async fn announce(&self, definition: &Definition, expiry: Duration) -> Result<()> {
        discovery::announce(&self.link, definition, expiry).await
    }

    async fn watch(&self) -> Result<Announcements> {
        discovery::watch(self.link.clone()).await
    }

    async fn statistics(&self, queue: &str) -> Result<QueueStatistics> {
        let name = reason::short(queue)?;
        let found = on_channel!(self, queue, |channel| topology::inspect(&channel, name.clone()));
        let mut statistics = QueueStatistics {
            waiting: found.message_count().into(),
            consumers: found.consumer_count().into(),
            ..QueueStatistics::default()
        };
        if let Some(counted) = management::counted(&self.link.address, queue).await {
            counted.add_to(&mut statistics);
        }
        Ok(statistics)
    }

    async fn edges(&self) -> Result<Vec<Edge>> {
        let bindings = management::bindings(&self.link.address, "tell which edges there are");
        Ok(management::edges(&bindings.await?))
    }

    async fn tap(&self, queue: &str, direction: Direction) -> Result<Copies> {
        tap::tap(self.link.clone(), queue, direction).await
    }

    fn connection(&self) -> watch::Receiver<Connection> {
        self.link.connection()
    }

    fn dead_letter_queue(&self, queue: &str) -> String {
        dead_letter_name(queue)
    }

    async fn close(&self) -> Result<()> {
        self.link.close().await
    }
}
