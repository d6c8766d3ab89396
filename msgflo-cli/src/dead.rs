//! `msgflo dead`: messages that could not be processed.
//!
//! - `letter.rs`: what a dead letter tells; `selection.rs`: which are meant; `again.rs`: which have failed
//!   again since they were moved. These decide, and do nothing.
//! - `held.rs` takes them from their queue and gives them back; `look.rs` shows them to whoever
//!   looks; `settle.rs` moves them back, or deletes them.
//! - the others are an action each.

mod again;
mod export;
pub mod held;
pub mod letter;
mod list;
pub mod look;
mod progress;
mod purge;
mod replay;
pub mod selection;
pub mod settle;
mod show;

use clap::{Args, Subcommand};
use msgflo::Result;
use msgflo::transport::Transport;

use crate::broker::Broker;

/// See messages that could not be processed, and why; move them back, or away
///
/// A message that fails as often as its inport allows becomes a dead letter, in the queue `dead-QUEUE`, with
/// the reason among its headers. Looking takes nothing: what is looked at goes back.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo dead list
  msgflo dead show 7 --queue resize.IN
  msgflo dead replay --queue resize.IN --error 'origin is busy'
  msgflo dead purge --queue resize.IN --id 7
  msgflo dead export --queue resize.IN --output dead.jsonl")]
pub struct Dead {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    List(list::List),
    Show(show::Show),
    Replay(replay::Replay),
    Purge(purge::Purge),
    Export(export::Export),
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

impl Queues {
    /// Lets `work` have the transport and the queues, one after the other.
    async fn each(
        &self,
        mut work: impl AsyncFnMut(&dyn Transport, &str) -> Result<()>,
    ) -> Result<()> {
        self.broker
            .with(async |network| {
                for queue in &self.queue {
                    work(&**network.transport(), queue).await?;
                }
                Ok(())
            })
            .await
    }
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

/// So many dead letters, in words.
fn letters(count: u64) -> String {
    if count == 1 { "1 dead letter".into() } else { format!("{count} dead letters") }
}
