//! The messages between client and hub, as `docs/zmq.md` specifies them.

use std::ops::Range;

use bytes::Bytes;
use msgflo_core::Message;
use msgflo_core::transport::Direction;

use crate::{extras, wire};

/// The first frame of every message: protocol and version.
pub(crate) const PROTOCOL: &[u8] = b"MSGFLO1";
/// The most frames that a message may have.
pub(crate) const MOST_FRAMES: usize = 16;
/// The longest name of a queue, in bytes.
pub(crate) const LONGEST_NAME: usize = 255;

pub(crate) const HELLO: &str = "HELLO";
pub(crate) const DECLARE: &str = "DECLARE";
pub(crate) const BIND: &str = "BIND";
pub(crate) const UNBIND: &str = "UNBIND";
pub(crate) const PUBLISH: &str = "PUBLISH";
pub(crate) const CONSUME: &str = "CONSUME";
pub(crate) const WATCH: &str = "WATCH";
pub(crate) const CANCEL: &str = "CANCEL";
pub(crate) const ANNOUNCE: &str = "ANNOUNCE";
pub(crate) const STATISTICS: &str = "STATISTICS";
pub(crate) const EDGES: &str = "EDGES";
pub(crate) const TAP: &str = "TAP";
pub(crate) const ACK: &str = "ACK";
pub(crate) const REJECT: &str = "REJECT";
pub(crate) const RELEASE: &str = "RELEASE";
pub(crate) const RETRY: &str = "RETRY";
pub(crate) const FINISH: &str = "FINISH";
pub(crate) const PING: &str = "PING";
pub(crate) const BYE: &str = "BYE";

pub(crate) const OK: &str = "OK";
pub(crate) const ERROR: &str = "ERROR";
pub(crate) const DELIVER: &str = "DELIVER";
pub(crate) const COPY: &str = "COPY";
pub(crate) const ANNOUNCEMENT: &str = "ANNOUNCEMENT";
pub(crate) const QUEUE: &str = "QUEUE";
pub(crate) const BOUND: &str = "BOUND";
pub(crate) const UNBOUND: &str = "UNBOUND";
pub(crate) const PONG: &str = "PONG";

/// What a client says that understands extras.
pub(crate) const EXTRAS: &str = "extras";
/// How a queue is declared that ends with its client.
pub(crate) const PASSING: &str = "passing";

/// The frames of a message that is about to be sent: protocol, command, number, arguments.
#[derive(Clone, Debug)]
pub(crate) struct Frames(Vec<Bytes>);

impl Frames {
    pub(crate) fn new(command: &'static str, number: u64) -> Self {
        let mut frames = Vec::with_capacity(8);
        frames.push(Bytes::from_static(PROTOCOL));
        frames.push(Bytes::from_static(command.as_bytes()));
        frames.push(Bytes::copy_from_slice(&number.to_be_bytes()));
        Self(frames)
    }

    /// The most frequent request. What is short shares one piece of memory.
    pub(crate) fn publish(
        number: u64,
        direction: Direction,
        queue: &str,
        message: &Message,
    ) -> Self {
        let content_type = message.content_type.as_deref().unwrap_or_default();
        let id = message.id.as_deref().unwrap_or_default();
        let number = number.to_be_bytes();
        let short = [&number, queue.as_bytes(), content_type.as_bytes(), id.as_bytes()];
        let mut rest = Bytes::from(short.concat());
        let [number, queue, content_type, id] = short.map(|part| rest.split_to(part.len()));
        let protocol = Bytes::from_static(PROTOCOL);
        let command = Bytes::from_static(PUBLISH.as_bytes());
        let direction = direction_frame(direction);
        let payload = message.payload.clone();
        let frames = vec![protocol, command, number, direction, queue, content_type, id, payload];
        Self(frames).extras(message, 1)
    }

    /// What a message has beside payload, content type and identifier.
    fn extras(mut self, message: &Message, deliveries: u32) -> Self {
        let (sent_at, extras) = extras::write(message, deliveries);
        self.0.extend(sent_at);
        self.0.extend(extras);
        self
    }

    pub(crate) fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.0.push(bytes.into());
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(Bytes::copy_from_slice(text.as_bytes()))
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.bytes(Bytes::copy_from_slice(&number.to_be_bytes()))
    }

    pub(crate) fn direction(self, direction: Direction) -> Self {
        self.bytes(direction_frame(direction))
    }

    /// Content type, identifier, payload, and what there is beside, with how often it was delivered.
    pub(crate) fn message(self, message: &Message, deliveries: u32) -> Self {
        self.plain(message).extras(message, deliveries)
    }

    /// Content type, identifier and payload alone.
    pub(crate) fn plain(self, message: &Message) -> Self {
        self.text(message.content_type.as_deref().unwrap_or_default())
            .text(message.id.as_deref().unwrap_or_default())
            .bytes(message.payload.clone())
    }

    /// How many bytes all frames have together.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    pub(crate) fn as_slice(&self) -> &[Bytes] {
        &self.0
    }
}

fn direction_frame(direction: Direction) -> Bytes {
    Bytes::from_static(match direction {
        Direction::In => b"in",
        Direction::Out => b"out",
    })
}

/// A message that has come: the command, its number, and arguments that are taken one by one.
#[derive(Debug)]
pub(crate) struct Received {
    message: wire::Message,
    command: Range<usize>,
    pub(crate) number: u64,
}

/// What is wrong with a message.
pub(crate) type Malformed = String;

impl Received {
    pub(crate) fn parse(mut message: wire::Message) -> Result<Self, Malformed> {
        match (message.next_range(), message.next_range(), message.next_range()) {
            (Some(protocol), ..) if message.slice(protocol.clone()) != PROTOCOL => {
                let first = shown(message.slice(protocol));
                Err(format!("its first frame is not `MSGFLO1` but {first}"))
            }
            (Some(_), Some(command), Some(number)) => {
                let number = read_number(message.slice(number))?;
                Ok(Self { message, command, number })
            }
            _ => Err(format!(
                "{} frames are too few: protocol, command and number are needed",
                message.count
            )),
        }
    }

    /// How many bytes all frames have together.
    pub(crate) fn size(&self) -> usize {
        self.message.size
    }

    /// The command; what is not text is no command.
    pub(crate) fn command(&self) -> &str {
        std::str::from_utf8(self.message.slice(self.command.clone())).unwrap_or_default()
    }

    /// The command as it may be shown.
    pub(crate) fn shown(&self) -> String {
        shown(self.message.slice(self.command.clone()))
    }

    fn next(&mut self, what: &str) -> Result<Range<usize>, Malformed> {
        self.message.next_range().ok_or_else(|| format!("the frame with the {what} is missing"))
    }

    /// For what is to be kept.
    pub(crate) fn bytes(&mut self, what: &str) -> Result<Bytes, Malformed> {
        self.next(what).map(|range| self.message.bytes(range))
    }

    fn slice(&mut self, what: &str) -> Result<&[u8], Malformed> {
        let range = self.next(what)?;
        Ok(self.message.slice(range))
    }

    fn str(&mut self, what: &str) -> Result<&str, Malformed> {
        let bytes = self.slice(what)?;
        std::str::from_utf8(bytes).map_err(|_| format!("the {what} is not UTF-8"))
    }

    pub(crate) fn text(&mut self, what: &str) -> Result<String, Malformed> {
        self.str(what).map(str::to_owned)
    }

    pub(crate) fn name(&mut self, what: &str) -> Result<String, Malformed> {
        let name = self.text(what)?;
        match name.len() {
            0 => Err(format!("the {what} is empty")),
            1..=LONGEST_NAME => Ok(name),
            long => Err(format!("the {what} has {long} bytes; {LONGEST_NAME} are allowed")),
        }
    }

    pub(crate) fn number(&mut self, what: &str) -> Result<u64, Malformed> {
        read_number(self.slice(what)?).map_err(|error| format!("the {what}: {error}"))
    }

    pub(crate) fn direction(&mut self) -> Result<Direction, Malformed> {
        match self.slice("direction")? {
            b"in" => Ok(Direction::In),
            b"out" => Ok(Direction::Out),
            other => Err(format!("the direction is neither `in` nor `out` but {}", shown(other))),
        }
    }

    /// A frame that need not be there.
    pub(crate) fn optional(&mut self) -> Option<Bytes> {
        self.message.next_range().map(|range| self.message.bytes(range))
    }

    /// Whether a frame that need not be there has this among its words.
    pub(crate) fn says(&mut self, word: &str) -> bool {
        let words = self.optional().unwrap_or_default();
        words.split(|byte| *byte == b' ').any(|said| said == word.as_bytes())
    }

    /// Content type, identifier, payload, and what there is beside.
    pub(crate) fn message(&mut self) -> Result<Message, Malformed> {
        self.counted_message().map(|(message, _)| message)
    }

    /// The same, with how often it was delivered.
    pub(crate) fn counted_message(&mut self) -> Result<(Message, u32), Malformed> {
        let mut message = Message::default();
        match self.str("content type")? {
            "" => {}
            content_type => message.content_type = Some(content_type.to_owned().into()),
        }
        match self.str("identifier")? {
            "" => {}
            id => message.id = Some(id.into()),
        }
        message.payload = self.bytes("payload")?;
        let (sent_at, extras) = (self.optional(), self.optional());
        let deliveries = extras::read(&mut message, sent_at, extras)?;
        Ok((message, deliveries))
    }

    /// The numbers of one frame.
    pub(crate) fn numbers(&mut self, what: &str) -> Result<Vec<u64>, Malformed> {
        let bytes = self.slice(what)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(8) {
            return Err(format!("the {what} are not 8 bytes each"));
        }
        bytes.chunks_exact(8).map(read_number).collect()
    }
}

/// All in one frame.
pub(crate) fn write_numbers(numbers: &[u64]) -> Bytes {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn read_number(bytes: &[u8]) -> Result<u64, Malformed> {
    let bytes =
        bytes.try_into().map_err(|_| format!("a number has 8 bytes, not {}", bytes.len()))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The start of what may be anything.
fn shown(bytes: &[u8]) -> String {
    format!("`{}`", bytes[..bytes.len().min(32)].escape_ascii())
}

#[cfg(test)]
impl Received {
    /// As the other side receives it.
    pub(crate) fn of(frames: &[Bytes]) -> Result<Self, Malformed> {
        let mut bytes = bytes::BytesMut::new();
        wire::encode(frames, &mut bytes);
        match wire::Decoder::new(usize::MAX).decode(&mut bytes) {
            Ok(Some(wire::Incoming::Message(message))) => Self::parse(message),
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let message = Message::new(&[0, 255][..]).with_id("ö");
        let frames = Frames::publish(7, Direction::Out, "a", &message);
        let mut received = Received::of(&frames.0).unwrap();
        assert_eq!((received.command(), received.number), (PUBLISH, 7));
        assert_eq!(received.direction().unwrap(), Direction::Out);
        assert_eq!(received.name("queue").unwrap(), "a");
        assert_eq!(received.message().unwrap(), message);
        assert!(received.bytes("more").unwrap_err().contains("missing"));
        let frames = Frames::new(ACK, 1).bytes(write_numbers(&[1, u64::MAX]));
        let mut received = Received::of(&frames.0).unwrap();
        assert_eq!(received.numbers("tags").unwrap(), [1, u64::MAX]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let parse = |frames: &[&'static [u8]]| {
            let frames: Vec<_> = frames.iter().map(|frame| Bytes::from_static(frame)).collect();
            Received::of(&frames)
        };
        assert!(parse(&[PROTOCOL]).unwrap_err().contains("1 frames"));
        assert!(parse(&[b"GET / HTTP/1.1\r\n"]).unwrap_err().contains(r"`GET / HTTP/1.1\r\n`"));
        assert!(parse(&[PROTOCOL, b"PING"]).unwrap_err().contains("too few"));
        assert!(parse(&[PROTOCOL, b"PING", b"1"]).unwrap_err().contains("8 bytes"));
        let mut received = parse(&[PROTOCOL, b"X", &[0; 8], b"", &[0xFF], b"123"]).unwrap();
        assert!(received.name("queue").unwrap_err().contains("empty"));
        assert!(received.text("queue").unwrap_err().contains("UTF-8"));
        assert!(received.numbers("tags").unwrap_err().contains("tags"));
    }
}
