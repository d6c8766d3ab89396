//! How the program ends.

use std::process::ExitCode;

use msgflo::{Error, ErrorKind, Result};

pub const HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong arguments or input, 3 the broker cannot be reached or refuses, \
4 something did not happen in time";

/// Something that was waited for did not happen: exit code 4.
#[derive(Debug)]
pub struct TimedOut(pub String);

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TimedOut {}

impl From<TimedOut> for Error {
    fn from(error: TimedOut) -> Self {
        Self::new(error)
    }
}

pub fn exit_code(outcome: Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    anstream::eprintln!("{ERROR}error:{ERROR:#} {error}");
    code(&error).into()
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

fn code(error: &Error) -> u8 {
    match error.kind() {
        Some(ErrorKind::Invalid(_)) => 2,
        Some(ErrorKind::Unreachable { .. } | ErrorKind::Refused { .. }) => 3,
        _ if error.downcast_ref::<TimedOut>().is_some() => 4,
        _ => 1,
    }
}
