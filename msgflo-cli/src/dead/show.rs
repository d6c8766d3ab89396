//! `msgflo dead show`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use msgflo::Result;

use super::Queues;
use super::letter::Letter;
use super::look::look;
use super::selection::{Missing, Selection};

/// Show one with all its headers
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead show 7 --queue resize.IN
  msgflo dead show 7 --queue resize.IN --output photo.jpg")]
pub struct Show {
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

impl Show {
    pub async fn run(self) -> Result<()> {
        // The first, if several have the same.
        let selection = Selection { count: Some(1), ..Selection::one(&self.id) };
        let (mut missing, mut is_shown) = (Missing::default(), false);
        self.queues
            .each(async |transport, queue| {
                if is_shown {
                    return Ok(());
                }
                let mut show = |letter: &Letter<'_>| self.show(queue, letter);
                is_shown = look(transport, queue, &selection, &mut missing, &mut show).await? > 0;
                Ok(())
            })
            .await?;
        missing.check(&selection, &self.queues.queue)
    }

    fn show(&self, queue: &str, letter: &Letter<'_>) -> io::Result<()> {
        if let Some(file) = &self.output {
            write(file, &letter.message.payload)?;
        }
        let mut out = io::stdout().lock();
        if self.json {
            return writeln!(out, "{}", letter.json(queue));
        }
        for (name, value) in letter.known(queue) {
            writeln!(out, "{name}: {}", value.replace(char::is_control, "\u{FFFD}"))?;
        }
        let payload = &letter.message.payload;
        match (&self.output, std::str::from_utf8(payload)) {
            (Some(file), _) => {
                writeln!(out, "\n{} bytes written to {}", payload.len(), file.display())
            }
            (None, Ok(text)) => writeln!(out, "\n{text}"),
            (None, Err(_)) => writeln!(
                out,
                "\n{} bytes that are no text; --output writes them to a file",
                payload.len()
            ),
        }
    }
}

fn write(file: &Path, payload: &[u8]) -> io::Result<()> {
    std::fs::write(file, payload).map_err(|error| {
        let told = format!("cannot write the payload to {}: {error}", file.display());
        io::Error::new(error.kind(), told)
    })
}
