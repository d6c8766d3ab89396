//! `msgflo graph`: graphs as files and as pictures.

mod convert;
mod running;
mod show;

use clap::{Args, Subcommand};
use msgflo::Result;

/// Convert graphs, and draw them
#[derive(Args)]
pub struct Graph {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(convert::Convert),
    Show(show::Show),
}

impl Graph {
    pub async fn run(self) -> Result<()> {
        match self.command {
            Command::Convert(convert) => convert.run(),
            Command::Show(show) => show.run().await,
        }
    }
}
