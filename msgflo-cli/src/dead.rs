//! `msgflo dead`: messages that could not be processed.

mod held;
mod letter;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use futures_util::stream::{FuturesUnordered, StreamExt};
use msgflo::transport::{Delivery, Target, Transport};
use msgflo::{Error, Network, Result, reserved};

use crate::broker::Broker;
use held::{Held, Queue};
use letter::{Letter, Selection};

/// So many are looked at at most; the broker hands out no more before some are settled.
const MOST: usize = u16::MAX as usize;
/// How many are on their way at once when they are moved.
const PIPELINED: usize = 256;

/// See messages that could not be processed, and why; move them back, or away
///
/// A message that fails as often as its inport allows becomes a dead letter, in the queue `dead-QUEUE`, with
/// the reason among its headers. Looking takes nothing: what is looked at goes back.
#[derive(Args)]
pub struct Dead {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    List(List),
    Show(Show),
    Replay(Replay),
    Purge(Purge),
    Export(Export),
}

/// Which queues.
#[derive(Args)]
struct Queues {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`; can be given several times
    #[arg(long, required = true)]
    queue: Vec<String>,
}

/// List them, the oldest first
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead list --queue resize.IN
  msgflo dead list --queue resize.IN --error 'no such photo' --json")]
struct List {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// One JSON object for each, as `export` writes it
    #[arg(long)]
    json: bool,
}

/// Show one with all its headers
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead show 7 --queue resize.IN
  msgflo dead show 7 --queue resize.IN --output photo.jpg")]
struct Show {
    /// Its id, as `list` shows it
    id: String,
    #[command(flatten)]
    queues: Queues,
    /// As a JSON object
    #[arg(long)]
    json: bool,
    /// Write the payload there, byte for byte
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Move them back into the queue that they failed in, with all attempts before them
///
/// Each is taken away when the queue has it, so that none is lost; if this is interrupted, one may be
/// there twice. What fails again meanwhile stays a dead letter.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead replay --queue resize.IN
  msgflo dead replay --queue resize.IN --error timeout --dry-run")]
struct Replay {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// Only tell how many it would be
    #[arg(long)]
    dry_run: bool,
}

/// Delete them
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead purge --queue resize.IN --error 'no such photo'")]
struct Purge {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Write them as lines of JSON, and leave them where they are
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead export --queue resize.IN --output dead.jsonl

Each line has id, error, role, port, queue, attempts, first_failed and last_failed (RFC 3339), content_type,
correlation_id, headers (pairs), and payload: {\"text\": …}, or {\"base64\": …} for what is no text.")]
struct Export {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// Write there, and not on standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Dead {
    pub async fn run(self) -> Result<()> {
        match self.action {
            Action::List(list) => list.run().await,
            Action::Show(show) => show.run().await,
            Action::Replay(replay) => replay.run().await,
            Action::Purge(purge) => purge.run().await,
            Action::Export(export) => export.run().await,
        }
    }
}

/// The time as dead letters tell it.
fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// In the far future: when nothing is moved, nothing fails again.
const EVER: &str = "9999";

/// Those that are meant, and the others, which only wait to be given back.
async fn look(
    transport: &dyn Transport,
    queue: &str,
    selection: &Selection,
    look_at: &mut dyn FnMut(&Letter<'_>) -> Result<()>,
) -> Result<u64> {
    check(transport, selection)?;
    let mut dead = Queue::open(transport, &transport.dead_letter_queue(queue)).await?;
    if dead.waiting.is_some_and(|waiting| waiting > MOST as u64) {
        eprintln!(
            "note: there are more than {MOST} dead letters of `{queue}`; the first {MOST} are looked at"
        );
    }
    let held = dead.take(MOST).await?;
    let mut found = 0;
    for delivery in &held.0 {
        let letter = Letter::read(&delivery.message);
        if found < selection.limit() && selection.has(&letter, EVER) {
            look_at(&letter)?;
            found += 1;
        }
    }
    Ok(found)
}

fn check(transport: &dyn Transport, selection: &Selection) -> Result<()> {
    if selection.needs_headers() && !transport.abilities().headers {
        return Err(Error::invalid(format!(
            "dead letters on {} have no reasons, as MQTT 3.1.1 has no headers: select them with --id or --count",
            transport.url()
        )));
    }
    Ok(())
}

impl Queues {
    async fn each(self, work: impl AsyncFn(&Network, &str) -> Result<()>) -> Result<()> {
        let Self { broker, queue } = self;
        broker
            .with(async |network| {
                for queue in &queue {
                    work(network, queue).await?;
                }
                Ok(())
            })
            .await
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let Self { queues, selection, json } = self;
        queues
            .each(async |network, queue| {
                let mut rows =
                    vec![["ID", "FAILED", "ATTEMPTS", "AT", "BYTES", "ERROR"].map(String::from)];
                let mut out = io::stdout().lock();
                let mut show = |letter: &Letter<'_>| {
                    match json {
                        true => writeln!(out, "{}", letter.json())?,
                        false => rows.push(letter.row()),
                    }
                    Ok(())
                };
                let found = look(&**network.transport(), queue, &selection, &mut show).await?;
                if !json {
                    writeln!(out, "{} of `{queue}`", letters(found))?;
                    if found > 0 {
                        write!(out, "{}", table(&rows))?;
                    }
                }
                Ok(())
            })
            .await
    }
}

fn table(rows: &[[String; 6]]) -> String {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut table = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

impl Show {
    async fn run(self) -> Result<()> {
        let Self { id, queues, json, output } = self;
        let names = queues.queue.join("`, `");
        let selection = Selection { id: vec![id.clone()], count: Some(1), error: None };
        let mut shown = false;
        let Queues { broker, queue } = queues;
        broker
            .with(async |network| {
                for queue in &queue {
                    let transport = &**network.transport();
                    let mut dead =
                        Queue::open(transport, &transport.dead_letter_queue(queue)).await?;
                    let held = dead.take(MOST).await?;
                    let mine = held
                        .0
                        .iter()
                        .find(|delivery| selection.has(&Letter::read(&delivery.message), EVER));
                    let Some(delivery) = mine else { continue };
                    show(delivery, json, output.as_deref())?;
                    shown = true;
                    break;
                }
                Ok(())
            })
            .await?;
        match shown {
            true => Ok(()),
            false => Err(Error::message(format!(
                "there is no dead letter `{id}` of `{names}`; see `msgflo dead list`"
            ))),
        }
    }
}

fn show(delivery: &Delivery, json: bool, output: Option<&std::path::Path>) -> Result<()> {
    let message = &delivery.message;
    let letter = Letter::read(message);
    let mut out = io::stdout().lock();
    if let Some(file) = output {
        std::fs::write(file, &message.payload).map_err(|error| {
            Error::message(format!("cannot write the payload to {}: {error}", file.display()))
        })?;
    }
    if json {
        writeln!(out, "{}", letter.json())?;
        return Ok(());
    }
    writeln!(out, "id: {}", letter.id)?;
    if let Some(content_type) = &message.content_type {
        writeln!(out, "content type: {content_type}")?;
    }
    if let Some(id) = message.correlation_id() {
        writeln!(out, "correlation id: {id}")?;
    }
    for (name, value) in message.headers().iter() {
        writeln!(out, "{name}: {value}")?;
    }
    match std::str::from_utf8(&message.payload) {
        Ok(text) => writeln!(out, "\n{text}")?,
        Err(_) => writeln!(
            out,
            "\n{} bytes that are no text; --output writes them to a file",
            message.payload.len()
        )?,
    }
    Ok(())
}

impl Export {
    async fn run(self) -> Result<()> {
        let Self { queues, selection, output } = self;
        let mut out: Box<dyn Write> = match &output {
            None => Box::new(io::stdout()),
            Some(file) => {
                Box::new(io::BufWriter::new(std::fs::File::create(file).map_err(|error| {
                    Error::message(format!("cannot write to {}: {error}", file.display()))
                })?))
            }
        };
        let Queues { broker, queue } = queues;
        let mut found = 0;
        broker
            .with(async |network| {
                for queue in &queue {
                    let transport = &**network.transport();
                    found += look(transport, queue, &selection, &mut |letter| {
                        Ok(writeln!(out, "{}", letter.json())?)
                    })
                    .await?;
                }
                Ok(())
            })
            .await?;
        out.flush()?;
        if let Some(file) = output {
            println!("{} written to {}", letters(found), file.display());
        }
        Ok(())
    }
}

impl Replay {
    async fn run(self) -> Result<()> {
        let Self { queues, selection, dry_run } = self;
        queues
            .each(async |network, queue| {
                let transport = &**network.transport();
                if dry_run {
                    let found = look(transport, queue, &selection, &mut |_| Ok(())).await?;
                    println!("{} of `{queue}` would be moved", letters(found));
                    return Ok(());
                }
                check(transport, &selection)?;
                let moved = settle(transport, queue, &selection, true).await?;
                println!("{} of `{queue}` moved", letters(moved));
                Ok(())
            })
            .await
    }
}

impl Purge {
    async fn run(self) -> Result<()> {
        let Self { queues, selection, yes } = self;
        queues
            .each(async |network, queue| {
                let transport = &**network.transport();
                if !yes {
                    if !io::stdin().is_terminal() {
                        return Err(Error::invalid(
                            "nobody is there to be asked whether to delete dead letters; say --yes",
                        ));
                    }
                    let found = look(transport, queue, &selection, &mut |_| Ok(())).await?;
                    eprint!("delete {} of `{queue}` for ever? [y/N] ", letters(found));
                    let mut answer = String::new();
                    io::stdin().lock().read_line(&mut answer)?;
                    if !matches!(answer.trim(), "y" | "Y" | "yes") {
                        return Err(Error::message("nothing was deleted"));
                    }
                }
                check(transport, &selection)?;
                let deleted = settle(transport, queue, &selection, false).await?;
                println!("{} of `{queue}` deleted", letters(deleted));
                Ok(())
            })
            .await
    }
}

/// Moves those that are meant back into their queue, or deletes them; returns how many. The others are
/// held until the end, so that each is seen once.
async fn settle(
    transport: &dyn Transport,
    queue: &str,
    selection: &Selection,
    is_replay: bool,
) -> Result<u64> {
    let since = now();
    let mut dead = Queue::open(transport, &transport.dead_letter_queue(queue)).await?;
    let mut others = Held(Vec::new());
    let mut moving = FuturesUnordered::new();
    let (mut settled, mut begun) = (0, 0);
    while begun < selection.limit() {
        while moving.len() >= PIPELINED {
            settled += count(moving.next().await)?;
        }
        let delivery = tokio::select! {
            biased;
            delivery = dead.next() => delivery?,
            Some(moved) = moving.next(), if !moving.is_empty() => {
                settled += count(Some(moved))?;
                continue;
            }
        };
        let Some(delivery) = delivery else { break };
        if !selection.has(&Letter::read(&delivery.message), &since) {
            others.0.push(delivery);
            continue;
        }
        begun += 1;
        moving.push(async move {
            if is_replay {
                let message = reserved::revived(&delivery.message);
                let failed_in = delivery.message.headers().get(reserved::QUEUE);
                let target = Target::Inport(failed_in.unwrap_or(queue));
                transport.publish(target, message).await?;
            }
            delivery.acknowledge();
            Ok(())
        });
    }
    while let Some(moved) = moving.next().await {
        settled += count(Some(moved))?;
    }
    Ok(settled)
}

fn count(moved: Option<Result<()>>) -> Result<u64> {
    moved.transpose().map(|moved| u64::from(moved.is_some()))
}

fn letters(count: u64) -> String {
    if count == 1 { "1 dead letter".into() } else { format!("{count} dead letters") }
}
