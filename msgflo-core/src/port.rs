//! The fields of a participant that are ports.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use metrics::Counter;
use uuid::Uuid;

use crate::statistics::OutportMeter;
use crate::transport::{Target, Transport};
use crate::{Encode, ErrorKind, Message, Result, payload};

/// Where a participant receives. `#[inport(process = method)]` names the method that each
/// message is handed to.
pub struct Inport<P> {
    link: Option<InportLink<P>>,
    carries: PhantomData<fn(P)>,
}

struct InportLink<P> {
    id: String,
    hidden: bool,
    feed: Feed<P>,
}

type Feed<P> = Box<dyn Fn(P) -> BoxFuture<'static, Result<()>> + Send + Sync>;

impl<P> Inport<P> {
    pub(crate) fn connect(
        &mut self,
        id: &str,
        hidden: bool,
        feed: impl Fn(P) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static,
    ) {
        self.link = Some(InportLink { id: id.into(), hidden, feed: Box::new(feed) });
    }

    /// Hands a value to a `hidden` inport: this is how a source, such as an HTTP server or a
    /// timer, feeds itself. Returns what the inport's method returned.
    ///
    /// # Errors
    /// Those of the method; and if the port is not hidden (it has a queue, through which
    /// workers share what is sent to it) or its participant was not started.
    pub async fn send(&self, value: P) -> Result<()> {
        match &self.link {
            None => Err(not_started("inport").into()),
            Some(link) if !link.hidden => Err(crate::Error::invalid(format!(
                "inport `{0}` has a queue: send to that, or make `{0}` hidden",
                link.id
            ))),
            Some(link) => (link.feed)(value).await,
        }
    }
}

impl<P> Default for Inport<P> {
    fn default() -> Self {
        Self { link: None, carries: PhantomData }
    }
}

impl<P> fmt::Debug for Inport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.link.as_ref().map(|link| link.id.as_str());
        f.debug_tuple("Inport").field(&id.unwrap_or("not connected")).finish()
    }
}

/// Where a participant sends.
pub struct Outport<P> {
    link: Option<OutportLink>,
    carries: PhantomData<fn(P)>,
}

pub(crate) struct OutportLink {
    transport: Arc<dyn Transport>,
    queue: Option<String>,
    id: String,
    sent: Counter,
    meter: Option<Arc<OutportMeter>>,
    /// Message ids are a random prefix for each started port, and a number. Short, since the
    /// broker stores them: with 50 bytes more, RabbitMQ was measured 8% slower.
    prefix: u128,
    count: AtomicU64,
}

impl OutportLink {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        queue: Option<String>,
        role: &str,
        id: &str,
        meter: Option<Arc<OutportMeter>>,
    ) -> Self {
        let sent = metrics::counter!("msgflo_messages_sent_total", "role" => role.to_owned(), "port" => id.to_owned());
        Self {
            transport,
            queue,
            id: id.into(),
            sent,
            meter,
            prefix: Uuid::new_v4().as_u128() >> 80,
            count: AtomicU64::new(1),
        }
    }
}

impl<P> Outport<P> {
    pub(crate) fn connect(&mut self, link: OutportLink) {
        self.link = Some(link);
    }
}

impl<P: Encode> Outport<P> {
    /// Sends a value; returns when the broker has taken responsibility for it. While the
    /// connection is lost, it waits.
    ///
    /// Awaited one after the other, messages arrive in that order. To send many, run several
    /// at once (`futures::future::try_join_all`): they are pipelined.
    ///
    /// # Errors
    /// If the value cannot be written in the port's format, the broker refuses the message, or
    /// the participant was not started.
    pub async fn send(&self, value: P) -> Result<()> {
        let Some(link) = &self.link else { return Err(not_started("outport").into()) };
        let mut message: Message = payload::encode(value)?;
        let Some(queue) = &link.queue else { return Ok(()) };
        let number = link.count.fetch_add(1, Ordering::Relaxed);
        message.id = Some(format!("{:x}-{number:x}", link.prefix).into());
        link.transport.publish(Target::Outport(queue), message).await?;
        link.sent.increment(1);
        if let Some(meter) = &link.meter {
            meter.sent();
        }
        Ok(())
    }
}

impl<P> Default for Outport<P> {
    fn default() -> Self {
        Self { link: None, carries: PhantomData }
    }
}

impl<P> fmt::Debug for Outport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.link.as_ref().map(|link| link.id.as_str());
        f.debug_tuple("Outport").field(&id.unwrap_or("not connected")).finish()
    }
}

fn not_started(what: &str) -> ErrorKind {
    ErrorKind::Closed(format!(
        "this {what} is not connected: its participant must be started first, with `msgflo::run` or `network.start`"
    ))
}
