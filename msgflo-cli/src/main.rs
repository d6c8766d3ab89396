//! The `msgflo` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    msgflo_cli::main(&[])
}
