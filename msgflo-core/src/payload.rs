//! Payloads: how a Rust value becomes a message's bytes and back.

mod any;
mod json;
#[cfg(feature = "protobuf")]
mod protobuf;
mod raw;
mod schema;
#[cfg(feature = "xml")]
mod xml;

use std::borrow::Cow;

use bytes::Bytes;

pub use any::{Any, AnyValue};
pub use json::Json;
#[cfg(feature = "protobuf")]
pub use protobuf::Protobuf;
pub use schema::Describe;
#[cfg(feature = "xml")]
pub use xml::Xml;

use crate::{Message, Result};

/// A type that ports can carry.
///
/// A format of your own is three short impls: what it is called, how it is read, how it is
/// written. A type that only ever arrives needs no [`Encode`], one that only leaves no [`Decode`].
///
/// ```
/// use msgflo_core::{Decode, Encode, Message, Payload, Result, bytes::Bytes};
///
/// /// `21.5 C`
/// struct Celsius(f64);
///
/// impl Payload for Celsius {
///     const CONTENT_TYPE: &'static str = "text/plain";
///     fn port_type() -> &'static str {
///         "number"
///     }
/// }
/// impl Decode for Celsius {
///     fn decode(message: Message) -> Result<Self> {
///         let text = std::str::from_utf8(&message.payload)?;
///         Ok(Celsius(text.trim_end_matches(" C").parse()?))
///     }
/// }
/// impl Encode for Celsius {
///     fn encode(self) -> Result<Bytes> {
///         Ok(format!("{} C", self.0).into())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a payload that a port can carry",
    note = "wrap it in a format, such as `Json<{Self}>`, or implement `Payload`, `Decode` and `Encode` for it"
)]
pub trait Payload: Sized + Send + 'static {
    /// What a message says it is when it leaves, as a media type.
    const CONTENT_TYPE: &'static str;

    /// The port type that is announced: `any`, `boolean`, `number`, `int`, `string`, `object`,
    /// `array` or `buffer`.
    fn port_type() -> &'static str;

    /// What a value of this type is called in the format, where the format has names for its types:
    /// announced, so that documents can tell.
    fn message_type() -> Option<&'static str> {
        None
    }

    /// Whether a message that says it is of this content type may be tried. By default the
    /// type's own, and those that say nothing (`application/octet-stream`, `text/plain`).
    fn accepts(content_type: &str) -> bool {
        let essence = essence(content_type);
        essence.eq_ignore_ascii_case(self::essence(Self::CONTENT_TYPE)) || is_unspecific(essence)
    }
}

/// A payload that can be received.
#[diagnostic::on_unimplemented(
    message = "an `Inport` cannot read `{Self}`",
    note = "`Json<T>` and `Xml<T>` need `T: serde::de::DeserializeOwned`, `Protobuf<T>` needs `T: prost::Message + Default`"
)]
pub trait Decode: Payload {
    /// Reads the value. An error rejects the message; the participant lives on.
    fn decode(message: Message) -> Result<Self>;
}

/// A payload that can be sent.
#[diagnostic::on_unimplemented(
    message = "an `Outport` cannot write `{Self}`",
    note = "`Json<T>` and `Xml<T>` need `T: serde::Serialize`, `Protobuf<T>` needs `T: prost::Message + Default`"
)]
pub trait Encode: Payload {
    /// Writes the value. An error is what `send` returns; nothing is sent.
    fn encode(self) -> Result<Bytes>;

    /// The content type of this very value, where it is not the same for all of the type.
    fn content_type(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(Self::CONTENT_TYPE))
    }
}

/// `text/html; charset=utf-8` without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a content type tells more than a port's type does, with JSON as what is usual.
pub(crate) fn is_worth_telling(content_type: &str) -> bool {
    let essence = essence(content_type);
    !is_unspecific(essence) && !essence.eq_ignore_ascii_case("application/json")
}

fn is_unspecific(essence: &str) -> bool {
    essence.is_empty()
        || essence.eq_ignore_ascii_case("application/octet-stream")
        || essence.eq_ignore_ascii_case("text/plain")
}

/// Reads a message, after asking the type whether it takes what the sender says it is.
pub(crate) fn decode<P: Decode>(message: Message) -> Result<P> {
    if let Some(content_type) = &message.content_type
        && !P::accepts(content_type)
    {
        return Err(crate::Error::message(format!(
            "the sender calls it `{content_type}`, but the port takes `{}`",
            P::CONTENT_TYPE
        )));
    }
    P::decode(message)
}

/// Writes a value together with its content type.
pub(crate) fn encode<P: Encode>(value: P) -> Result<Message> {
    let content_type = value.content_type();
    let mut message = Message::new(value.encode()?);
    message.content_type = content_type;
    Ok(message)
}

#[cfg(test)]
mod tests;
