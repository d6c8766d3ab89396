//! What travels: bytes, and what is known about them.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::headers::{Headers, NO_HEADERS};

/// A message as a transport carries it.
///
/// ```
/// use msgflo_core::Message;
///
/// let message = Message::new("{}").with_content_type("application/json").with_header("tenant", "a");
/// assert_eq!(message.payload, "{}");
/// assert_eq!(message.headers().get("tenant"), Some("a"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The payload, byte for byte.
    pub payload: Bytes,
    /// The format of the payload, where sender and transport name it.
    pub content_type: Option<Cow<'static, str>>,
    /// The sender's identifier: the same again when the sender had to publish it twice, so a
    /// receiver can tell a repetition from a new message. Peers need not set it.
    pub id: Option<Arc<str>>,
    /// Milliseconds since 1970.
    sent_at: Option<NonZeroU64>,
    /// What few messages have: the others pay nothing for it.
    rare: Option<Arc<Rare>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    headers: Headers,
    correlation_id: Option<Arc<str>>,
    reply_to: Option<Arc<str>>,
    delay: Option<Duration>,
    expires_in: Option<Duration>,
    priority: Option<u8>,
    foreign: Foreign,
}

/// What a transport keeps of a message that has no place in [`Message`], so that it is still there
/// when the message is sent again: dead letters, repetitions and replays go through it.
#[derive(Clone, Default)]
struct Foreign(Option<Arc<dyn Any + Send + Sync>>);

/// It is not the message's content.
impl PartialEq for Foreign {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Foreign {}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "kept" } else { "none" })
    }
}

impl Message {
    /// A message of a payload and nothing else.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// Names the payload's format.
    pub fn with_content_type(mut self, content_type: impl Into<Cow<'static, str>>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Sets the identifier by which a receiver tells a repetition from a new message.
    pub fn with_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets what it has in common with all that comes of the same message.
    pub fn with_correlation_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.rare_mut().correlation_id = Some(id.into());
        self
    }

    /// Sets when it was sent. What is less than a millisecond is cut off.
    pub fn with_sent_at(mut self, at: SystemTime) -> Self {
        let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.sent_at = u64::try_from(since_1970.as_millis()).ok().and_then(NonZeroU64::new);
        self
    }

    /// Sets a header.
    pub fn with_header(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.headers_mut().insert(name, value);
        self
    }

    /// Sets the inport's queue in which an answer is expected.
    pub fn with_reply_to(mut self, queue: impl Into<Arc<str>>) -> Self {
        self.rare_mut().reply_to = Some(queue.into());
        self
    }

    /// Has it arrive so much later: see [`Abilities::delay`](crate::transport::Abilities::delay).
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.rare_mut().delay = Some(delay);
        self
    }

    /// Has it be of no use after so long: see [`Abilities::expiry`](crate::transport::Abilities::expiry).
    pub fn with_expiry(mut self, expires_in: Duration) -> Self {
        self.rare_mut().expires_in = Some(expires_in);
        self
    }

    /// Has it be processed before those of a lower priority: see
    /// [`Abilities::priority`](crate::transport::Abilities::priority). 0 is what others have.
    pub fn with_priority(mut self, priority: u8) -> Self {
        self.rare_mut().priority = Some(priority);
        self
    }

    /// For transports: keeps what has no other place, for when the message is sent again.
    pub fn with_foreign(mut self, foreign: Arc<dyn Any + Send + Sync>) -> Self {
        self.rare_mut().foreign = Foreign(Some(foreign));
        self
    }

    /// What all messages have in common that came of one.
    pub fn correlation_id(&self) -> Option<&Arc<str>> {
        self.rare.as_ref()?.correlation_id.as_ref()
    }

    /// When it was sent, where sender and transport tell. RabbitMQ knows whole seconds.
    pub fn sent_at(&self) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_millis(self.sent_at?.get()))
    }

    /// Its headers.
    pub fn headers(&self) -> &Headers {
        self.rare.as_ref().map_or(&NO_HEADERS, |rare| &rare.headers)
    }

    /// Its headers, to be changed.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.rare_mut().headers
    }

    /// The inport's queue in which an answer is expected.
    pub fn reply_to(&self) -> Option<&Arc<str>> {
        self.rare.as_ref()?.reply_to.as_ref()
    }

    /// How much later it is to arrive.
    pub fn delay(&self) -> Option<Duration> {
        self.rare.as_ref()?.delay
    }

    /// Takes the delay away: it has waited.
    pub fn take_delay(&mut self) -> Option<Duration> {
        self.delay()?;
        self.rare_mut().delay.take()
    }

    /// After how long it is of no use.
    pub fn expires_in(&self) -> Option<Duration> {
        self.rare.as_ref()?.expires_in
    }

    /// Takes the time to live away, as of a dead letter, which is kept.
    pub fn take_expiry(&mut self) -> Option<Duration> {
        self.expires_in()?;
        self.rare_mut().expires_in.take()
    }

    /// How urgent it is.
    pub fn priority(&self) -> Option<u8> {
        self.rare.as_ref()?.priority
    }

    /// What a transport kept with [`with_foreign`](Self::with_foreign), if it is of that type.
    pub fn foreign<T: Any>(&self) -> Option<&T> {
        self.rare.as_ref()?.foreign.0.as_ref()?.downcast_ref()
    }

    fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }
}
