//! ZMTP 3.0, the protocol beneath ZeroMQ, as hub and client speak it: with limits.
//!
//! [The crate's documentation](crate) says why these are not sockets of the zeromq crate.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::frames::MOST_FRAMES;

const GREETING: usize = 64;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// No command of ZMTP that we take is longer.
const LONGEST_COMMAND: usize = 4096;
/// How much is read at once.
const CHUNK: usize = 32 * 1024;
/// How much room is made at once for a frame that is longer, before its bytes are there.
const STRIDE: usize = 1024 * 1024;

/// Why a connection cannot go on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other side does not speak as it must.
    Protocol(String),
    /// The connection itself is lost.
    Lost(std::io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(reason) => f.write_str(reason),
            Self::Lost(error) => error.fmt(f),
        }
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Lost(error)
    }
}

fn protocol<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Protocol(what.into()))
}

/// What has been read.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Message),
    /// ZMTP's own heartbeat, with what the answer must hold.
    Ping(Bytes),
    /// Any other command; it concerns nobody.
    Command,
}

/// A message as it was read, in one piece: its frames are taken one by one.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Bytes,
    /// Where the next frame's header begins.
    next: usize,
    /// How many frames it has.
    pub(crate) count: usize,
    /// How many bytes all frames have together.
    pub(crate) size: usize,
}

impl Message {
    /// Where the next frame is.
    pub(crate) fn next_range(&mut self) -> Option<Range<usize>> {
        // Cannot be wrong: it was read before.
        let (_, header, length) = header(&self.bytes[self.next..]).ok()??;
        let start = self.next + header;
        self.next = start + length as usize;
        Some(start..self.next)
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// For what is to be kept: it keeps the whole message.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }
}

/// Takes messages out of the bytes that come.
pub(crate) struct Decoder {
    longest: usize,
    needed: usize,
}

impl Decoder {
    /// One that takes messages of up to `longest` bytes, all frames together.
    pub(crate) fn new(longest: usize) -> Self {
        Self { longest, needed: 0 }
    }

    /// Makes room for reading on. Not more often than it must: messages that wait in a queue
    /// keep the buffer that they were read into.
    pub(crate) fn make_room(&self, buffer: &mut BytesMut) {
        if buffer.capacity() - buffer.len() < CHUNK / 8 {
            buffer.reserve(self.needed.saturating_sub(buffer.len()).clamp(CHUNK, STRIDE));
        }
    }

    /// The next message, if all of it is there.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Incoming>, Broken> {
        let (mut count, mut size, mut end) = (0, 0, 0);
        loop {
            let Some((flags, header, length)) = header(&buffer[end..])? else {
                self.needed = end + 9;
                return Ok(None);
            };
            let command = flags & COMMAND != 0;
            if command && count > 0 {
                return protocol("a command between the frames of a message");
            }
            let limit = if command { LONGEST_COMMAND } else { self.longest - size };
            if length > limit as u64 {
                return protocol(format!(
                    "a {} of {length} bytes or more; {limit} are allowed here",
                    if command { "command" } else { "message" },
                ));
            }
            let length = length as usize;
            end = end.saturating_add(header).saturating_add(length);
            self.needed = end;
            if buffer.len() < end {
                return Ok(None);
            }
            (count, size) = (count + 1, size + length);
            if flags & MORE != 0 {
                if count >= MOST_FRAMES {
                    return protocol(format!("a message of more than {MOST_FRAMES} frames"));
                }
                continue;
            }
            self.needed = 0;
            let bytes = buffer.split_to(end).freeze();
            if !command {
                return Ok(Some(Incoming::Message(Message { bytes, next: 0, count, size })));
            }
            return Ok(Some(match bytes[header..].strip_prefix(b"\x04PING") {
                // A time to live comes before what is to be sent back.
                Some(rest) => Incoming::Ping(bytes.slice_ref(rest.get(2..).unwrap_or_default())),
                None => Incoming::Command,
            }));
        }
    }
}

/// A frame's flags, how long the header is, and how long the frame.
fn header(buffer: &[u8]) -> Result<Option<(u8, usize, u64)>, Broken> {
    let Some(&flags) = buffer.first() else { return Ok(None) };
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return protocol(format!("a frame with the flags {flags:#04x}"));
    }
    if flags & LONG == 0 {
        return Ok(buffer.get(1).map(|&length| (flags, 2, length.into())));
    }
    let length = buffer.get(1..9).and_then(|bytes| bytes.try_into().ok());
    Ok(length.map(|bytes| (flags, 9, u64::from_be_bytes(bytes))))
}

/// Writes the frames of a message.
pub(crate) fn encode(frames: &[Bytes], out: &mut BytesMut) {
    for (index, frame) in frames.iter().enumerate() {
        let more = if index + 1 < frames.len() { MORE } else { 0 };
        put_frame(more, frame, out);
    }
}

/// Writes the answer to ZMTP's own heartbeat.
pub(crate) fn encode_pong(context: &[u8], out: &mut BytesMut) {
    put_frame(COMMAND, &[b"\x04PONG", context].concat(), out);
}

fn put_frame(flags: u8, frame: &[u8], out: &mut BytesMut) {
    out.reserve(frame.len() + 9);
    match u8::try_from(frame.len()) {
        Ok(length) => out.put_slice(&[flags, length]),
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(frame.len() as u64);
        }
    }
    out.put_slice(frame);
}

/// A kind of ZeroMQ's sockets.
#[derive(Clone, Copy)]
pub(crate) enum Socket {
    /// The client's.
    Dealer,
    /// The hub's.
    Router,
}

impl Socket {
    fn name(self) -> &'static str {
        match self {
            Self::Dealer => "DEALER",
            Self::Router => "ROUTER",
        }
    }

    fn peer(self) -> Self {
        match self {
            Self::Dealer => Self::Router,
            Self::Router => Self::Dealer,
        }
    }
}

/// Makes a connection one between a DEALER and a ROUTER, of which this is the one named.
pub(crate) async fn greet(
    stream: &mut TcpStream,
    socket: Socket,
    patience: Duration,
) -> Result<(), Broken> {
    match timeout(patience, exchange(stream, socket)).await {
        Ok(greeted) => greeted,
        Err(_) => protocol(format!("no ZeroMQ greeting within {patience:.1?}")),
    }
}

async fn exchange(stream: &mut TcpStream, socket: Socket) -> Result<(), Broken> {
    let mut greeting = [0; GREETING];
    greeting[0] = 0xFF;
    greeting[9] = 0x7F;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting).await?;

    let mut theirs = [0; GREETING];
    // What is no greeting is known by its first byte: nobody need wait for the others.
    stream.read_exact(&mut theirs[..1]).await?;
    if theirs[0] != 0xFF {
        return protocol(format!("its first byte is {:#04x}, so this is not ZeroMQ", theirs[0]));
    }
    stream.read_exact(&mut theirs[1..]).await?;
    if theirs[9] != 0x7F || theirs[10] < 3 {
        return protocol("not ZMTP 3, which ZeroMQ speaks from version 4 on");
    }
    if theirs[12..32].strip_prefix(b"NULL").is_none_or(|rest| rest.iter().any(|byte| *byte != 0)) {
        let mechanism = theirs[12..32].escape_ascii();
        return protocol(format!("the security mechanism {mechanism}; there is NULL alone"));
    }

    let mut ready = BytesMut::new();
    let mut command = b"\x05READY".to_vec();
    put_property(&mut command, "Socket-Type", socket.name().as_bytes());
    put_property(&mut command, "Identity", b"");
    put_frame(COMMAND, &command, &mut ready);
    stream.write_all(&ready).await?;

    let flags = stream.read_u8().await?;
    let length = match flags {
        COMMAND => stream.read_u8().await?.into(),
        flags if flags == COMMAND | LONG => stream.read_u64().await?,
        flags => {
            return protocol(format!("READY expected, not a frame with the flags {flags:#04x}"));
        }
    };
    if length > LONGEST_COMMAND as u64 {
        return protocol(format!("a command of {length} bytes; {LONGEST_COMMAND} are allowed"));
    }
    let mut theirs = vec![0; length as usize];
    stream.read_exact(&mut theirs).await?;
    let (ours, peer) = (socket.name(), socket.peer().name());
    match socket_type(&theirs) {
        Some(theirs) if theirs == peer.as_bytes() => Ok(()),
        Some(other) => {
            protocol(format!("a {} socket; a {ours} talks to {peer}", other.escape_ascii()))
        }
        None => protocol("a READY command that cannot be read"),
    }
}

fn put_property(command: &mut Vec<u8>, name: &str, value: &[u8]) {
    command.push(name.len() as u8);
    command.extend_from_slice(name.as_bytes());
    command.extend_from_slice(&(value.len() as u32).to_be_bytes());
    command.extend_from_slice(value);
}

fn socket_type(ready: &[u8]) -> Option<&[u8]> {
    let mut rest = ready.strip_prefix(b"\x05READY")?;
    loop {
        let (&length, tail) = rest.split_first()?;
        let (name, tail) = tail.split_at_checked(length.into())?;
        let (length, tail) = tail.split_first_chunk()?;
        let (value, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            return Some(value);
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(frames: &[&[u8]]) -> Vec<Bytes> {
        frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect()
    }

    fn frames(incoming: Incoming) -> Vec<Bytes> {
        let Incoming::Message(mut message) = incoming else { panic!("{incoming:?}") };
        let frames: Vec<_> =
            std::iter::from_fn(|| message.next_range().map(|at| message.bytes(at))).collect();
        assert_eq!(
            (frames.len(), frames.iter().map(Bytes::len).sum()),
            (message.count, message.size)
        );
        frames
    }

    #[test]
    fn what_is_encoded_is_decoded_however_it_is_cut() {
        let messages = [message(&[b"a", b"", &[7; 255], &[8; 256]]), message(&[b""])];
        let mut bytes = BytesMut::new();
        messages.iter().for_each(|frames| encode(frames, &mut bytes));
        for step in [1, 2, 7, 300, 10_000] {
            let (mut decoder, mut buffer, mut decoded) =
                (Decoder::new(1000), BytesMut::new(), Vec::new());
            for piece in bytes.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(incoming) = decoder.decode(&mut buffer).unwrap() {
                    decoded.push(frames(incoming));
                }
            }
            assert_eq!(decoded, messages);
        }
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_there() {
        let decode = |bytes: &[u8]| Decoder::new(1000).decode(&mut BytesMut::from(bytes));
        assert!(decode(&[LONG, 0, 0, 0, 0, 0, 0, 3, 0xE8]).unwrap().is_none());
        assert!(decode(&[LONG, 0, 0, 0, 0, 0, 0, 3, 0xE9]).is_err());
        assert!(decode(&[LONG, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
        assert!(decode(&[LONG | COMMAND, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]).is_err());
        assert!(decode(&[0x80, 0]).is_err());
        assert!(decode(&[MORE, 0].repeat(16)).is_err());
        assert!(decode(&[MORE, 0, COMMAND, 0]).is_err());
        // The frames of one message count together.
        let mut bytes = BytesMut::new();
        encode(&message(&[&[0; 600], &[0; 600]]), &mut bytes);
        assert!(Decoder::new(1000).decode(&mut bytes).is_err());
    }

    #[test]
    fn heartbeats_of_zmtp_are_seen() {
        let mut bytes = BytesMut::from(&b"\x04\x09\x04PING\x00\x0Aab"[..]);
        let incoming = Decoder::new(10).decode(&mut bytes).unwrap();
        assert!(matches!(incoming, Some(Incoming::Ping(context)) if context == "ab"));
        let mut bytes = BytesMut::from(&b"\x04\x05\x04PING"[..]);
        let incoming = Decoder::new(10).decode(&mut bytes).unwrap();
        assert!(matches!(incoming, Some(Incoming::Ping(context)) if context.is_empty()));
    }
}
