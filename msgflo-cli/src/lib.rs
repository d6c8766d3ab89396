//! The `msgflo` program: a file for each subcommand, and what all of them share.
//!
//! - [`main`] reads the arguments, runs the subcommand, and turns its outcome into an exit code.
//! - `broker.rs`: which broker, and connecting to it.
//! - `input.rs`: files that a user gives.
//! - `outcome.rs`: the exit codes.
//!
//! A subcommand is a struct with its arguments and an async method `run`; it prints its result on
//! standard output and everything else on standard error.

mod broker;
mod graph;
mod input;
mod new;
mod outcome;
mod send;
mod test;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use msgflo::{Error, Result};

/// See a MsgFlo network, wire it from a graph, run it, test it
#[derive(Parser)]
#[command(name = "msgflo", version, after_help = outcome::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Graph(graph::Graph),
    New(new::New),
    Send(send::Send),
    Test(test::Test),
    /// Print a script that completes commands and options in a shell
    ///
    /// For bash: msgflo completions bash > ~/.local/share/bash-completion/completions/msgflo
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Graph(graph) => graph.run().await,
            Self::New(new) => new.run(),
            Self::Send(send) => send.run().await,
            Self::Test(test) => test.run().await,
            Self::Completions { shell } => print_completions(shell),
        }
    }
}

/// Runs the program as `msgflo COMMAND …`, with the process's arguments behind `command`.
pub fn main(command: &[&str]) -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_else(|| "msgflo".into());
    let command = command.iter().map(OsString::from);
    let arguments = Arguments::parse_from([program].into_iter().chain(command).chain(arguments));
    msgflo::log_to_stderr();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(arguments.command.run()));
    outcome::exit_code(outcome)
}

fn print_completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "msgflo", &mut script);
    Ok(io::stdout().write_all(&script)?)
}
