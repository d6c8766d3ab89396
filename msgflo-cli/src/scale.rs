//! `msgflo scale`: as many workers as it takes to meet the deadline.

mod check;
mod explain;
mod stats;

use clap::{Args, CommandFactory, Subcommand};
use msgflo::Result;

/// Run as many workers as it takes to meet the deadline
///
/// What is to be scaled, is told by a file in the format of guv.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  msgflo scale check autoscale.guv.yaml
  msgflo scale explain autoscale.guv.yaml --role resize --jobs 40 --current 2
  msgflo scale stats"
)]
pub struct Scale {
    #[command(subcommand)]
    command: Option<Command>,
    // The arguments of the governor itself go here: `#[command(flatten)] govern: govern::Govern`.
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Explain(explain::Explain),
    Stats(stats::Stats),
}

impl Scale {
    pub async fn run(self) -> Result<()> {
        match self.command {
            Some(Command::Check(check)) => check.run(),
            Some(Command::Explain(explain)) => explain.run(),
            Some(Command::Stats(stats)) => stats.run().await,
            None => print_help(),
        }
    }
}

fn print_help() -> Result<()> {
    let mut program = crate::Arguments::command();
    program.build();
    if let Some(scale) = program.find_subcommand_mut("scale") {
        scale.print_help()?;
    }
    Ok(())
}
