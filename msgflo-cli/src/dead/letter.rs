//! What a dead letter tells, and which are meant.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::prelude::{BASE64_STANDARD, Engine};
use clap::Args;
use msgflo::{Message, reserved};
use serde_json::{Value, json};

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
    message: &'a Message,
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

    /// All of it, as `export` and `--json` tell it.
    pub fn json(&self) -> Value {
        let payload = match std::str::from_utf8(&self.message.payload) {
            Ok(text) => json!({ "text": text }),
            Err(_) => json!({ "base64": BASE64_STANDARD.encode(&self.message.payload) }),
        };
        let headers: Vec<_> = self
            .message
            .headers()
            .iter()
            .filter(|(name, _)| !name.starts_with("msgflo-"))
            .collect();
        json!({
            "id": self.id,
            "error": self.error,
            "role": self.role,
            "port": self.port,
            "queue": self.queue,
            "attempts": self.attempts,
            "first_failed": self.first_failed,
            "last_failed": self.last_failed,
            "content_type": self.message.content_type,
            "correlation_id": self.message.correlation_id().map(|id| &**id),
            "headers": headers,
            "payload": payload,
        })
    }
}

fn fingerprint(message: &Message) -> String {
    let mut hash = DefaultHasher::new();
    message.payload.hash(&mut hash);
    format!("~{:012x}", hash.finish() >> 16)
}

/// Which dead letters are meant: all, if nothing is said.
#[derive(Args, Default)]
pub struct Selection {
    /// Only the one with this id, as `list` shows it; can be given several times
    #[arg(long)]
    pub id: Vec<String>,
    /// Only those whose error has this text in it, whatever its capitals are
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
    /// So many at most, the oldest first
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

impl Selection {
    /// Whether it is one of them, if there may be another. `since` is when it was asked: what has
    /// failed later, as it was replayed, is none.
    pub fn has(&self, letter: &Letter<'_>, since: &str) -> bool {
        let error = || letter.error.unwrap_or_default().to_lowercase();
        (self.id.is_empty() || self.id.contains(&letter.id))
            && self.error.as_ref().is_none_or(|text| error().contains(&text.to_lowercase()))
            && letter.last_failed.is_none_or(|failed| failed < since)
    }

    /// Whether it needs what only headers tell.
    pub fn needs_headers(&self) -> bool {
        self.error.is_some()
    }

    pub fn limit(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }
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
        let json = letter.json();
        assert_eq!(json["headers"], json!([["tenant", "a"]]));
        assert_eq!(json["payload"]["text"], "photo");
        // What others have rejected has no reasons, and perhaps no identifier.
        let bare = Message::new("photo");
        let letter = Letter::read(&bare);
        assert!(letter.id.starts_with('~') && letter.error.is_none());
        assert_eq!(letter.id, Letter::read(&Message::new("photo")).id);
        let brokers = Message::new("").with_header(BROKERS_REASON, "expired");
        assert_eq!(Letter::read(&brokers).error, Some("expired"));
    }

    #[test]
    fn what_is_meant_is_found() {
        let (later, before) = ("2026-01-03T00:00:00.000Z", "2026-01-01T00:00:00.000Z");
        let id = |id: &str| Selection { id: vec![id.into()], ..Selection::default() };
        let error = |text: &str| Selection { error: Some(text.into()), ..Selection::default() };
        let table = [
            (Selection::default(), later, true),
            // It has failed again since.
            (Selection::default(), before, false),
            (id("7"), later, true),
            (id("8"), later, false),
            (error("no such photo"), later, true),
            (error("busy"), later, false),
            (Selection { id: vec!["7".into()], ..error("busy") }, later, false),
        ];
        let message = dead();
        for (index, (selection, since, expected)) in table.iter().enumerate() {
            assert_eq!(selection.has(&Letter::read(&message), since), *expected, "{index}");
        }
    }
}
