//! What a dead letter tells.

use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine};
use msgflo::{Message, reserved};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

/// Why RabbitMQ itself made it one: rejected, expired, maxlen, delivery_limit.
const BROKERS_REASON: &str = "x-first-death-reason";

/// What is known of a dead letter.
#[derive(Debug, PartialEq)]
pub struct Letter<'a> {
    /// By which it is named: its identifier, or else one that is made of what it contains.
    pub id: String,
    pub error: Option<&'a str>,
    pub role: Option<&'a str>,
    pub port: Option<&'a str>,
    /// The queue that it failed in.
    pub queue: Option<&'a str>,
    pub attempts: Option<u32>,
    pub first_failed: Option<&'a str>,
    pub last_failed: Option<&'a str>,
    /// The participant that gave it up.
    worker: Option<&'a str>,
    pub message: &'a Message,
}

impl<'a> Letter<'a> {
    pub fn read(message: &'a Message) -> Self {
        let header = |name| message.headers().get(name);
        let id = header(reserved::ID).or(message.id.as_deref()).map(str::to_owned);
        Self {
            id: id.unwrap_or_else(|| fingerprint(message)),
            error: header(reserved::ERROR).or_else(|| header(BROKERS_REASON)),
            role: header(reserved::ROLE),
            port: header(reserved::PORT),
            queue: header(reserved::QUEUE),
            attempts: header(reserved::ATTEMPTS).and_then(|attempts| attempts.parse().ok()),
            first_failed: header(reserved::FIRST_FAILED),
            last_failed: header(reserved::LAST_FAILED),
            worker: header(reserved::WORKER),
            message,
        }
    }

    /// A line of `list`.
    pub fn row(&self) -> [String; 6] {
        let known = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let place = match (self.role, self.port) {
            (Some(role), Some(port)) => format!("{role} {port}"),
            _ => "-".into(),
        };
        [
            self.id.clone(),
            known(self.last_failed),
            self.attempts.map_or("-".into(), |attempts| attempts.to_string()),
            place,
            self.message.payload.len().to_string(),
            known(self.error).chars().take(80).collect(),
        ]
    }

    /// All that is known beside the payload, as `show` tells it: `queue` is the inport's whose dead letter it
    /// is.
    pub fn known(&self, queue: &str) -> Vec<(String, String)> {
        let message = self.message;
        let text = |text: &str| Some(text.to_owned());
        let properties = [
            ("id", text(&self.id)),
            ("queue", text(self.queue.unwrap_or(queue))),
            ("content type", message.content_type.as_deref().and_then(text)),
            ("message id", message.id.as_deref().filter(|id| *id != self.id).and_then(text)),
            ("correlation id", message.correlation_id().map(|id| id.to_string())),
            ("reply to", message.reply_to().map(|queue| queue.to_string())),
            ("sent", message.sent_at().map(timestamp)),
            ("priority", message.priority().map(|priority| priority.to_string())),
            ("bytes", Some(message.payload.len().to_string())),
        ];
        let properties =
            properties.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let headers = message.headers().iter().map(|(name, value)| (name.into(), value.into()));
        properties.chain(headers).collect()
    }

    /// All of it, as `export` and `--json` tell it.
    pub fn json(&self, queue: &str) -> Value {
        let message = self.message;
        let payload = match std::str::from_utf8(&message.payload) {
            Ok(text) => json!({ "text": text }),
            Err(_) => json!({ "base64": BASE64_STANDARD.encode(&message.payload) }),
        };
        let headers = message.headers().iter();
        let headers: Vec<_> = headers.filter(|(name, _)| !name.starts_with("msgflo-")).collect();
        json!({
            "id": self.id,
            "queue": self.queue.unwrap_or(queue),
            "error": self.error,
            "role": self.role,
            "port": self.port,
            "worker": self.worker,
            "attempts": self.attempts,
            "first_failed": self.first_failed,
            "last_failed": self.last_failed,
            "content_type": message.content_type,
            "correlation_id": message.correlation_id().map(|id| &**id),
            "reply_to": message.reply_to().map(|queue| &**queue),
            "sent_at": message.sent_at().map(timestamp),
            "priority": message.priority(),
            "bytes": message.payload.len(),
            "headers": headers,
            "payload": payload,
        })
    }
}

fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// The same for the same payload, whoever asks.
fn fingerprint(message: &Message) -> String {
    format!("~{:012x}", xxh3_64(&message.payload) >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead() -> Message {
        Message::new("photo")
            .with_id("7")
            .with_header(reserved::ERROR, "No such Photo")
            .with_header(reserved::ATTEMPTS, "3")
            .with_header(reserved::LAST_FAILED, "2026-01-02T00:00:00.000Z")
            .with_header("tenant", "a")
    }

    #[test]
    fn what_is_known_is_told() {
        let message = dead();
        let letter = Letter::read(&message);
        assert_eq!((letter.id.as_str(), letter.attempts), ("7", Some(3)));
        assert_eq!(letter.row()[3..], ["-", "5", "No such Photo"]);
        let json = letter.json("resize.IN");
        assert_eq!(json["headers"], json!([["tenant", "a"]]));
        assert_eq!((&json["payload"]["text"], &json["bytes"]), (&"photo".into(), &5.into()));
        assert_eq!((&json["queue"], &json["worker"]), (&"resize.IN".into(), &Value::Null));
        let known = letter.known("resize.IN");
        let known = |name| known.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        assert_eq!((known("queue"), known("bytes")), (Some("resize.IN"), Some("5")));
        assert_eq!((known("tenant"), known("reply to")), (Some("a"), None));
        // What others have rejected has no reasons, and perhaps no identifier.
        let bare = Message::new("photo");
        let letter = Letter::read(&bare);
        assert!(letter.id.starts_with('~') && letter.error.is_none());
        assert_eq!(letter.id, Letter::read(&Message::new("photo")).id);
        assert_eq!(letter.id, "~b87f72ef4ead");
        let brokers = Message::new("").with_header(BROKERS_REASON, "expired");
        assert_eq!(Letter::read(&brokers).error, Some("expired"));
    }
}
