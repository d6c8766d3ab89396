//! The whole `main` of a worker.

use std::io::IsTerminal;

use msgflo_core::{Participant, Result};
use tracing_subscriber::EnvFilter;

use crate::Program;

/// Runs a participant as a program of its own, with [`Options`](crate::Options) from the command line and
/// the environment, until SIGINT, SIGTERM or SIGHUP: a [`Program`] without anything beside it.
///
/// Logs go to standard error: see [`log_to_stderr`].
///
/// ```no_run
/// # use msgflo::Participant;
/// /// Does nothing, but is seen in the network
/// #[derive(Participant)]
/// struct Idle {}
///
/// #[tokio::main]
/// async fn main() -> msgflo::Result<()> {
///     msgflo::run(Idle {}).await
/// }
/// ```
///
/// # Errors
/// As [`Program::run`].
pub async fn run<P: Participant>(participant: P) -> Result<()> {
    Program::new(participant).run().await
}

/// Logs to standard error as [`run`] does, for a program that is more than a worker: warnings by
/// default, more with `RUST_LOG=info` (or `debug`, …). A `tracing` subscriber that was set before
/// stays.
pub fn log_to_stderr() {
    // What lapin logs of a failed connection is told as an error, or tried again.
    let quiet = || EnvFilter::new("warn,lapin=off");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet());
    // Fails if there is a subscriber already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // Else it panics, in the middle of a message, when nobody reads standard error any more.
        .log_internal_errors(false)
        .try_init();
}
