//! `msgflo dead export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use msgflo::{Error, Result};

use super::letter::Letter;
use super::look::look;
use super::selection::{Missing, Selection};
use super::{Queues, letters};

/// Write them as lines of JSON, and leave them where they are
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead export --queue resize.IN --output dead.jsonl
  msgflo dead export --queue resize.IN --error timeout | jq -r .payload.text

Each line has id, queue, error, role, port, worker, attempts, first_failed and last_failed (RFC 3339),
content_type, correlation_id, reply_to, sent_at, priority, bytes, headers (pairs of name and value), and
payload: {\"text\": …}, or {\"base64\": …} for what is no text. What is not known is null.")]
pub struct Export {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// Write there, and not on standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub async fn run(self) -> Result<()> {
        let (mut found, mut missing) = (0, Missing::default());
        let mut out: Option<Box<dyn Write>> = None;
        self.queues
            .each(async |transport, queue| {
                // Only now that the broker is reached.
                let out = match &mut out {
                    Some(out) => out,
                    none => none.insert(self.open()?),
                };
                let mut show = |letter: &Letter<'_>| writeln!(out, "{}", letter.json(queue));
                found += look(transport, queue, &self.selection, &mut missing, &mut show).await?;
                Ok(())
            })
            .await?;
        if let Some(mut out) = out {
            out.flush()?;
        }
        if let Some(file) = &self.output {
            println!("{} written to {}", letters(found), file.display());
        }
        missing.check(&self.selection, &self.queues.queue)
    }

    fn open(&self) -> Result<Box<dyn Write>> {
        let Some(file) = &self.output else { return Ok(Box::new(io::stdout())) };
        let created = File::create(file).map_err(|error| {
            Error::message(format!("cannot write to {}: {error}", file.display()))
        })?;
        Ok(Box::new(BufWriter::new(created)))
    }
}
