//! `msgflo dead replay`.

use clap::Args;
use msgflo::Result;

use super::letter::Letter;
use super::look::look;
use super::selection::{Missing, Selection};
use super::settle::{Errand, settle};
use super::{Queues, letters};

/// Move them back into the queue that they failed in, with all attempts before them
///
/// Each is taken away when the queue has it, so that none is lost; if this is killed, some may be
/// there twice. What fails again meanwhile stays a dead letter. What is not selected stays in its order.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead replay --queue resize.IN
  msgflo dead replay --queue resize.IN --error timeout --dry-run
  msgflo dead replay --queue resize.IN --id 7 --id 8")]
pub struct Replay {
    #[command(flatten)]
    queues: Queues,
    #[command(flatten)]
    selection: Selection,
    /// Only tell how many it would be
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub async fn run(self) -> Result<()> {
        let mut missing = Missing::default();
        let selection = &self.selection;
        self.queues
            .each(async |transport, queue| {
                if self.dry_run {
                    let mut pass = |_: &Letter<'_>| Ok(());
                    let found = look(transport, queue, selection, &mut missing, &mut pass).await?;
                    println!("{} of `{queue}` would be moved", letters(found));
                    return Ok(());
                }
                let moved =
                    settle(transport, queue, selection, Errand::Replay, &mut missing).await?;
                println!("{} of `{queue}` moved", letters(moved));
                Ok(())
            })
            .await?;
        missing.check(selection, &self.queues.queue)
    }
}
