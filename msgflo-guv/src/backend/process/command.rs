//! How a role's workers are started.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;

use msgflo::{Error, Result};

use super::worker::{End, Worker};

/// A command line, and what its processes find in their environment.
///
/// A plain command is started directly, so that signals reach it. One in which a shell would do
/// something (`$HOME`, `a && b`, `PORT=80 a`) is run by `sh -c`, as in a Procfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    line: String,
    words: Vec<String>,
    broker: Option<String>,
}

impl Command {
    /// The command of a role, with `#ROLE` for its name. Its processes find the broker's URL in
    /// `MSGFLO_BROKER`; without one, they have ours.
    ///
    /// # Errors
    /// If it is empty, or a quotation mark is not closed.
    pub fn new(role: &str, line: &str, broker: Option<&str>) -> Result<Self> {
        let line = line.replace("#ROLE", role);
        let words = match needs_shell(&line) {
            // The shell is replaced where it can be.
            true => ["sh", "-c", &line].map(str::to_owned).into(),
            false => shell_words::split(&line).map_err(|error| {
                Error::invalid(format!("the command of role `{role}` (`{line}`): {error}"))
            })?,
        };
        if words.is_empty() {
            return Err(Error::invalid(format!("the command of role `{role}` is empty")));
        }
        Ok(Self { line, words, broker: broker.map(str::to_owned) })
    }

    pub(super) fn start(&self) -> Result<(Worker, End)> {
        let (program, arguments) = self.words.split_first().unwrap_or((&self.line, &[]));
        let mut command = tokio::process::Command::new(beside_us(program));
        if let Some(broker) = &self.broker {
            command.env("MSGFLO_BROKER", broker);
        }
        let stderr = std::io::stderr().as_fd().try_clone_to_owned()?;
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(stderr)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let line = &self.line;
                Error::message(format!("cannot start `{line}`: {error}; is it installed?"))
            })?;
        Ok(Worker::new(child))
    }
}

/// Whether a shell would do more than split it into words.
fn needs_shell(line: &str) -> bool {
    // As GNU make and Ruby do it, on the safe side: also within quotation marks.
    const SPECIAL: &str = "|&;<>()$`*?[]#~!{}\n";
    let assigns = line.split_whitespace().next().is_some_and(|word| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty()
        })
    });
    assigns || line.contains(|c| SPECIAL.contains(c))
}

/// Our own name is found beside us, wherever that is.
fn beside_us(program: &str) -> PathBuf {
    let own = std::env::current_exe().ok();
    let own = own.filter(|own| own.file_name().is_some_and(|name| name == program));
    own.unwrap_or_else(|| program.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        Command::new("resize", line, None).unwrap().words
    }

    #[test]
    fn plain_commands_run_directly_and_others_in_a_shell() {
        assert_eq!(words("work --role #ROLE 'a b'"), ["work", "--role", "resize", "a b"]);
        for line in ["PORT=80 work", "work $HOME", "work && work", "work > log", "exec work *"] {
            assert_eq!(words(line), ["sh", "-c", line]);
        }
        assert_eq!(words("work --size=80"), ["work", "--size=80"]);
    }

    #[test]
    fn what_cannot_be_a_command_is_refused() {
        for wrong in ["", "  ", "work 'a"] {
            let error = Command::new("resize", wrong, None).unwrap_err().to_string();
            assert!(error.contains("`resize`"), "{error}");
        }
    }
}
