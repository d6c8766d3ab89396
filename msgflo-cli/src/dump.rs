//! `msgflo dump`: what passes a port, without taking it from anybody.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, SystemTime};

use clap::Args;
use msgflo::transport::{Copies, Direction};
use msgflo::{Network, Result, StopSignals};
use tokio::time::{Instant, sleep_until, timeout};

use crate::broker::Broker;
use crate::line;
use crate::outcome::TimedOut;

/// How long an announcement is waited for that tells whether a queue is an inport's or an outport's.
const LOOK: Duration = Duration::from_secs(2);

/// Print what passes a port, without taking it from anybody
///
/// A line for each message that passes from now on: as it is if it is text on one line, else as
/// text:"…" (a JSON string) or base64:…. Headers stand before it: [tenant=a, kind=b]. Ends with Ctrl-C.
///
/// Of an inport, it prints what comes through its edges. What is sent straight into the queue is not
/// seen on RabbitMQ, which also needs its management plugin for this:
/// `--broker 'amqp://HOST?management=http://HOST:15672'`.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dump --queue resize.OUT
  msgflo dump --queue resize.IN --inport --json --count 10 | jq .payload
  msgflo dump --queue /sensors/roof --broker mqtt://localhost")]
pub struct Dump {
    #[command(flatten)]
    broker: Broker,
    /// The port's queue, as in `msgflo ps`
    #[arg(long)]
    queue: String,
    /// It is an outport's; by default, announcements tell, and if there are none, it is taken for one
    #[arg(long, conflicts_with = "inport")]
    outport: bool,
    /// It is an inport's
    #[arg(long)]
    inport: bool,
    /// Print JSON objects: queue, time, content_type, id, correlation_id and headers (pairs) if there are any, and payload, which is {"base64": …} if it is no text
    #[arg(long)]
    json: bool,
    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after so many seconds; with --count, it is then an error if fewer have come
    #[arg(long, value_name = "SECONDS", value_parser = msgflo::parse_seconds)]
    timeout: Option<Duration>,
}

impl Dump {
    pub async fn run(self) -> Result<()> {
        let dump = async |network: &Network| {
            let mut stop = StopSignals::listen()?;
            tokio::select! {
                dumped = self.dump(network) => dumped,
                () = stop.next() => Ok(()),
            }
        };
        self.broker.with(dump).await
    }

    async fn dump(&self, network: &Network) -> Result<()> {
        let direction = match (self.inport, self.outport) {
            (true, _) => Direction::In,
            (_, true) => Direction::Out,
            _ => announced(network, &self.queue).await?.unwrap_or(Direction::Out),
        };
        let copies = network.tap(&self.queue, direction).await?;
        let kind = if direction == Direction::In { "inport" } else { "outport" };
        anstream::eprintln!("listening at {kind} `{}`; Ctrl-C ends it", self.queue);
        self.print(copies).await
    }

    async fn print(&self, mut copies: Copies) -> Result<()> {
        let end = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut printed = 0;
        while self.count != Some(printed) {
            let copy = tokio::select! {
                copy = copies.next() => copy,
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
                    return match self.count {
                        None => Ok(()),
                        Some(count) => Err(TimedOut(format!(
                            "{printed} of {count} messages passed `{}` in time", self.queue
                        )).into()),
                    };
                }
            };
            let Some(message) = copy.transpose()? else { break };
            let line = match self.json {
                true => line::json(&self.queue, &message, SystemTime::now())?,
                false => line::with_headers(&message),
            };
            match writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush()) {
                // Who read it has had enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
            printed += 1;
        }
        Ok(())
    }
}

/// What a participant says of a queue, if one comes to word in time.
async fn announced(network: &Network, queue: &str) -> Result<Option<Direction>> {
    let mut announcements = network.watch().await?;
    let look = async {
        while let Some(definition) = announcements.next().await.transpose()? {
            let has = |ports: &[msgflo::PortDefinition]| {
                ports.iter().any(|port| port.queue.as_deref() == Some(queue))
            };
            if has(&definition.outports) {
                return Ok(Some(Direction::Out));
            }
            if has(&definition.inports) {
                return Ok(Some(Direction::In));
            }
        }
        Ok(None)
    };
    timeout(LOOK, look).await.unwrap_or(Ok(None))
}
