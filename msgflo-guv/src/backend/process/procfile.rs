//! Procfiles: a line `NAME: COMMAND` for each kind of process.

use std::collections::HashMap;
use std::path::Path;

use msgflo::{Error, Result};

/// The commands of a Procfile, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Procfile(HashMap<String, String>);

impl Procfile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or has a line that is none of a Procfile.
    pub fn read(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::invalid(format!("the Procfile {} cannot be read: {error}", file.display()))
        })?;
        Self::parse(&text).map_err(|error| Error::invalid(format!("{}: {error}", file.display())))
    }

    /// Reads its text. Empty lines and lines that begin with `#` mean nothing.
    ///
    /// # Errors
    /// If a line is neither, nor like `NAME: COMMAND`, or a name is there twice.
    pub fn parse(text: &str) -> Result<Self> {
        let mut commands = HashMap::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let (name, command) = line
                .split_once(':')
                .map(|(name, command)| (name.trim(), command.trim()))
                .filter(|(name, command)| {
                    !name.is_empty() && name.chars().all(allowed) && !command.is_empty()
                })
                .ok_or_else(|| {
                    Error::invalid(format!("line {number}: write it like `resize: COMMAND`"))
                })?;
            if commands.insert(name.to_owned(), command.to_owned()).is_some() {
                return Err(Error::invalid(format!("line {number}: `{name}` is there already")));
            }
        }
        Ok(Self(commands))
    }

    /// The command of this name.
    pub fn command(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_commands() {
        let text = "# a comment\r\nweb: node server.js --url http://localhost:80\r\n\r\nwork-er_2:  run 'a b' ";
        let procfile = Procfile::parse(text).unwrap();
        assert_eq!(procfile.command("web"), Some("node server.js --url http://localhost:80"));
        assert_eq!(procfile.command("work-er_2"), Some("run 'a b'"));
        assert_eq!(procfile.command("other"), None);
    }

    #[test]
    fn wrong_lines_are_told_by_their_number() {
        for (text, line) in [("\nweb", 2), ("web:", 1), ("a b: c", 1), ("web: a\nweb: b", 2)] {
            let error = Procfile::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}")), "{error}");
        }
    }
}
