//! What participants tell of their work: how long messages take, and how many there were.
//!
//! The message is JSON, sent on an outport ([`Transport::statistics_queue`]) of which nobody's definition
//! tells; who wants it, taps it ([`listen`]). `docs/autoscaling/statistics.md` specifies it field by field.

mod durations;
mod meter;
mod reporter;

use serde::{Deserialize, Serialize};

pub use crate::transport::STATISTICS_QUEUE;
use crate::transport::{Copies, Direction, Queue, Transport};
use crate::{Error, Message, Result};
pub use durations::{Durations, RELATIVE_ERROR};
pub(crate) use meter::{InportMeter, OutportMeter, Settled};
pub(crate) use reporter::{Reported, Reporter};

/// A message may have so many bytes.
const LARGEST: usize = 1024 * 1024;

/// What one participant tells of its work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The participant's id, as it is announced: another for each that is started.
    pub id: String,
    /// The name of the node in the network.
    pub role: String,
    /// The kind of participant.
    pub component: String,
    /// Seconds since it was started.
    pub uptime: f64,
    /// Seconds that this message covers: since the one before, or the start.
    pub interval: f64,
    /// In so many seconds at most, it will be heard of again.
    pub heartbeat: f64,
    /// Whether it ends now, and this is its last message.
    #[serde(default)]
    pub last: bool,
    /// Where it receives.
    #[serde(default)]
    pub inports: Vec<InportStatistics>,
    /// Where it sends.
    #[serde(default)]
    pub outports: Vec<OutportStatistics>,
}

/// What a participant tells of the messages that it received.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InportStatistics {
    /// The port's name.
    pub id: String,
    /// Its address on the broker.
    pub queue: String,
    /// How many messages it processes at once, at most.
    pub concurrency: u64,
    /// How many it is processing now.
    pub in_flight: u64,
    /// Messages received since the start.
    pub received: u64,
    /// Of these, those that were processed.
    pub acknowledged: u64,
    /// Of these, those that could not be.
    pub rejected: u64,
    /// Of these, those that wait, or have waited, for another attempt: then they are received again.
    #[serde(default)]
    pub retried: u64,
    /// Of these, those that went back to their queue untried.
    #[serde(default)]
    pub released: u64,
    /// Of these, those that may have been delivered before.
    #[serde(default)]
    pub redelivered: u64,
    /// How long those took that were finished in the interval, acknowledged or rejected.
    pub processing: Durations,
}

/// What a participant tells of the messages that it sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutportStatistics {
    /// The port's name.
    pub id: String,
    /// Its address on the broker.
    pub queue: String,
    /// Messages sent since the start, and taken by the broker.
    pub sent: u64,
}

#[derive(Serialize, Deserialize)]
struct Envelope<P> {
    protocol: String,
    command: String,
    payload: P,
}

impl InportStatistics {
    /// Messages that were done with since the start, one way or the other.
    pub fn settled(&self) -> u64 {
        self.acknowledged.saturating_add(self.rejected).saturating_add(self.retried)
    }
}

impl Statistics {
    /// The message, as it is sent.
    pub fn to_message(&self) -> Message {
        let json = serde_json::json!({
            "protocol": "statistics", "command": "participant", "payload": self
        });
        Message::new(json.to_string()).with_content_type("application/json")
    }

    /// Reads a message's payload.
    ///
    /// # Errors
    /// If it is not JSON, is no statistics message or larger than 1 MiB, or has numbers in it that cannot be.
    pub fn from_payload(bytes: &[u8]) -> Result<Self> {
        let invalid = |why: String| Error::invalid(format!("not a statistics message: {why}"));
        if bytes.len() > LARGEST {
            return Err(invalid(format!("{} bytes are more than {LARGEST}", bytes.len())));
        }
        let envelope: Envelope<Self> =
            serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        let Envelope { protocol, command, payload } = envelope;
        if protocol != "statistics" || command != "participant" {
            return Err(invalid(format!("protocol `{protocol}`, command `{command}`")));
        }
        for (name, seconds) in [
            ("uptime", payload.uptime),
            ("interval", payload.interval),
            ("heartbeat", payload.heartbeat),
        ] {
            if !(0.0..=1e9).contains(&seconds) {
                return Err(invalid(format!("`{name}` is {seconds}: it is 0 to 1e9 seconds")));
            }
        }
        Ok(payload)
    }
}

/// Receives what participants tell of their work from now on, and takes it from nobody. What is no
/// statistics message among it, [`Statistics::from_payload`] refuses.
///
/// # Errors
/// If the broker refuses.
pub async fn listen(transport: &dyn Transport) -> Result<Copies> {
    transport.declare(&queue(transport)).await?;
    transport.tap(transport.statistics_queue(), Direction::Out).await
}

fn queue(transport: &dyn Transport) -> Queue {
    Queue::outport(transport.statistics_queue())
}

#[cfg(test)]
mod tests;
