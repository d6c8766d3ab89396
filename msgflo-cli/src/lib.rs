//! The `msgflo` program: a file for each subcommand, and what all of them share.
//!
//! - [`main`] reads the arguments, runs the subcommand, and turns its outcome into an exit code.
//! - `broker.rs`: which broker, and connecting to it.
//! - `components.rs`: which command runs a component.
//! - `input.rs`: files that a user gives.
//! - `line.rs`: how a message is shown on one line.
//! - `observation.rs`: the network as it is seen, for the subcommands that show it.
//! - `outcome.rs`: the exit codes.
//!
//! A subcommand is a struct with its arguments and an async method `run`; it prints its result on
//! standard output and everything else on standard error.

mod broker;
mod components;
mod dead;
mod deployment;
mod docs;
mod dump;
mod graph;
mod input;
mod line;
mod new;
mod observation;
mod outcome;
mod ps;
mod register;
mod replay;
mod request;
mod scale;
mod send;
mod setup;
mod test;
mod watch;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
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
    Compose(deployment::Compose),
    Dead(dead::Dead),
    Docs(docs::Docs),
    Dump(dump::Dump),
    Graph(graph::Graph),
    K8s(deployment::K8s),
    New(new::New),
    Procfile(deployment::Procfile),
    Ps(ps::Ps),
    Register(register::Register),
    Replay(replay::Replay),
    Request(request::Request),
    Scale(Box<scale::Scale>),
    Send(send::Send),
    Setup(setup::Setup),
    Test(test::Test),
    Watch(watch::Watch),
    /// Print a script that completes commands and options in a shell
    ///
    /// For bash: msgflo completions bash > ~/.local/share/bash-completion/completions/msgflo
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// Whether logs would appear on top of what it shows.
    fn fills_terminal(&self) -> bool {
        matches!(self, Self::Watch(_)) && io::stderr().is_terminal()
    }

    async fn run(self) -> Result<()> {
        match self {
            Self::Compose(compose) => compose.run(),
            Self::Dead(dead) => dead.run().await,
            Self::Docs(docs) => docs.run().await,
            Self::Dump(dump) => dump.run().await,
            Self::Graph(graph) => graph.run().await,
            Self::K8s(k8s) => k8s.run(),
            Self::New(new) => new.run(),
            Self::Procfile(procfile) => procfile.run(),
            Self::Ps(ps) => ps.run().await,
            Self::Register(register) => register.run().await,
            Self::Replay(replay) => replay.run().await,
            Self::Request(request) => request.run().await,
            Self::Scale(scale) => scale.run().await,
            Self::Send(send) => send.run().await,
            Self::Setup(setup) => setup.run().await,
            Self::Test(test) => test.run().await,
            Self::Watch(watch) => watch.run().await,
            Self::Completions { shell } => print_completions(shell),
        }
    }
}

/// Runs the program as `msgflo COMMAND …`, with the process's arguments behind `command`.
pub fn main(command: &[&str]) -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    // Also under its other names, which say the first word of the command already.
    let program = OsString::from("msgflo");
    let command = command.iter().map(OsString::from);
    let arguments = Arguments::parse_from([program].into_iter().chain(command).chain(arguments));
    if !arguments.command.fills_terminal() {
        msgflo::log_to_stderr();
    }
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
