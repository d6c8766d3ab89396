//! The programs that meet in these tests, as their users start them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::install::{self, HERE};
use crate::worker;

/// How often participants announce themselves, in seconds: 2.2 times in this.
const DISCOVERY_PERIOD: &str = "2";

/// `examples/repeat`.
pub fn rust_repeat(arguments: &[&str]) -> Command {
    let mut command = worker::command("repeat", arguments);
    command.env_remove("CLOUDAMQP_URL").env("MSGFLO_DISCOVERY_PERIOD", DISCOVERY_PERIOD);
    command
}

/// A program of an npm package: `msgflo`, `msgflo-setup`, `msgflo-nodejs`, …
pub fn npm(program: &str, arguments: &[&str]) -> Command {
    node(install::node_modules().join(".bin").join(program).as_os_str(), arguments)
}

/// A script of ours that uses the npm packages.
pub fn script(name: &str, arguments: &[&str]) -> Command {
    node(participant(name).as_os_str(), arguments)
}

fn node(program: &OsStr, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command
        .arg(program)
        .args(arguments)
        .env("NODE_PATH", install::node_modules())
        .env("MSGFLO_DISCOVERY_PERIOD", DISCOVERY_PERIOD)
        .env_remove("MSGFLO_BROKER")
        .env_remove("CLOUDAMQP_URL")
        .env_remove("DEBUG");
    command
}

/// The repeater that msgflo-nodejs ships as its example.
pub fn node_repeat() -> PathBuf {
    install::node_modules().join("msgflo-nodejs/examples/Repeat.coffee")
}

/// A participant of ours that uses msgflo for Python.
pub fn python(script: &str, arguments: &[&str], broker: &str) -> Command {
    let mut command = Command::new(install::python());
    command
        .arg(participant(script))
        .args(arguments)
        .env("PYTHONPATH", HERE)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MSGFLO_BROKER", broker)
        .env_remove("MSGFLO_PYTHON_LOGLEVEL");
    command
}

/// A file in `participants/`.
pub fn participant(name: &str) -> PathBuf {
    [HERE, "participants", name].iter().collect()
}
