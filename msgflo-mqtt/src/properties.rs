//! What travels beside a payload: a [`Message`] and MQTT 5's properties, both ways.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use msgflo_core::Message;
use rumqttc::v5::mqttbytes::v5::PublishProperties;

/// The user property in which a message's identifier travels.
const ID: &str = "msgflo-id";
/// The user property in which the time of sending travels, in milliseconds since 1970.
const SENT_AT: &str = "msgflo-sent-at";
/// How long text in a property can be.
const LONGEST: usize = u16::MAX as usize;

/// What a message of another program has that is no text, kept for when it is sent again.
struct Foreign {
    correlation: Bytes,
}

/// What is sent beside the payload, if there is anything.
pub(crate) fn write(message: &Message) -> Option<PublishProperties> {
    let foreign = message.foreign::<Foreign>();
    let is_plain = message.content_type.is_none()
        && message.id.is_none()
        && message.sent_at().is_none()
        && message.headers().is_empty()
        && message.correlation_id().is_none()
        && message.reply_to().is_none()
        && message.expires_in().is_none()
        && foreign.is_none();
    if is_plain {
        return None;
    }
    let sent_at = message.sent_at().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let id = message.id.iter().map(|id| (ID.to_owned(), id.to_string()));
    let sent_at = sent_at.iter().map(|at| (SENT_AT.to_owned(), at.as_millis().to_string()));
    let headers = message.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let correlation = message.correlation_id().map(|id| Bytes::copy_from_slice(id.as_bytes()));
    Some(PublishProperties {
        content_type: message.content_type.as_deref().map(str::to_owned),
        response_topic: message.reply_to().map(|queue| queue.to_string()),
        correlation_data: correlation.or_else(|| foreign.map(|it| it.correlation.clone())),
        message_expiry_interval: message.expires_in().map(seconds),
        user_properties: id.chain(sent_at).chain(headers).collect(),
        ..Default::default()
    })
}

/// In whole seconds, and no less than it is.
fn seconds(expiry: Duration) -> u32 {
    u32::try_from(expiry.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// What was received.
pub(crate) fn read(payload: Bytes, properties: Option<PublishProperties>) -> Message {
    let mut message = Message::new(payload);
    let Some(properties) = properties else { return message };
    message.content_type = properties.content_type.map(Into::into);
    for (name, value) in properties.user_properties {
        match (name.as_str(), value.parse::<u64>()) {
            (ID, _) => message.id = Some(value.into()),
            (SENT_AT, Ok(milliseconds)) => {
                let at = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
                if let Some(at) = at {
                    message = message.with_sent_at(at);
                }
            }
            _ => message.headers_mut().append(name, value),
        }
    }
    if let Some(queue) = properties.response_topic {
        message = message.with_reply_to(queue);
    }
    if let Some(seconds) = properties.message_expiry_interval {
        message = message.with_expiry(Duration::from_secs(seconds.into()));
    }
    match properties.correlation_data {
        None => message,
        Some(data) => match std::str::from_utf8(&data) {
            Ok(text) => message.with_correlation_id(text),
            Err(_) => message.with_foreign(Arc::new(Foreign { correlation: data })),
        },
    }
}

/// What the protocol cannot carry.
pub(crate) fn check(message: &Message) -> Result<(), String> {
    let text = |what: &str, text: &str| {
        if text.len() > LONGEST {
            return Err(format!("its {what} has {} bytes, and MQTT allows {LONGEST}", text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(format!("its {what} has control characters in it, which MQTT forbids"));
        }
        Ok(())
    };
    if let Some(content_type) = &message.content_type {
        text("content type", content_type)?;
    }
    if let Some(id) = &message.id {
        text("identifier", id)?;
    }
    if let Some(queue) = message.reply_to() {
        text("queue for an answer", queue)?;
    }
    // It is binary there, so that anything goes.
    if let Some(id) = message.correlation_id().filter(|id| id.len() > LONGEST) {
        return Err(format!(
            "its correlation id has {} bytes, and MQTT allows {LONGEST}",
            id.len()
        ));
    }
    for (name, value) in message.headers().iter() {
        text("name of a header", name)?;
        text("header", value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let plain = Message::new("photo");
        assert!(write(&plain).is_none());
        let mut full = plain
            .with_content_type("image/png")
            .with_id("7")
            .with_correlation_id("order-17")
            .with_reply_to("answers")
            .with_expiry(Duration::from_secs(2))
            .with_sent_at(UNIX_EPOCH + Duration::from_millis(1_800_000_000_123))
            .with_header("tenant", "ä");
        full.headers_mut().append("tenant", "b");
        assert_eq!(read(full.payload.clone(), write(&full)), full);
    }

    #[test]
    fn binary_correlation_data_survives() {
        let data = Bytes::from_static(&[0xFF, 0]);
        let properties =
            PublishProperties { correlation_data: Some(data.clone()), ..Default::default() };
        let message = read(Bytes::new(), Some(properties));
        assert!(message.correlation_id().is_none());
        assert_eq!(write(&message).unwrap().correlation_data, Some(data));
    }

    #[test]
    fn what_mqtt_cannot_carry_is_told() {
        let refused = |message: Message| check(&message).unwrap_err();
        assert!(refused(Message::new("").with_id("a\n")).contains("control characters"));
        let long = "x".repeat(70_000);
        assert!(refused(Message::new("").with_header("a", &*long)).contains("70000 bytes"));
        assert!(refused(Message::new("").with_correlation_id(&*long)).contains("correlation id"));
        assert!(check(&Message::new("").with_header("a", "x".repeat(65_000))).is_ok());
    }
}
