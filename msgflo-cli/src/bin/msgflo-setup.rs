//! The name under which `msgflo setup` is known from talks and documents.

use std::process::ExitCode;

fn main() -> ExitCode {
    msgflo_cli::main(&["setup"])
}
