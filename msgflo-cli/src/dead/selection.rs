//! Which dead letters are meant.

use std::collections::HashSet;

use clap::Args;
use msgflo::transport::Transport;
use msgflo::{Error, Result};

use super::letter::Letter;

/// All, if nothing is said.
#[derive(Args, Clone, Default)]
pub struct Selection {
    /// Only the one with this id, as `list` shows it; can be given several times
    #[arg(long)]
    pub id: Vec<String>,
    /// Only those whose error has this text in it, whatever its capitals are
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
    /// So many of each queue at most, the oldest first
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

impl Selection {
    /// The first so many.
    pub fn first(count: Option<u64>) -> Self {
        Self { count, ..Self::default() }
    }

    /// Those that one can be.
    pub fn one(id: &str) -> Self {
        Self { id: vec![id.to_owned()], ..Self::default() }
    }

    /// Whether it is one of them, if there may be another.
    pub fn has(&self, letter: &Letter<'_>) -> bool {
        let error = || letter.error.unwrap_or_default().to_lowercase();
        (self.id.is_empty() || self.id.contains(&letter.id))
            && self.error.as_ref().is_none_or(|text| error().contains(&text.to_lowercase()))
    }

    /// How many there may be.
    pub fn limit(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }

    /// How many must be looked at to find them: if nothing else is said, the first are meant.
    pub fn needs(&self) -> u64 {
        match self.id.is_empty() && self.error.is_none() {
            true => self.limit(),
            false => u64::MAX,
        }
    }

    /// # Errors
    /// If it needs what only headers tell, and there are none.
    pub fn check(&self, transport: &dyn Transport) -> Result<()> {
        if self.error.is_some() && !transport.abilities().headers {
            return Err(Error::invalid(format!(
                "dead letters on {} have no reasons, as MQTT 3.1.1 has no headers: select them with --id or --count",
                transport.url()
            )));
        }
        Ok(())
    }
}

/// Which of the ids that were asked for are not there.
#[derive(Default)]
pub struct Missing {
    met: HashSet<String>,
    /// Whether others were not looked at, as there were enough.
    is_partial: bool,
}

impl Missing {
    pub fn meet(&mut self, letter: &Letter<'_>) {
        self.met.insert(letter.id.clone());
    }

    pub fn stop_early(&mut self) {
        self.is_partial = true;
    }

    /// # Errors
    /// If one was looked for everywhere and not found.
    pub fn check(&self, selection: &Selection, queues: &[String]) -> Result<()> {
        let mut missing = selection.id.iter().filter(|id| !self.met.contains(*id));
        match missing.next() {
            Some(id) if !self.is_partial => Err(Error::message(format!(
                "there is no dead letter `{id}` of `{}`; see `msgflo dead list`",
                queues.join("`, `")
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgflo::{Message, reserved};

    fn dead() -> Message {
        Message::new("photo").with_id("7").with_header(reserved::ERROR, "No such Photo")
    }

    #[test]
    fn what_is_meant_is_found() {
        let error = |text: &str| Selection { error: Some(text.into()), ..Selection::default() };
        let both = |id: &str, text: &str| Selection { id: vec![id.into()], ..error(text) };
        let several = Selection { id: vec!["8".into(), "7".into()], ..Selection::default() };
        let message = dead();
        for (index, (selection, expected)) in [
            (Selection::default(), true),
            (Selection::one("7"), true),
            (Selection::one("8"), false),
            (several, true),
            (error("no such photo"), true),
            (error("PHOTO"), true),
            (error("busy"), false),
            (both("7", "busy"), false),
            (both("8", "photo"), false),
            (both("7", "photo"), true),
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(selection.has(&Letter::read(&message)), *expected, "{index}");
        }
        let reasonless = Message::new("photo");
        assert!(!error("photo").has(&Letter::read(&reasonless)));
    }

    #[test]
    fn no_more_is_looked_at_than_is_needed() {
        assert_eq!(Selection::first(Some(3)).needs(), 3);
        assert_eq!(Selection::first(None).needs(), u64::MAX);
        assert_eq!(Selection { count: Some(1), ..Selection::one("7") }.needs(), u64::MAX);
    }

    #[test]
    fn an_id_that_is_nowhere_is_told() {
        let queues = ["resize.IN".to_owned()];
        let mut missing = Missing::default();
        missing.meet(&Letter::read(&dead()));
        let wanted = |ids: &[&str]| Selection {
            id: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..Selection::default()
        };
        assert!(missing.check(&wanted(&["7"]), &queues).is_ok());
        let error = missing.check(&wanted(&["7", "8"]), &queues).unwrap_err().to_string();
        assert!(error.contains("no dead letter `8` of `resize.IN`"), "{error}");
        missing.stop_early();
        assert!(missing.check(&wanted(&["8"]), &queues).is_ok());
    }
}
