use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use super::{Decode, Encode, Payload};
use crate::{Message, Result};

/// A payload of any format: JSON if it parses, else bytes. It is what a participant in a
/// dynamic language sees.
///
/// The bytes are kept as they came, with their content type, so what is passed on is the same
/// byte for byte; they are parsed when [`Any::value`] asks.
///
/// ```
/// use msgflo_core::{Any, AnyValue};
///
/// let any = Any::from(serde_json::json!({ "width": 640 }));
/// assert!(matches!(any.value(), AnyValue::Json(value) if value["width"] == 640));
/// assert!(matches!(Any::from(vec![0xFF]).value(), AnyValue::Bytes(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Any {
    bytes: Bytes,
    content_type: Option<Cow<'static, str>>,
}

/// What an [`Any`] turns out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyValue {
    /// It parses as JSON.
    Json(Value),
    /// It does not.
    Bytes(Bytes),
}

impl Any {
    /// JSON if it parses, else bytes.
    pub fn value(&self) -> AnyValue {
        match self.json() {
            Some(value) => AnyValue::Json(value),
            None => AnyValue::Bytes(self.bytes.clone()),
        }
    }

    /// The JSON value, if it parses.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the sender says it is.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }
}

impl From<Value> for Any {
    fn from(value: Value) -> Self {
        Self {
            bytes: value.to_string().into(),
            content_type: Some(Cow::Borrowed("application/json")),
        }
    }
}

impl From<Bytes> for Any {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, content_type: None }
    }
}

impl From<Vec<u8>> for Any {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Payload for Any {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn port_type() -> &'static str {
        "any"
    }

    fn accepts(_: &str) -> bool {
        true
    }
}

impl Decode for Any {
    fn decode(message: Message) -> Result<Self> {
        Ok(Self { bytes: message.payload, content_type: message.content_type })
    }
}

impl Encode for Any {
    fn encode(self) -> Result<Bytes> {
        Ok(self.bytes)
    }

    fn content_type(&self) -> Option<Cow<'static, str>> {
        self.content_type.clone()
    }
}
