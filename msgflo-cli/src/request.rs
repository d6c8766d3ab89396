//! `msgflo request`: a message, and what comes of it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use msgflo::transport::{Direction, Target};
use msgflo::{Decode, Error, Message, Payload as Carried, Result};
use tokio::time::timeout;

use crate::broker::Broker;
use crate::line;
use crate::outcome::TimedOut;
use crate::send::{HeaderArguments, Payload};

/// Send a message to an inport, and print the first that then leaves an outport
///
/// Without --json, --text and --file, the message is read from standard input. The answer is printed
/// byte for byte; it is taken from nobody. With --answer, for participants in any language, it is the first
/// message on that outport, whatever it is the answer to.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo request --queue double.IN --json 21
  msgflo request --queue resize.IN --answer resize.OUT --json '{\"width\": 320}'
  msgflo request --queue thumbnail.IN --answer thumbnail.OUT --file photo.jpg > small.jpg")]
pub struct Request {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`
    #[arg(long)]
    queue: String,
    /// The outport's queue on which the answer is sent. Without it, the answer is what the participant
    /// sends first while it processes this message: participants of msgflo for Rust tell
    #[arg(long, value_name = "OUTPORT")]
    answer: Option<String>,
    #[command(flatten)]
    payload: Payload,
    #[command(flatten)]
    headers: HeaderArguments,
    /// How long an answer may take
    #[arg(long, value_name = "SECONDS", value_parser = msgflo::parse_seconds, default_value = "30")]
    timeout: Duration,
}

impl Request {
    pub async fn run(self) -> Result<()> {
        let message = self.payload.read()?;
        let (queue, answer, headers) = (&self.queue, &self.answer, self.headers);
        let waited = self.timeout.as_secs_f32();
        let answered = self.broker.with(async |network| {
            let transport = network.transport();
            let message = headers.add(message, &**transport)?;
            let Some(answer) = answer else {
                let asked = network.request_message::<Raw>(queue, message).timeout(Duration::MAX);
                return match timeout(self.timeout, asked).await {
                    Ok(answer) => Ok(answer?.0),
                    Err(_) => Err(TimedOut(format!(
                        "no answer to what was sent to `{queue}` came within {waited} s; is a participant of msgflo for Rust running that answers there? (`msgflo ps`) For others, give the outport that they answer on: --answer OUTPORT"
                    ))
                    .into()),
                };
            };
            let mut copies = transport.tap(answer, Direction::Out).await?;
            transport.publish(Target::Inport(queue), message).await?;
            match timeout(self.timeout, copies.next()).await {
                Ok(Some(answer)) => answer,
                Ok(None) => Err(Error::message("the connection was closed before an answer came")),
                Err(_) => {
                    Err(TimedOut(format!(
                        "no message left `{answer}` within {waited} s after one was sent to `{queue}`; is a participant running that answers there? (`msgflo ps`)"
                    ))
                    .into())
                }
            }
        });
        print(&answered.await?)
    }
}

/// An answer as it comes.
struct Raw(Message);

impl Carried for Raw {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn port_type() -> &'static str {
        "any"
    }

    fn accepts(_: &str) -> bool {
        true
    }
}

impl Decode for Raw {
    fn decode(message: Message) -> Result<Self> {
        Ok(Self(message))
    }
}

/// Byte for byte. What fills lines on a terminal, ends with one.
fn print(message: &Message) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(&message.payload)?;
    let is_line = std::str::from_utf8(&message.payload).is_ok_and(line::is_printable);
    if is_line || stdout.is_terminal() {
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}
