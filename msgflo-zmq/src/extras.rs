//! What travels beside payload, content type and identifier: one frame of JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use msgflo_core::{Headers, Message};
use serde::{Deserialize, Serialize};

/// How many headers a message may have.
pub(crate) const MOST_HEADERS: usize = 1000;
/// Its last millisecond: no program can show a later time.
const YEAR_9999: u64 = 253_402_300_799_999;

/// As `docs/zmq.md` specifies it. What is unknown is ignored.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Extras {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    /// Milliseconds, as are all times here.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<u32>,
}

/// The frames behind the payload; none if there is nothing to say.
pub(crate) fn write(message: &Message, deliveries: u32) -> (Option<Bytes>, Option<Bytes>) {
    let sent_at = message.sent_at().map(since_1970).filter(|sent_at| *sent_at <= YEAR_9999);
    let sent_at = sent_at.map(|sent_at| Bytes::copy_from_slice(&sent_at.to_be_bytes()));
    let deliveries = (deliveries > 1).then_some(deliveries);
    let is_plain = message.headers().is_empty()
        && message.correlation_id().is_none()
        && message.reply_to().is_none()
        && message.delay().is_none()
        && message.expires_in().is_none()
        && message.priority().is_none()
        && deliveries.is_none();
    if is_plain {
        return (sent_at, None);
    }
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let extras = Extras {
        headers: message.headers().iter().map(own).collect(),
        correlation_id: message.correlation_id().map(|id| id.to_string()),
        reply_to: message.reply_to().map(|queue| queue.to_string()),
        delay: message.delay().map(milliseconds),
        expires_in: message.expires_in().map(milliseconds),
        priority: message.priority(),
        deliveries,
    };
    // Cannot fail: it is text and numbers.
    let json = serde_json::to_vec(&extras).unwrap_or_default();
    (Some(sent_at.unwrap_or_default()), Some(json.into()))
}

/// Adds to a message what the frames behind its payload say; returns how often it was delivered.
pub(crate) fn read(
    message: &mut Message,
    sent_at: Option<Bytes>,
    extras: Option<Bytes>,
) -> Result<u32, String> {
    let mut read = message.clone();
    if let Some(sent_at) = sent_at.filter(|sent_at| !sent_at.is_empty()) {
        let milliseconds = <[u8; 8]>::try_from(&sent_at[..])
            .map_err(|_| format!("the time of sending has 8 bytes, not {}", sent_at.len()))?;
        let milliseconds = u64::from_be_bytes(milliseconds);
        if milliseconds > YEAR_9999 {
            return Err("the time of sending is no time".into());
        }
        let at = UNIX_EPOCH + Duration::from_millis(milliseconds);
        read = read.with_sent_at(at);
    }
    let mut deliveries = 1;
    if let Some(json) = extras.filter(|json| !json.is_empty()) {
        let extras: Extras = serde_json::from_slice(&json)
            .map_err(|error| format!("the extras are not as specified: {error}"))?;
        if extras.headers.len() > MOST_HEADERS {
            let count = extras.headers.len();
            return Err(format!("the extras have {count} headers; {MOST_HEADERS} are allowed"));
        }
        if !extras.headers.is_empty() {
            *read.headers_mut() = Headers::from_iter(extras.headers);
        }
        if let Some(id) = extras.correlation_id {
            read = read.with_correlation_id(id);
        }
        if let Some(queue) = extras.reply_to {
            read = read.with_reply_to(queue);
        }
        if let Some(delay) = extras.delay.filter(|delay| *delay > 0) {
            read = read.with_delay(within_reason(delay));
        }
        if let Some(expires_in) = extras.expires_in {
            read = read.with_expiry(within_reason(expires_in));
        }
        if let Some(priority) = extras.priority {
            read = read.with_priority(priority);
        }
        deliveries = extras.deliveries.unwrap_or(1).max(1);
    }
    *message = read;
    Ok(deliveries)
}

/// The same message with these extras in place of its own, as it is settled: it has waited already.
pub(crate) fn replaced(message: &Message, extras: &Bytes) -> Result<Message, String> {
    let mut replaced = Message::new(message.payload.clone());
    replaced.content_type = message.content_type.clone();
    replaced.id = message.id.clone();
    if let Some(at) = message.sent_at() {
        replaced = replaced.with_sent_at(at);
    }
    read(&mut replaced, None, Some(extras.clone()))?;
    replaced.take_delay();
    Ok(replaced)
}

/// Times that are added to others must not be longer than there is time: 10 years.
fn within_reason(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds.min(10 * 365 * 24 * 3600 * 1000))
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

fn since_1970(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(message: &Message, deliveries: u32) -> (Message, u32) {
        let (sent_at, extras) = write(message, deliveries);
        let mut read_back = Message::new(message.payload.clone());
        let deliveries = read(&mut read_back, sent_at, extras).unwrap();
        (read_back, deliveries)
    }

    #[test]
    fn what_is_written_is_read() {
        let plain = Message::new("photo");
        assert_eq!(write(&plain, 1), (None, None));
        assert_eq!(there_and_back(&plain, 3), (plain.clone(), 3));
        let timed =
            plain.clone().with_sent_at(UNIX_EPOCH + Duration::from_millis(1_800_000_000_123));
        assert!(write(&timed, 1).1.is_none());
        assert_eq!(there_and_back(&timed, 1), (timed.clone(), 1));
        let full = timed
            .with_correlation_id("order-17")
            .with_reply_to("answers")
            .with_delay(Duration::from_secs(1))
            .with_expiry(Duration::from_secs(2))
            .with_priority(5)
            .with_header("tenant", "ä")
            .with_header("empty", "");
        assert_eq!(there_and_back(&full, 2), (full.clone(), 2));
    }

    #[test]
    fn extras_of_a_settlement_replace_those_of_the_message() {
        let message = Message::new("photo").with_id("7").with_header("tenant", "a");
        let (_, extras) = write(&message.clone().with_correlation_id("c"), 3);
        let now = replaced(&message, &extras.unwrap()).unwrap();
        assert_eq!(now, message.clone().with_correlation_id("c"));
        let none = replaced(&message, &Bytes::from_static(b"{}")).unwrap();
        assert_eq!(none, Message::new("photo").with_id("7"));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let refused = |sent_at: &'static [u8], extras: &'static [u8]| {
            let frames = (Some(Bytes::from_static(sent_at)), Some(Bytes::from_static(extras)));
            read(&mut Message::new(""), frames.0, frames.1).unwrap_err()
        };
        assert!(refused(b"123", b"").contains("8 bytes, not 3"));
        assert!(refused(b"", b"{").contains("not as specified"));
        assert!(refused(b"", b"\xFF").contains("not as specified"));
        let many = format!(r#"{{"headers":[{}]}}"#, vec![r#"["",""]"#; 1001].join(","));
        let many = read(&mut Message::new(""), None, Some(many.into())).unwrap_err();
        assert!(many.contains("1000 are allowed"), "{many}");
        assert!(refused(b"", br#"{"headers":{"a":"b"}}"#).contains("not as specified"));
        let mut message = Message::new("");
        let unknown = Bytes::from_static(br#"{"unknown":1,"delay":18446744073709551615}"#);
        assert_eq!(read(&mut message, None, Some(unknown)), Ok(1));
        assert!(message.delay().is_some());
    }
}
