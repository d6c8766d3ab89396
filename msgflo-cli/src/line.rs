//! How a message is shown on one line.

use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine};
use msgflo::{Message, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// What goes before text with line breaks or other control characters, as a JSON string.
const ESCAPED: &str = "text:";
/// What goes before bytes that are no text.
const BINARY: &str = "base64:";

/// The payload as it is, if it can stand on a line; else escaped, so that the two are never mixed up.
pub fn text(message: &Message) -> String {
    let Ok(text) = std::str::from_utf8(&message.payload) else {
        return format!("{BINARY}{}", BASE64_STANDARD.encode(&message.payload));
    };
    if is_printable(text) && ![ESCAPED, BINARY].iter().any(|prefix| text.starts_with(prefix)) {
        return text.into();
    }
    format!("{ESCAPED}{}", Value::from(text))
}

/// As [`text`], behind the headers if there are any: `[tenant=a, kind="two words"] …`.
pub fn with_headers(message: &Message) -> String {
    let headers = message.headers();
    if headers.is_empty() {
        return text(message);
    }
    let shown: Vec<_> =
        headers.iter().map(|(name, value)| format!("{}={}", word(name), word(value))).collect();
    format!("[{}] {}", shown.join(", "), text(message))
}

/// As it is if nothing in it can be mixed up with what stands around it, else as a JSON string.
fn word(text: &str) -> String {
    let is_plain = |letter: char| !letter.is_whitespace() && !"=,[]\"".contains(letter);
    match !text.is_empty() && is_printable(text) && text.chars().all(is_plain) {
        true => text.into(),
        false => Value::from(text).to_string(),
    }
}

/// Whether it stands on a line and shows all that it has.
pub fn is_printable(text: &str) -> bool {
    !text.contains(|letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}'))
}

#[derive(Serialize)]
struct Line<'a> {
    queue: &'a str,
    time: String,
    content_type: Option<&'a str>,
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(&'a str, &'a str)>,
    payload: Value,
}

/// The message as a JSON object, with the time at which it was seen.
pub fn json(queue: &str, message: &Message, seen: SystemTime) -> Result<String> {
    let content_type = message.content_type.as_deref();
    let is_text = content_type.is_some_and(|content_type| content_type.starts_with("text/"));
    let payload = match std::str::from_utf8(&message.payload) {
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(&message.payload) }),
        Ok(text) if is_text => text.into(),
        Ok(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    };
    let time = humantime::format_rfc3339_millis(seen).to_string();
    let (id, correlation_id) = (message.id.as_deref(), message.correlation_id().map(|id| &**id));
    let headers = message.headers().iter().collect();
    let line = Line { queue, time, content_type, id, correlation_id, headers, payload };
    Ok(serde_json::to_string(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_the_payload_was() {
        for (payload, line) in [
            (&b"{\"a\": 1}"[..], "{\"a\": 1}"),
            (b"", ""),
            ("ünï".as_bytes(), "ünï"),
            (b"one\ntwo\x1b", r#"text:"one\ntwo\u001b""#),
            (b"text:x", r#"text:"text:x""#),
            (b"base64:x", r#"text:"base64:x""#),
            (&[0xFF, 0], "base64:/wA="),
        ] {
            assert_eq!(text(&Message::new(payload)), line);
        }
    }

    #[test]
    fn headers_stand_before_the_payload() {
        let message = Message::new("x");
        assert_eq!(with_headers(&message), "x");
        let message = message
            .with_header("tenant", "a")
            .with_header("kind", "two words")
            .with_header("empty", "")
            .with_header("odd", "a]\u{1b}");
        assert_eq!(
            with_headers(&message),
            r#"[tenant=a, kind="two words", empty="", odd="a]\u001b"] x"#
        );
    }

    #[test]
    fn a_json_line_has_the_value_or_the_bytes() {
        let seen = SystemTime::UNIX_EPOCH;
        let message = Message::new("{\"a\": 1}").with_content_type("application/json").with_id("7");
        assert_eq!(
            json("q", &message, seen).unwrap(),
            r#"{"queue":"q","time":"1970-01-01T00:00:00.000Z","content_type":"application/json","id":"7","payload":{"a":1}}"#
        );
        let message = message.with_correlation_id("8").with_header("tenant", "a");
        assert_eq!(
            json("q", &message, seen).unwrap(),
            r#"{"queue":"q","time":"1970-01-01T00:00:00.000Z","content_type":"application/json","id":"7","correlation_id":"8","headers":[["tenant","a"]],"payload":{"a":1}}"#
        );
        let payload =
            |message| serde_json::from_str::<Value>(&json("q", &message, seen).unwrap()).unwrap();
        assert_eq!(payload(Message::new("no JSON"))["payload"], "no JSON");
        assert_eq!(payload(Message::new("5").with_content_type("text/plain"))["payload"], "5");
        let binary = payload(Message::new(&[0xFF][..]));
        assert_eq!(binary["payload"]["base64"], "/w==");
        assert!(binary["id"].is_null());
    }
}
