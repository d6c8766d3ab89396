//! A service that resizes images, as three MsgFlo roles: `web -> resize -> store`.
//!
//! | module | subject |
//! |---|---|
//! | `args`, `service` | the command line, and what it starts |
//! | `graph`, `messages` | how the roles are connected, and what they tell each other |
//! | `web` | the role that takes images over HTTP, and the page |
//! | `resize` | the role that resizes; `fetch` and `images` do its work |
//! | `store` | the role that keeps what becomes of images |
//! | `jobs` | the database, shared by `web` and `store` |
//! | `objects` | where originals and results are kept |

mod args;
mod clock;
mod fetch;
mod format;
mod graph;
mod images;
mod jobs;
mod messages;
mod objects;
mod resize;
mod service;
mod store;
mod web;

use std::io::{IsTerminal, Write};

use clap::Parser;
use msgflo::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::Arguments;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    log_to_stderr();
    // Fails if there is one already, which then does.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let mut stop = Stop::new()?;
    let running = tokio::select! {
        started = service::start(arguments) => match started? {
            Some(running) => running,
            None => return Ok(()),
        },
        () = stop.requested() => return Ok(()),
    };
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", running.ready)?;
    stdout.flush()?;

    let outcome = tokio::select! {
        () = stop.requested() => Ok(()),
        failure = running.failed() => Err(failure),
    };
    tokio::select! {
        stopped = running.stop() => outcome.and(stopped),
        () = stop.requested() => Err(Error::message("stopped before everything was finished")),
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// The signals that ask the program to stop.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns once for each signal.
    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
