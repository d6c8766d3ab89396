//! The whole `main` of a worker.

use std::io::{IsTerminal, Write};

use clap::{Args, FromArgMatches};
use msgflo_core::{Component, Error, Participant, Result};
use tracing_subscriber::EnvFilter;

use crate::{Options, StopSignals, connect_within};

/// Runs a participant as a program of its own, with [`Options`] from the command line and the
/// environment, until SIGINT or SIGTERM: connects, declares its queues, announces it, prints one
/// line on standard output when it is ready, and processes messages. When it is told to stop, it
/// finishes what is in flight; told a second time, it stops at once, and the broker delivers
/// again what was not finished.
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
/// If the broker cannot be reached or refuses, a queue cannot be had, or an IIP is refused.
pub async fn run<P: Participant>(participant: P) -> Result<()> {
    let component = P::component();
    let options = parse(&component);
    let role = options.role(&component.name);
    if options.describe() {
        let message = component.instantiate(&role)?.to_discovery_message();
        return print_line(&format!("{message:#}"));
    }
    log_to_stderr();

    let mut stop = StopSignals::listen()?;
    let broker = options.broker();
    let network = tokio::select! {
        network = connect_within(&broker, options.connect_timeout()) => network?,
        () = stop.next() => return Ok(()),
    };
    let outcome = tokio::select! {
        started = network.start_with(&role, participant, options.settings()) => match started {
            Ok(_) => {
                print_line(&format!(
                    "{role} ({}) is ready on {}",
                    component.name,
                    network.transport().url()
                ))?;
                tokio::select! {
                    () = stop.next() => Ok(()),
                    error = network.failed() => Err(error),
                }
            }
            Err(error) => Err(error),
        },
        () = stop.next() => Ok(()),
    };
    tokio::select! {
        shut_down = network.shutdown() => outcome.and(shut_down),
        () = stop.next() => Err(Error::message(
            "stopped before everything in flight was finished; it will be delivered again",
        )),
    }
}

fn parse(component: &Component) -> Options {
    let command = Options::augment_args(clap::Command::new("participant"));
    let matches = command.about(component.label.clone()).get_matches();
    Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn print_line(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(())
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
