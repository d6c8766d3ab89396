//! `msgflo dead purge`.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use msgflo::transport::Transport;
use msgflo::{Error, Result};

use super::look::look;
use super::selection::{Missing, Selection};
use super::settle::{Errand, settle};
use super::{Queues, letters};

/// Delete them
///
/// On a terminal, it asks before.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead purge --queue resize.IN --error 'no such photo'
  msgflo dead purge --queue resize.IN --yes")]
pub struct Purge {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Purge {
    pub async fn run(self) -> Result<()> {
        if !self.yes && !io::stdin().is_terminal() {
            return Err(Error::invalid(
                "nobody is there to be asked whether to delete dead letters; say --yes",
            ));
        }
        let mut missing = Missing::default();
        self.queues
            .each(async |transport, queue| {
                let deleted = self.purge(transport, queue, &mut missing).await?;
                println!("{} of `{queue}` deleted", letters(deleted));
                Ok(())
            })
            .await?;
        missing.check(&self.selection, &self.queues.queue)
    }

    async fn purge(
        &self,
        transport: &dyn Transport,
        queue: &str,
        missing: &mut Missing,
    ) -> Result<u64> {
        let mut selection = self.selection.clone();
        if !self.yes {
            let found = look(transport, queue, &selection, missing, &mut |_| Ok(())).await?;
            if found == 0 {
                return Ok(0);
            }
            eprint!("delete {} of `{queue}` for ever? [y/N] ", letters(found));
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer)?;
            if !matches!(answer.trim(), "y" | "Y" | "yes") {
                return Err(Error::message("nothing was deleted"));
            }
            // Nothing that has come since.
            selection.count = Some(found);
        }
        settle(transport, queue, &selection, Errand::Purge, missing).await
    }
}
