//! `msgflo send`: a message into a queue.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use msgflo::transport::{Abilities, Target, Transport};
use msgflo::{Error, ErrorKind, Message, Result};

use crate::broker::Broker;

/// Brokers count milliseconds in 32 bits.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 24 * 3600);

/// Send a message to an inport
///
/// Without --json, --text and --file, the message is read from standard input. It is sent byte
/// for byte, and the program ends when the broker has taken it.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo send --queue resize.IN --json '{\"width\": 320}'
  msgflo send --queue resize.IN --text again --header tenant=a --id order-17 --delay 30s
  msgflo send --queue camera.IN --file photo.jpg --broker mqtt://localhost")]
pub struct Send {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`
    #[arg(long)]
    queue: String,
    #[command(flatten)]
    payload: Payload,
    #[command(flatten)]
    headers: HeaderArguments,
    /// By which a receiver tells a repetition from a new message
    #[arg(long)]
    id: Option<String>,
    /// Have it arrive so much later, like 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = delay)]
    delay: Option<Duration>,
    /// Have it be of no use after so long, like 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = msgflo::parse_duration)]
    expires_in: Option<Duration>,
    /// Have it overtake those of a lower priority, where the inport has `max_priority`
    #[arg(long, value_name = "0-255")]
    priority: Option<u8>,
    /// Send it through an outport of this name: to every inport that is bound to it
    #[arg(long)]
    outport: bool,
}

/// What is sent.
#[derive(Args)]
#[group(multiple = false)]
pub struct Payload {
    /// JSON; it is checked
    #[arg(long)]
    json: Option<String>,
    /// Text
    #[arg(long)]
    text: Option<String>,
    /// The bytes of a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What travels beside it.
#[derive(Args)]
pub struct HeaderArguments {
    /// A header; can be given several times
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
}

fn header(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err(Error::invalid(format!("`{text}` is no header; write it like tenant=a"))),
    }
}

fn delay(text: &str) -> Result<Duration> {
    match msgflo::parse_duration(text)? {
        delay if delay > LONGEST_DELAY => {
            Err(Error::invalid(format!("`{text}` is too long: 24 days are the most")))
        }
        delay => Ok(delay),
    }
}

impl HeaderArguments {
    /// The message with them.
    ///
    /// # Errors
    /// If they do not travel on this transport.
    pub fn add(self, mut message: Message, transport: &dyn Transport) -> Result<Message> {
        for (name, value) in self.headers {
            message.headers_mut().append(name, value);
        }
        check(&message, transport)?;
        Ok(message)
    }
}

/// What the transport cannot do with a message is an error, as somebody has asked for it.
fn check(message: &Message, transport: &dyn Transport) -> Result<()> {
    match unsupported(message, transport.abilities()) {
        None => Ok(()),
        Some(what) => {
            let (url, what) = (transport.url().into(), what.into());
            Err(ErrorKind::Unsupported { url, what }.into())
        }
    }
}

fn unsupported(message: &Message, abilities: Abilities) -> Option<&'static str> {
    let Abilities { headers, delay, expiry, priority, .. } = abilities;
    [
        (!message.headers().is_empty() && !headers, "carry headers; MQTT 5 can (`?version=5`)"),
        (message.id.is_some() && !headers, "carry an id; MQTT 5 can (`?version=5`)"),
        (message.delay().is_some() && !delay, "hold a message back (`--delay`)"),
        (message.expires_in().is_some() && !expiry, "let a message expire (`--expires-in`)"),
        (message.priority().is_some() && !priority, "let a message overtake others (`--priority`)"),
    ]
    .into_iter()
    .find_map(|(is_missing, what)| is_missing.then_some(what))
}

impl Payload {
    /// The message, from wherever it comes.
    pub fn read(self) -> Result<Message> {
        if let Some(json) = self.json {
            serde_json::from_str::<serde::de::IgnoredAny>(&json).map_err(|error| {
                Error::invalid(format!("--json is not JSON: {error}; for plain text, use --text"))
            })?;
            return Ok(Message::new(json).with_content_type("application/json"));
        }
        if let Some(text) = self.text {
            return Ok(Message::new(text).with_content_type("text/plain"));
        }
        if let Some(file) = self.file {
            let read = std::fs::read(&file);
            return read.map(Message::new).map_err(|error| {
                Error::invalid(format!("cannot read --file {}: {error}", file.display()))
            });
        }
        let mut input = std::io::stdin();
        if input.is_terminal() {
            return Err(Error::invalid("nothing to send; give --json, --text, --file, or a pipe"));
        }
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        Ok(Message::new(bytes))
    }
}

impl Send {
    pub async fn run(self) -> Result<()> {
        let mut message = self.payload.read()?;
        message.id = self.id.map(Into::into);
        if let Some(delay) = self.delay {
            message = message.with_delay(delay);
        }
        if let Some(expires_in) = self.expires_in {
            message = message.with_expiry(expires_in);
        }
        if let Some(priority) = self.priority {
            message = message.with_priority(priority);
        }
        let target = match self.outport {
            true => Target::Outport(&self.queue),
            false => Target::Inport(&self.queue),
        };
        let headers = self.headers;
        self.broker
            .with(async |network| {
                let transport = network.transport();
                transport.publish(target, headers.add(message, &**transport)?).await
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_name() {
        assert_eq!(header("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(header("a=").unwrap(), ("a".into(), String::new()));
        for wrong in ["a", "=b", ""] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_asked_for_and_not_there_is_told() {
        let plain = || Message::new("");
        let second = Duration::from_secs(1);
        for (message, what) in [
            (plain().with_header("a", "b"), "headers"),
            (plain().with_id("7"), "id"),
            (plain().with_delay(second), "--delay"),
            (plain().with_expiry(second), "--expires-in"),
            (plain().with_priority(1), "--priority"),
        ] {
            assert!(unsupported(&message, Abilities::NONE).is_some_and(|told| told.contains(what)));
            assert_eq!(unsupported(&message, Abilities::ALL), None);
        }
        assert_eq!(unsupported(&plain(), Abilities::NONE), None);
    }
}
