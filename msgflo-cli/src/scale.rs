//! `msgflo scale`: as many workers as it takes to meet the deadline.

mod check;
mod configuration;
mod explain;
mod govern;
mod jobs;
mod plot;
mod simulate;
mod stats;

use clap::{Args, Subcommand};
use msgflo::Result;

/// Run as many workers as it takes to meet the deadline
///
/// What is to be scaled, is told by a file in the format of guv. The number of workers is decided anew
/// at each role's `pollinterval`; changes are printed. If something that is needed for that is missing,
/// it stays what it was, and a warning says so.
///
/// With the backend `process`, workers are processes of this program: on SIGINT or SIGTERM, they finish
/// what they are at and end with it; on a second, they are cut, and the broker delivers again. What
/// they print goes to standard error.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  msgflo scale images.guv.yaml --command resize='imageresize resize' --metrics 127.0.0.1:9187
  msgflo scale images.guv.yaml --backend heroku --dry-run
  msgflo scale check autoscale.guv.yaml
  msgflo scale explain autoscale.guv.yaml --role resize --jobs 40 --current 2
  msgflo scale simulate autoscale.guv.yaml --pattern burst --plot burst.svg
  msgflo scale stats"
)]
pub struct Scale {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    govern: govern::Govern,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Explain(explain::Explain),
    Plot(plot::Plot),
    Simulate(simulate::Simulate),
    Stats(stats::Stats),
}

impl Scale {
    pub async fn run(self) -> Result<()> {
        match self.command {
            Some(Command::Check(check)) => check.run(),
            Some(Command::Explain(explain)) => explain.run(),
            Some(Command::Plot(plot)) => plot.run(),
            Some(Command::Simulate(simulate)) => simulate.run(),
            Some(Command::Stats(stats)) => stats.run().await,
            None => self.govern.run().await,
        }
    }
}
