//! `msgflo dead list`.

use std::io::{self, IsTerminal, Write};

use anstyle::Style;
use clap::Args;
use msgflo::transport::Transport;
use msgflo::{ErrorKind, Result};

use super::letter::Letter;
use super::look::look;
use super::selection::{Missing, Selection};
use super::{held, letters};
use crate::broker::Broker;
use crate::observation::Listen;
use crate::ps::table::Table;

/// List them, the oldest first
///
/// Without --queue, those of all inports that announce themselves within --wait.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead list
  msgflo dead list --queue resize.IN --count 10
  msgflo dead list --queue resize.IN --error 'no such photo' --json | jq -r .id")]
pub struct List {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`; can be given several times
    #[arg(long)]
    queue: Vec<String>,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    selection: Selection,
    /// One JSON object for each, as `export` writes it
    #[arg(long)]
    json: bool,
}

impl List {
    pub async fn run(self) -> Result<()> {
        let mut missing = Missing::default();
        let queues = self
            .broker
            .with(async |network| {
                let transport = &**network.transport();
                let mut queues = self.queue.clone();
                if queues.is_empty() {
                    queues = self.listen.observe(network).await?.inport_queues();
                    queues = self.with_dead_letters(transport, queues).await?;
                }
                for queue in &queues {
                    self.list(transport, queue, &mut missing).await?;
                }
                Ok(queues)
            })
            .await?;
        match queues.is_empty() {
            true => Ok(()),
            false => missing.check(&self.selection, &queues),
        }
    }

    /// Those of all inports' queues that have some, or may have.
    async fn with_dead_letters(
        &self,
        transport: &dyn Transport,
        inports: Vec<String>,
    ) -> Result<Vec<String>> {
        let (count, mut found) = (inports.len(), Vec::new());
        for queue in inports {
            match held::waiting(transport, &transport.dead_letter_queue(&queue)).await {
                Ok(Some(0)) => {}
                Ok(_) => found.push(queue),
                // A peer's, which has none.
                Err(error) if matches!(error.kind(), Some(ErrorKind::Queue { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        if found.is_empty() {
            let url = transport.url();
            eprintln!("no dead letters in the queues of {count} inports that are known on {url}");
        }
        Ok(found)
    }

    async fn list(
        &self,
        transport: &dyn Transport,
        queue: &str,
        missing: &mut Missing,
    ) -> Result<()> {
        if self.json {
            let mut show = |letter: &Letter<'_>| writeln!(io::stdout(), "{}", letter.json(queue));
            look(transport, queue, &self.selection, missing, &mut show).await?;
            return Ok(());
        }
        let heads = ["ID", "FAILED", "ATTEMPTS", "AT", "BYTES", "ERROR"];
        let mut table = Table::new(&heads).numbers(&[2, 4]);
        let mut show = |letter: &Letter<'_>| {
            table.add(letter.row());
            Ok(())
        };
        let found = look(transport, queue, &self.selection, missing, &mut show).await?;
        let mut out = anstream::stdout().lock();
        writeln!(out, "{} of `{queue}`", letters(found))?;
        if found == 0 {
            return Ok(());
        }
        let width = match io::stdout().is_terminal() {
            true => ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns.into()),
            false => None,
        };
        for (row, line) in table.lines(width).enumerate() {
            let style = if row == 0 { Style::new().bold() } else { Style::new() };
            writeln!(out, "{style}{line}{style:#}")?;
        }
        Ok(())
    }
}
