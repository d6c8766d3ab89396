//! A service that resizes images, as three MsgFlo roles: `web -> resize -> store`.
//!
//! | module | subject |
//! |---|---|
//! | `args`, `service` | the command line, and what it starts |
//! | `graph`, `messages` | how the roles are connected, and what they tell each other |
//! | `web` | the role that takes images over HTTP, and the page |
//! | `resize` | the role that resizes; `fetch` and `images` do its work, `memory` bounds it |
//! | `store` | the role that keeps what becomes of images |
//! | `jobs` | the database, shared by `web` and `store` |
//! | `expiry` | deletes old jobs, beside `store` |
//! | `objects` | where originals and results are kept |

mod args;
mod clock;
mod expiry;
mod fetch;
mod format;
mod graph;
mod images;
mod jobs;
mod memory;
mod messages;
mod objects;
mod resize;
mod service;
mod store;
mod web;

use std::io::Write;

use clap::Parser;
use msgflo::{Result, StopSignals};

use crate::args::Arguments;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    msgflo::log_to_stderr();
    // Fails if there is one already, which then does.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let mut stop = StopSignals::listen()?;
    let running = tokio::select! {
        started = service::start(arguments) => match started? {
            Some(running) => running,
            None => return Ok(()),
        },
        () = stop.next() => return Ok(()),
    };
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", running.ready)?;
    stdout.flush()?;

    let outcome = tokio::select! {
        () = stop.next() => Ok(()),
        failure = running.failed() => Err(failure),
    };
    tokio::select! {
        stopped = running.stop() => outcome.and(stopped),
        () = stop.next() => {
            // Images that are being resized end with the process, and come again.
            eprintln!("stopped before everything in flight was finished; it will be done later");
            std::process::exit(1);
        }
    }
}
