//! `msgflo send`: a message into a queue.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;
use msgflo::transport::Target;
use msgflo::{Error, Message, Result};

use crate::broker::Broker;

/// Send a message to an inport
///
/// Without --json, --text and --file, the message is read from standard input. It is sent byte
/// for byte, and the program ends when the broker has taken it.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo send --queue resize.IN --json '{\"width\": 320}'
  msgflo send --queue camera.IN --file photo.jpg --broker mqtt://localhost")]
pub struct Send {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`
    #[arg(long)]
    queue: String,
    #[command(flatten)]
    payload: Payload,
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
        let message = self.payload.read()?;
        let target = match self.outport {
            true => Target::Outport(&self.queue),
            false => Target::Inport(&self.queue),
        };
        self.broker.with(async |network| network.transport().publish(target, message).await).await
    }
}
