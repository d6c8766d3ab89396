//! What participants tell of themselves: the discovery message.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The queue or topic on which peers announce themselves.
pub const DISCOVERY_QUEUE: &str = "fbp";

/// A participant as it is announced: the payload of a discovery message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Unique to one running instance.
    pub id: String,
    /// The name of the node in the network, shared by all its workers.
    pub role: String,
    /// The kind of participant.
    pub component: String,
    /// What it does, in a few words.
    #[serde(default)]
    pub label: String,
    /// A Font Awesome icon's name.
    #[serde(default)]
    pub icon: String,
    /// Where it receives.
    #[serde(default)]
    pub inports: Vec<PortDefinition>,
    /// Where it sends.
    #[serde(default)]
    pub outports: Vec<PortDefinition>,
    /// What others announce beyond that.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A port as it is announced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortDefinition {
    /// Its name.
    pub id: String,
    /// What it carries: `any`, `boolean`, `number`, `int`, `string`, `object`, `array`, `buffer`.
    #[serde(rename = "type", default)]
    pub port_type: String,
    /// Its address on the broker. A hidden port has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON schema of what it carries, or the URL of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What others announce beyond that.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Envelope<P> {
    protocol: String,
    command: String,
    payload: P,
}

impl Definition {
    /// The discovery message, as it goes to [`DISCOVERY_QUEUE`].
    pub fn to_discovery_message(&self) -> Value {
        serde_json::json!({ "protocol": "discovery", "command": "participant", "payload": self })
    }

    /// Reads a discovery message.
    ///
    /// # Errors
    /// If it is not JSON, not a discovery message, or says neither id nor role nor component.
    pub fn from_discovery_message(bytes: &[u8]) -> Result<Self> {
        let invalid = |error: serde_json::Error| {
            Error::invalid(format!("not a discovery message of a participant: {error}"))
        };
        let envelope: Envelope<Value> = serde_json::from_slice(bytes).map_err(invalid)?;
        if envelope.protocol != "discovery" || envelope.command != "participant" {
            return Err(Error::invalid(format!(
                "not a discovery message of a participant: protocol `{}`, command `{}`",
                envelope.protocol, envelope.command
            )));
        }
        serde_json::from_value(envelope.payload).map_err(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_keys_are_kept() {
        let message = json!({ "protocol": "discovery", "command": "participant", "payload": {
            "id": "a-1", "role": "a", "component": "A", "label": "", "icon": "clock-o", "type": "fbp",
            "inports": [{ "id": "in", "type": "any", "queue": "a.IN", "hidden": false }],
            "outports": [],
        }});
        let bytes = message.to_string();
        let definition = Definition::from_discovery_message(bytes.as_bytes()).unwrap();
        assert_eq!(definition.other["type"], "fbp");
        assert_eq!(definition.to_discovery_message(), message);
    }

    #[test]
    fn other_messages_are_refused_with_the_reason() {
        let refused =
            |bytes: &[u8]| Definition::from_discovery_message(bytes).unwrap_err().to_string();
        assert!(refused(b"hello").contains("expected value"));
        let ping = br#"{"protocol":"discovery","command":"ping","payload":{}}"#;
        assert!(refused(ping).contains("`ping`"));
        let empty = br#"{"protocol":"discovery","command":"participant","payload":{}}"#;
        assert!(refused(empty).contains("missing field"));
    }
}
