//! The contract with the network, by way of the modules beside this one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use msgflo_core::discovery::DISCOVERY_QUEUE;
use msgflo_core::transport::{
    Abilities, Announcements, Connection, Copies, Deliveries, Direction, Edge, Queue,
    QueueStatistics, Target, Transport,
};
use msgflo_core::{Definition, ErrorKind, Message, Result};
use tokio::sync::watch;
use tracing::warn;

use crate::address::Version;
use crate::consumer::{self, dead_letter_queue};
use crate::link::Link;
use crate::session::lock;
use crate::topic::{self, Record};
use crate::{router, seat, tap};

pub(crate) struct Mqtt {
    link: Arc<Link>,
}

impl Mqtt {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        if link.address.routes_all {
            link.router.want_everything();
        }
        link.spawn(router::run(link.clone()));
        Self { link }
    }

    /// The link, if it is open and the queue's name can be a topic.
    fn link(&self, queue: &str) -> Result<&Arc<Link>> {
        if self.link.is_closing() {
            return Err(self.link.closed_error());
        }
        topic::check(queue).map_err(|reason| self.link.queue_error(queue, reason))?;
        Ok(&self.link)
    }
}

impl Drop for Mqtt {
    /// Its tasks do not go on for nobody.
    fn drop(&mut self) {
        self.link.start_closing();
    }
}

#[async_trait]
impl Transport for Mqtt {
    fn url(&self) -> &str {
        &self.link.address.shown
    }

    fn abilities(&self) -> Abilities {
        let mut abilities = Abilities::NONE;
        let is_5 = self.link.address.version == Version::V5;
        abilities.headers = is_5;
        abilities.expiry = is_5;
        abilities.counts_deliveries = true;
        abilities
    }

    async fn declare(&self, queue: &Queue) -> Result<()> {
        let link = self.link(&queue.name)?;
        if queue.direction == Direction::Out {
            return Ok(());
        }
        if !queue.persistent {
            lock(&link.passing).insert(queue.name.clone());
            return Ok(());
        }
        declare(link, &queue.name).await?;
        lock(&link.queues).insert(queue.name.clone());
        Ok(())
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Deliveries> {
        let link = self.link(queue)?;
        let deliveries = consumer::consume(link, queue, prefetch).await?;
        link.router.want_target(queue);
        Ok(deliveries)
    }

    async fn publish(&self, target: Target<'_>, message: Message) -> Result<()> {
        let (Target::Outport(topic) | Target::Inport(topic)) = target;
        self.link(topic)?.publish(topic, message).await
    }

    async fn bind(&self, edge: &Edge) -> Result<()> {
        self.link(&edge.source)?;
        let link = self.link(&edge.target)?;
        router::bind(link, edge).await?;
        lock(&link.edges).insert(edge.clone());
        Ok(())
    }

    async fn unbind(&self, edge: &Edge) -> Result<()> {
        self.link(&edge.source)?;
        let link = self.link(&edge.target)?;
        lock(&link.edges).remove(edge);
        router::unbind(link, edge).await
    }

    async fn announce(&self, definition: &Definition, _expiry: Duration) -> Result<()> {
        let message = Message::new(definition.to_discovery_message().to_string());
        self.link(DISCOVERY_QUEUE)?.publish(DISCOVERY_QUEUE, message).await
    }

    async fn watch(&self) -> Result<Announcements> {
        let mut announced = self.link(DISCOVERY_QUEUE)?.watch().await?;
        Ok(Announcements::new(stream::poll_fn(move |cx| {
            announced.poll_recv(cx).map(|definition| definition.map(Ok))
        })))
    }

    async fn statistics(&self, queue: &str) -> Result<QueueStatistics> {
        let link = self.link(queue)?;
        let what = format!("tell what waits in `{queue}`: MQTT brokers do not");
        Err(ErrorKind::Unsupported { url: link.address.shown.clone(), what }.into())
    }

    async fn edges(&self) -> Result<Vec<Edge>> {
        if self.link.is_closing() {
            return Err(self.link.closed_error());
        }
        self.link.sync().await?;
        Ok(self.link.records.borrow().bound())
    }

    /// What goes through an edge is sent to the inport's topic, too.
    async fn tap(&self, queue: &str, _direction: Direction) -> Result<Copies> {
        tap::tap(self.link(queue)?.clone(), queue).await
    }

    fn connection(&self) -> watch::Receiver<Connection> {
        self.link.connection()
    }

    fn dead_letter_queue(&self, queue: &str) -> String {
        dead_letter_queue(queue)
    }

    fn statistics_queue(&self) -> &'static str {
        topic::STATISTICS
    }

    async fn close(&self) -> Result<()> {
        self.link.close().await;
        Ok(())
    }
}

/// Makes the broker keep the queue's messages and dead letters.
async fn declare(link: &Link, queue: &str) -> Result<()> {
    link.sync().await?;
    if let Some(session) = &link.address.session {
        let reserved = Record::reserved_seat(queue, session);
        if !link.records.borrow().has(&reserved) {
            seat::place(link, &reserved).await?;
        }
    }
    for name in [queue.to_owned(), dead_letter_queue(queue)] {
        if !link.records.borrow().has_queue(&name) {
            seat::place(link, &Record::first_seat(&name)).await?;
        }
    }
    Ok(())
}

/// Makes the link's own queues and edges again, if the broker keeps no state and has forgotten
/// them.
pub(crate) async fn restore(link: &Link) {
    let queues = lock(&link.queues).clone();
    let edges = lock(&link.edges).clone();
    for queue in queues {
        if let Err(error) = declare(link, &queue).await {
            return warn!("cannot declare `{queue}` again: {error}");
        }
    }
    for edge in edges {
        if let Err(error) = router::bind(link, &edge).await {
            return warn!("cannot bind `{}` to `{}` again: {error}", edge.source, edge.target);
        }
    }
}
