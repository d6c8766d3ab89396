use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{Decode, Encode, Payload, essence, is_unspecific};
use crate::{ErrorKind, Message, Result};

/// A value as XML, by `quick-xml`'s serde mapping: `@name` is an attribute, `$text` the text.
/// Needs the feature `xml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Xml<T>(pub T);

impl<T: Send + 'static> Payload for Xml<T> {
    const CONTENT_TYPE: &'static str = "application/xml";

    fn port_type() -> &'static str {
        "string"
    }

    fn accepts(content_type: &str) -> bool {
        let essence = essence(content_type).to_ascii_lowercase();
        is_unspecific(&essence)
            || matches!(essence.as_str(), "application/xml" | "text/xml")
            || essence.ends_with("+xml")
    }
}

impl<T: DeserializeOwned + Send + 'static> Decode for Xml<T> {
    fn decode(message: Message) -> Result<Self> {
        quick_xml::de::from_reader(&message.payload[..])
            .map(Xml)
            .map_err(|error| ErrorKind::Decode { format: "XML", reason: error.to_string() }.into())
    }
}

impl<T: Serialize + Send + 'static> Encode for Xml<T> {
    fn encode(self) -> Result<Bytes> {
        quick_xml::se::to_string(&self.0)
            .map(Bytes::from)
            .map_err(|error| ErrorKind::Encode { format: "XML", reason: error.to_string() }.into())
    }
}
