//! What travels: bytes, and what is known about them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

/// A message as a transport carries it.
///
/// ```
/// use msgflo_core::Message;
///
/// let message = Message::new("{}").with_content_type("application/json");
/// assert_eq!(message.payload, "{}");
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
}

impl Message {
    /// A message with neither content type nor identifier.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), content_type: None, id: None }
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
}
