//! What travels beside a payload: a [`Message`] and AMQP's properties, both ways.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use msgflo_core::Message;

/// Survives the broker's restart, if its queue does.
const PERSISTENT: u8 = 2;
/// What a header takes beside its name and its text.
const OVERHEAD: usize = 6;
/// What all properties but headers take at most: seven of 256 bytes, and numbers.
const OTHERS: usize = 2048;
/// What the broker writes about a message's past. It is not to be taken for the past of one that is sent
/// again, and `CC` and `BCC` would send that to further queues.
const BROKERS_OWN: &[&str] = &["x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC"];
const BROKERS_OWN_PREFIXES: &[&str] = &["x-first-death-", "x-last-death-"];

/// What a message of another program has that is no text, kept for when it is sent again.
struct Foreign {
    headers: FieldTable,
    kind: Option<ShortString>,
    app_id: Option<ShortString>,
    content_encoding: Option<ShortString>,
}

/// What was received, without what is AMQP's.
pub(crate) fn read(payload: Vec<u8>, properties: &BasicProperties) -> Message {
    let mut message = Message::new(payload);
    if let Some(content_type) = properties.content_type() {
        message = message.with_content_type(content_type.as_str().to_owned());
    }
    if let Some(id) = properties.message_id() {
        message = message.with_id(id.as_str());
    }
    if let Some(id) = properties.correlation_id() {
        message = message.with_correlation_id(id.as_str());
    }
    if let Some(queue) = properties.reply_to() {
        message = message.with_reply_to(queue.as_str());
    }
    if let Some(at) = properties.timestamp() {
        // What is no time of this world is none.
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(*at));
        if let Some(at) = at {
            message = message.with_sent_at(at);
        }
    }
    if let Some(priority) = properties.priority().filter(|priority| *priority > 0) {
        message = message.with_priority(priority);
    }
    if let Some(milliseconds) =
        properties.expiration().as_ref().and_then(|it| it.as_str().parse().ok())
    {
        message = message.with_expiry(Duration::from_millis(milliseconds));
    }
    let mut is_foreign = properties.kind().is_some()
        || properties.app_id().is_some()
        || properties.content_encoding().is_some();
    if let Some(headers) = properties.headers() {
        for (name, value) in headers.inner() {
            is_foreign |= !matches!(value, AMQPValue::LongString(_));
            if let Some(text) = shown(value) {
                message.headers_mut().append(name.as_str(), text);
            }
        }
    }
    if is_foreign {
        let foreign = Foreign {
            headers: properties.headers().clone().unwrap_or_default(),
            kind: properties.kind().clone(),
            app_id: properties.app_id().clone(),
            content_encoding: properties.content_encoding().clone(),
        };
        message = message.with_foreign(Arc::new(foreign));
    }
    message
}

/// A header's value as text, if it is one or a number.
fn shown(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.to_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::ByteArray(bytes) => std::str::from_utf8(bytes.as_slice()).ok()?.to_owned(),
        AMQPValue::Boolean(yes) => yes.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => seconds.to_string(),
        AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => return None,
    })
}

/// What is sent. An error says what AMQP cannot carry.
pub(crate) fn write(message: &Message, frame_max: u32) -> Result<BasicProperties, String> {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(content_type) = &message.content_type {
        properties = properties.with_content_type(short("content type", content_type)?);
    }
    if let Some(id) = &message.id {
        properties = properties.with_message_id(short("identifier", id)?);
    }
    if let Some(at) = message.sent_at() {
        properties = properties.with_timestamp(seconds(at));
    }
    if let Some(id) = message.correlation_id() {
        properties = properties.with_correlation_id(short("correlation id", id)?);
    }
    if let Some(queue) = message.reply_to() {
        properties = properties.with_reply_to(short("queue for an answer", queue)?);
    }
    if let Some(priority) = message.priority() {
        properties = properties.with_priority(priority);
    }
    if let Some(expiry) = message.expires_in() {
        properties = properties.with_expiration(expiration(expiry));
    }
    let foreign = message.foreign::<Foreign>();
    if message.headers().is_empty() && foreign.is_none() {
        return Ok(properties);
    }
    if let Some(Foreign { kind, app_id, content_encoding, .. }) = foreign {
        if let Some(kind) = kind {
            properties = properties.with_type(kind.clone());
        }
        if let Some(app_id) = app_id {
            properties = properties.with_app_id(app_id.clone());
        }
        if let Some(encoding) = content_encoding {
            properties = properties.with_content_encoding(encoding.clone());
        }
    }
    let headers = headers(message, foreign.map(|foreign| &foreign.headers))?;
    // Properties are one frame, whatever the payload is.
    let size = headers_size(&headers) + OTHERS;
    if frame_max > 0 && size > frame_max as usize {
        return Err(format!(
            "its headers take {size} bytes, and the broker takes {frame_max} at once (frame_max): put more of it into the payload"
        ));
    }
    Ok(properties.with_headers(headers))
}

/// The headers, with the types that they had where they are unchanged.
fn headers(message: &Message, foreign: Option<&FieldTable>) -> Result<FieldTable, String> {
    let mut headers = FieldTable::default();
    for (name, value) in foreign.iter().flat_map(|foreign| foreign.inner()) {
        if shown(value).is_none() && !is_brokers_own(name.as_str()) {
            headers.insert(name.clone(), value.clone());
        }
    }
    for (name, text) in message.headers().iter().filter(|(name, _)| !is_brokers_own(name)) {
        let typed = foreign.and_then(|foreign| foreign.inner().get(name));
        let value = match typed.filter(|typed| shown(typed).as_deref() == Some(text)) {
            Some(typed) => typed.clone(),
            None => AMQPValue::LongString(LongString::from(text)),
        };
        headers.insert(short("name of a header", name)?, value);
    }
    Ok(headers)
}

fn is_brokers_own(name: &str) -> bool {
    BROKERS_OWN.contains(&name)
        || BROKERS_OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// How many bytes headers take, or more.
fn headers_size(headers: &FieldTable) -> usize {
    fn size(value: &AMQPValue) -> usize {
        match value {
            AMQPValue::LongString(text) => text.as_bytes().len(),
            AMQPValue::ShortString(text) => text.as_str().len(),
            AMQPValue::ByteArray(bytes) => bytes.len(),
            AMQPValue::FieldTable(table) => headers_size(table),
            AMQPValue::FieldArray(array) => {
                array.as_slice().iter().map(|it| size(it) + OVERHEAD).sum()
            }
            _ => 8,
        }
    }
    let sizes =
        headers.inner().iter().map(|(name, value)| name.as_str().len() + size(value) + OVERHEAD);
    sizes.sum()
}

fn short(what: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text)
        .map_err(|_| format!("its {what} has {} bytes, and AMQP allows 255", text.len()))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time to live, in whole milliseconds.
pub(crate) fn expiration(after: Duration) -> ShortString {
    ShortString::from(after.as_millis().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u32 = 131_072;

    fn table(headers: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        table
    }

    #[test]
    fn what_is_written_is_read() {
        let message = Message::new("photo")
            .with_content_type("image/png")
            .with_id("7")
            .with_correlation_id("order-17")
            .with_reply_to("answers")
            .with_priority(5)
            .with_expiry(Duration::from_millis(1500))
            .with_sent_at(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
            .with_header("tenant", "ä")
            .with_header("empty", "");
        let properties = write(&message, FRAME).unwrap();
        let read = read(b"photo".to_vec(), &properties);
        assert_eq!(read.headers().get("tenant"), Some("ä"));
        assert_eq!(read.headers().get("empty"), Some(""));
        assert_eq!(read.headers().len(), 2);
        assert_eq!((read.id.as_deref(), read.priority()), (Some("7"), Some(5)));
        assert_eq!(read.sent_at(), message.sent_at());
        assert_eq!(read.expires_in(), message.expires_in());
        assert_eq!(read.reply_to(), message.reply_to());
        assert_eq!(read.correlation_id(), message.correlation_id());
    }

    #[test]
    fn foreign_types_survive_and_the_brokers_own_do_not() {
        let array = AMQPValue::FieldArray(vec![AMQPValue::LongInt(1)].into());
        let headers = table(&[
            ("count", AMQPValue::LongInt(42)),
            ("yes", AMQPValue::Boolean(true)),
            ("list", array.clone()),
            ("nothing", AMQPValue::Void),
            ("binary", AMQPValue::LongString(LongString::from(vec![0xFF]))),
            ("x-death", array.clone()),
            ("x-first-death-reason", AMQPValue::LongString("rejected".into())),
        ]);
        let received = BasicProperties::default().with_headers(headers).with_type("order".into());
        let mut message = read(Vec::new(), &received);
        let header = |name| message.headers().get(name);
        assert_eq!((header("count"), header("yes")), (Some("42"), Some("true")));
        assert_eq!((header("list"), header("binary")), (None, None));
        assert_eq!(header("x-first-death-reason"), Some("rejected"));
        message.headers_mut().insert("yes", "no");
        message.headers_mut().insert("more", "text");
        let written = write(&message, FRAME).unwrap();
        assert_eq!(written.kind().as_ref().map(|kind| kind.as_str()), Some("order"));
        let expected = table(&[
            ("count", AMQPValue::LongInt(42)),
            ("yes", AMQPValue::LongString("no".into())),
            ("list", array),
            ("nothing", AMQPValue::Void),
            ("binary", AMQPValue::LongString(LongString::from(vec![0xFF]))),
            ("more", AMQPValue::LongString("text".into())),
        ]);
        assert_eq!(written.headers(), &Some(expected));
    }

    #[test]
    fn what_amqp_cannot_carry_is_told() {
        let refused = |message: Message| write(&message, FRAME).unwrap_err();
        let long = "x".repeat(10_000);
        assert!(
            refused(Message::new("").with_correlation_id(&*long))
                .contains("correlation id has 10000")
        );
        assert!(refused(Message::new("").with_header(&*long, "")).contains("name of a header"));
        let large = Message::new("").with_header("a", "x".repeat(200_000));
        assert!(refused(large.clone()).contains("frame_max"));
        assert!(write(&large, 0).is_ok());
        assert!(write(&Message::new("").with_header("a", "x".repeat(65_000)), FRAME).is_ok());
    }
}
