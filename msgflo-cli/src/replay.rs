//! `msgflo replay`: dead letters back into their queue.

use clap::Args;
use msgflo::Result;
use msgflo::transport::Transport;

use crate::broker::Broker;
use crate::dead::held;
use crate::dead::letter::Letter;
use crate::dead::look::look;
use crate::dead::selection::{Missing, Selection};
use crate::dead::settle::{Errand, settle};

/// Move dead letters back into the queue that they failed in
///
/// Each is acknowledged when the queue has it, so that none is lost; if this is interrupted, one may
/// be there twice. What fails again meanwhile is not moved again: it stays among the dead letters. To see
/// them, or to choose, use `msgflo dead`.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo replay --queue resize.IN --dry-run
  msgflo replay --queue resize.IN --count 1")]
pub struct Replay {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`
    #[arg(long)]
    queue: String,
    /// Move so many at most
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Only tell how many there are
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub async fn run(self) -> Result<()> {
        self.broker.with(async |network| self.replay(&**network.transport()).await).await
    }

    async fn replay(&self, transport: &dyn Transport) -> Result<()> {
        let (queue, dead) = (&self.queue, transport.dead_letter_queue(&self.queue));
        let (first, mut missing) = (Selection::first(self.count), Missing::default());
        if self.dry_run {
            let (at_least, found) = match held::waiting(transport, &dead).await? {
                Some(waiting) => ("", waiting.min(first.limit())),
                // The broker hands out no more before some are settled.
                None => {
                    let mut pass = |_: &Letter<'_>| Ok(());
                    ("at least ", look(transport, queue, &first, &mut missing, &mut pass).await?)
                }
            };
            println!("{at_least}{} would be moved from `{dead}` to `{queue}`", messages(found));
            return Ok(());
        }
        let moved = settle(transport, queue, &first, Errand::Replay, &mut missing).await?;
        println!("{} moved from `{dead}` to `{queue}`", messages(moved));
        Ok(())
    }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".into() } else { format!("{count} messages") }
}
