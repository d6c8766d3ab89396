//! The fields of a participant that are outports.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use metrics::Counter;
use tracing::Instrument;

use crate::headers::RESERVED;
use crate::policy::LONGEST_PAUSE;
use crate::port::not_started;
use crate::processing::Processing;
use crate::requests::{self, Request, Requests};
use crate::statistics::OutportMeter;
use crate::trace::Tracer;
use crate::transport::{Abilities, Direction, Target, Transport};
use crate::{
    Decode, Encode, ErrorKind, Message, Result, blocking, identity, payload, reserved, trace,
};

/// A header may have so many bytes with its name: MQTT counts them in 16 bits.
const LARGEST_HEADER: usize = 64 * 1024 - 1;

/// Where a participant sends.
pub struct Outport<P> {
    link: OnceLock<OutportLink>,
    carries: PhantomData<fn(P)>,
}

pub(crate) struct OutportLink {
    transport: Arc<dyn Transport>,
    abilities: Abilities,
    requests: Arc<Requests>,
    queue: Option<String>,
    /// Its number among the participant's outports.
    index: u16,
    sent: Counter,
    meter: Option<Arc<OutportMeter>>,
    /// Of the identifiers of messages that come of none that has one.
    prefix: u128,
    count: AtomicU64,
    warned: AtomicBool,
}

impl OutportLink {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        requests: Arc<Requests>,
        queue: Option<String>,
        index: u16,
        role: &str,
        id: &str,
        meter: Option<Arc<OutportMeter>>,
    ) -> Self {
        let sent = metrics::counter!("msgflo_messages_sent_total", "role" => role.to_owned(), "port" => id.to_owned());
        Self {
            abilities: transport.abilities(),
            transport,
            requests,
            queue,
            index,
            sent,
            meter,
            prefix: identity::random_prefix(),
            count: AtomicU64::new(1),
            warned: AtomicBool::new(false),
        }
    }

    /// Sends a message as part of what this task is processing.
    async fn send(&self, mut message: Message) -> Result<()> {
        let Some(queue) = &self.queue else { return Ok(()) };
        self.check(queue, &message)?;
        let processing = Processing::current();
        if message.id.is_none() {
            let derived = processing.as_ref().and_then(|it| it.next_id(self.index, queue));
            message.id = Some(derived.unwrap_or_else(|| {
                identity::unique(self.prefix, self.count.fetch_add(1, Ordering::Relaxed))
            }));
        }
        message = message.with_sent_at(SystemTime::now());
        if let Some(processing) = &processing {
            inherit(&mut message, &processing.message, processing.correlation_id());
        }
        let reply_to = processing.as_ref().and_then(|processing| processing.take_reply_to());
        match (trace::tracer(), reply_to) {
            (None, None) => self.transport.publish(Target::Outport(queue), message).await?,
            // What few need is boxed, so that the others' future stays small.
            (tracer, reply_to) => {
                Box::pin(self.send_traced(queue, message, tracer, reply_to)).await?;
            }
        }
        self.sent.increment(1);
        if let Some(meter) = &self.meter {
            meter.sent();
        }
        Ok(())
    }

    /// Sends it in a span of its own, if there is a tracer, and copies it to whoever waits for an answer.
    async fn send_traced(
        &self,
        queue: &str,
        mut message: Message,
        tracer: Option<&dyn Tracer>,
        reply_to: Option<&Arc<str>>,
    ) -> Result<()> {
        let span = tracer.and_then(|tracer| tracer.sends(queue, &mut message));
        let answer = reply_to.map(|inbox| (inbox, message.clone()));
        let publish = self.transport.publish(Target::Outport(queue), message);
        match span {
            None => publish.await?,
            Some(span) => publish.instrument(span).await?,
        }
        if let Some((inbox, message)) = answer {
            requests::answer(&*self.transport, inbox, message).await;
        }
        Ok(())
    }

    /// What the transport cannot do with a message is an error, but for headers, which are dropped.
    fn check(&self, queue: &str, message: &Message) -> Result<()> {
        let Abilities { headers, delay, expiry, priority, .. } = self.abilities;
        let unsupported = |what: &str| {
            let (url, what) = (self.transport.url().into(), what.into());
            Err(ErrorKind::Unsupported { url, what }.into())
        };
        if message.delay().is_some() && !delay {
            return unsupported("hold a message back (`delay`)");
        }
        if message.expires_in().is_some() && !expiry {
            return unsupported("let a message expire (`expires_in`)");
        }
        if message.priority().is_some_and(|priority| priority > 0) && !priority {
            return unsupported("let a message overtake others (`priority`)");
        }
        if !headers && !message.headers().is_empty() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "headers of what is sent on `{queue}` are dropped: {} has none",
                self.transport.url()
            );
        }
        Ok(())
    }
}

/// What all that comes of a message has in common with it.
fn inherit(message: &mut Message, of: &Message, correlation_id: Option<&Arc<str>>) {
    if let (None, Some(id)) = (message.correlation_id(), correlation_id) {
        *message = std::mem::take(message).with_correlation_id(id.clone());
    }
    if of.headers().is_empty() {
        return;
    }
    for name in [reserved::TRACEPARENT, reserved::TRACESTATE, reserved::ANSWER_TO] {
        if let Some(value) = of.headers().get(name)
            && message.headers().get(name).is_none()
        {
            message.headers_mut().insert(name, value);
        }
    }
}

impl<P> Outport<P> {
    pub(crate) fn connect(&mut self, link: OutportLink) {
        self.link = OnceLock::from(link);
    }

    /// The first counts.
    pub(crate) fn connect_shared(&self, link: OutportLink) {
        let _ = self.link.set(link);
    }

    fn link(&self) -> Result<&OutportLink> {
        self.link.get().ok_or_else(|| not_started("outport").into())
    }
}

impl<P: Encode> Outport<P> {
    /// Sends a value; returns when the broker has taken responsibility for it. While the
    /// connection is lost, or a queue that it goes to is full, it waits.
    ///
    /// Awaited one after the other, messages arrive in that order. To send many, run several
    /// at once (`futures::future::try_join_all`): they are pipelined.
    ///
    /// While a message is processed, what is sent inherits its correlation id and its trace, and gets an
    /// identifier that is the same when that message is processed again.
    ///
    /// # Errors
    /// If the value cannot be written in the port's format, the broker will never take the message,
    /// or the participant was not started.
    pub async fn send(&self, value: P) -> Result<()> {
        let link = self.link()?;
        link.send(payload::encode(value)?).await
    }

    /// Sends a value from a method that blocks (`#[inport(…, blocking)]`), as [`send`](Self::send) does.
    ///
    /// # Errors
    /// As [`send`](Self::send), and in an async method, where it would hold the runtime up.
    pub fn send_blocking(&self, value: P) -> Result<()> {
        self.message(value).send_blocking()
    }

    /// A value with more than its payload: headers, an identifier, a delay, …
    ///
    /// ```
    /// # use msgflo_core::{Json, Outport, Result};
    /// # async fn example(out: Outport<Json<u32>>) -> Result<()> {
    /// out.message(Json(640)).header("tenant", "a").id("order-17").send().await
    /// # }
    /// ```
    pub fn message(&self, value: P) -> OutMessage<'_> {
        OutMessage { link: self.link(), message: payload::encode(value) }
    }

    /// Sends a value, and waits for what comes back of it to an inport with `replies`: see
    /// [`Network::request`](crate::Network::request).
    pub fn request<A: Decode>(&self, value: P) -> Request<A> {
        let link = self.link().and_then(|link| match &link.queue {
            Some(queue) => Ok((link, queue)),
            None => {
                Err(crate::Error::invalid("a hidden outport has no queue to send a request on"))
            }
        });
        let message = payload::encode(value);
        match link.and_then(|(link, queue)| Ok((link, queue, message?))) {
            Ok((link, queue, message)) => {
                link.requests.request(&link.transport, Direction::Out, queue, message)
            }
            Err(error) => Request::failed(error),
        }
    }
}

/// A message that is about to be sent on an outport.
#[must_use = "nothing is sent before `send` is awaited"]
pub struct OutMessage<'a> {
    link: Result<&'a OutportLink>,
    message: Result<Message>,
}

impl OutMessage<'_> {
    fn with(mut self, change: impl FnOnce(Message) -> Message) -> Self {
        self.message = self.message.map(change);
        self
    }

    /// Sets a header. MQTT 3.1.1 drops it, with one warning, unless the outport says
    /// `headers = required`: then the participant does not start there.
    ///
    /// # Errors
    /// [`send`](Self::send) fails if the name is empty or begins with `msgflo-`, or the header is larger
    /// than 64 KB.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if name.is_empty() || name.starts_with(RESERVED) {
            self.message = self.message.and(Err(crate::Error::invalid(format!(
                "a header cannot be called `{name}`: give it a name that does not begin with `{RESERVED}`"
            ))));
            return self;
        }
        if name.len() + value.len() > LARGEST_HEADER {
            self.message = self.message.and(Err(crate::Error::invalid(format!(
                "the header `{}…` has {} bytes with its name, and {LARGEST_HEADER} are the most: put it into the payload",
                name.chars().take(40).collect::<String>(),
                name.len() + value.len()
            ))));
            return self;
        }
        self.with(|message| message.with_header(name, value))
    }

    /// Sets the identifier, in place of the one that is made for it.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with(|message| message.with_id(id.into()))
    }

    /// Sets the correlation id, in place of the one that it inherits.
    pub fn correlation_id(self, id: impl Into<String>) -> Self {
        self.with(|message| message.with_correlation_id(id.into()))
    }

    /// Names the payload's format, in place of what its type says.
    pub fn content_type(self, content_type: impl Into<String>) -> Self {
        self.with(|message| message.with_content_type(content_type.into()))
    }

    /// Has it arrive so much later. Up to 24 days.
    ///
    /// # Errors
    /// [`send`](Self::send) fails where the broker cannot hold it back: on MQTT.
    pub fn delay(self, delay: Duration) -> Self {
        if delay.is_zero() {
            return self;
        }
        self.with(|message| message.with_delay(delay.min(LONGEST_PAUSE)))
    }

    /// Has it not be processed later than that. What expires becomes a dead letter on RabbitMQ, ZeroMQ
    /// and memory, and is dropped by MQTT brokers.
    ///
    /// # Errors
    /// [`send`](Self::send) fails where the broker cannot let it expire: on MQTT 3.1.1.
    pub fn expires_in(self, expires_in: Duration) -> Self {
        self.with(|message| message.with_expiry(expires_in.min(LONGEST_PAUSE)))
    }

    /// Has it overtake those of a lower priority in queues with a `max_priority`. Others have 0.
    ///
    /// # Errors
    /// [`send`](Self::send) fails where the broker has no priorities: on MQTT.
    pub fn priority(self, priority: u8) -> Self {
        self.with(|message| message.with_priority(priority))
    }

    /// Sends it: see [`Outport::send`].
    ///
    /// # Errors
    /// As [`Outport::send`], and if the broker cannot do what is asked for.
    pub async fn send(self) -> Result<()> {
        let link = self.link?;
        link.send(self.message?).await
    }

    /// Sends it from a method that blocks: see [`Outport::send_blocking`].
    ///
    /// # Errors
    /// As [`Outport::send_blocking`].
    pub fn send_blocking(self) -> Result<()> {
        if !blocking::is_own_thread() {
            return Err(crate::Error::invalid(
                "`send_blocking` is for methods that block (`#[inport(…, blocking)]`); elsewhere, write `.send(…).await`",
            ));
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(crate::Error::new)?;
        runtime.block_on(self.send())
    }
}

impl<P> Default for Outport<P> {
    fn default() -> Self {
        Self { link: OnceLock::new(), carries: PhantomData }
    }
}

impl<P> fmt::Debug for Outport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.link.get().map(|link| link.queue.as_deref().unwrap_or("hidden"));
        f.debug_tuple("Outport").field(&queue.unwrap_or("not connected")).finish()
    }
}
