//! Text and bytes, as they are.

use bytes::Bytes;

use super::{Decode, Encode, Json, Payload, essence};
use crate::{ErrorKind, Message, Result};

impl Payload for String {
    const CONTENT_TYPE: &'static str = "text/plain; charset=utf-8";

    fn port_type() -> &'static str {
        "string"
    }

    /// Whatever it is called: it is text if it is UTF-8.
    fn accepts(_: &str) -> bool {
        true
    }
}

impl Decode for String {
    /// The text as it is; a JSON string that says it is one, as an IIP is, without its quotes.
    fn decode(message: Message) -> Result<Self> {
        let json = message.content_type.as_deref().map(essence) == Some("application/json");
        if json && message.payload.starts_with(b"\"") {
            return Json::decode(message).map(|Json(text)| text);
        }
        String::from_utf8(message.payload.into()).map_err(|error| {
            ErrorKind::Decode { format: "UTF-8 text", reason: error.utf8_error().to_string() }
                .into()
        })
    }
}

impl Encode for String {
    fn encode(self) -> Result<Bytes> {
        Ok(self.into())
    }
}

impl Payload for Bytes {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn port_type() -> &'static str {
        "buffer"
    }

    fn accepts(_: &str) -> bool {
        true
    }
}

impl Decode for Bytes {
    fn decode(message: Message) -> Result<Self> {
        Ok(message.payload)
    }
}

impl Encode for Bytes {
    fn encode(self) -> Result<Bytes> {
        Ok(self)
    }
}
