//! What is wrong for a while: told when it begins and when it is over, not with every poll.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use msgflo::{Error, ErrorKind};

/// What can be wrong with a role for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// Its queue cannot be read.
    Reading,
    /// The backend does not tell how many workers there are.
    Counting,
    /// The backend does not do what it is asked for.
    Scaling,
    /// The backend has done it, and tells of another number of workers.
    Difference,
    /// Jobs will be late, whatever is done.
    Late,
}

/// A sentence for whoever runs the governor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub fault: Fault,
    /// Whether it is over; else it has begun.
    pub over: bool,
    /// The sentence, without the role.
    pub text: String,
}

/// No answer came in time.
#[derive(Debug)]
pub struct TimedOut {
    /// Who did not answer.
    pub who: String,
    /// How long it was waited for.
    pub after: Duration,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {} within {} s", self.who, self.after.as_secs_f32())
    }
}

impl std::error::Error for TimedOut {}

/// The connection to a broker is lost.
#[derive(Debug)]
pub(super) struct Lost {
    /// The broker's URL, without its password.
    pub(super) url: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection to {} is lost, and is being made again", self.url)
    }
}

impl std::error::Error for Lost {}

impl Fault {
    /// A word for an error that is at the bottom of it, as metrics have it.
    pub fn kind(self, error: &Error) -> &'static str {
        if error.downcast_ref::<TimedOut>().is_some() {
            return "timeout";
        }
        if error.downcast_ref::<Lost>().is_some() {
            return "unreachable";
        }
        match (self, error.kind()) {
            (_, Some(ErrorKind::Unreachable { .. })) => "unreachable",
            (_, Some(ErrorKind::Refused { .. })) => "refused",
            (_, Some(ErrorKind::Queue { .. })) => "queue",
            (Self::Reading, _) => "reading",
            (Self::Counting, _) => "counting",
            (Self::Scaling, _) => "scaling",
            (Self::Difference, _) => "difference",
            (Self::Late, _) => "late",
        }
    }
}

/// The faults that there are: since when, and of what kind.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Fault, (f64, &'static str)>);

impl Faults {
    /// Something is wrong; the sentence, if it is not known yet.
    pub(super) fn begin(
        &mut self,
        fault: Fault,
        kind: &'static str,
        now: f64,
        text: impl FnOnce() -> String,
    ) -> Option<Notice> {
        let (_, known) = self.0.entry(fault).or_insert((now, ""));
        // The broker is there again, but the queue is not: another thing to do.
        if *known == kind {
            return None;
        }
        *known = kind;
        Some(Notice { fault, over: false, text: text() })
    }

    /// It is not wrong any more; the sentence, if it was.
    pub(super) fn end(&mut self, fault: Fault, now: f64) -> Option<Notice> {
        let (since, _) = self.0.remove(&fault)?;
        let what = match fault {
            Fault::Reading => "its queue can be read again",
            Fault::Counting => "the backend tells again how many workers there are",
            Fault::Scaling => "the backend does again what it is asked for",
            Fault::Difference => "there are as many workers as there should be",
            Fault::Late => "jobs can be in time again",
        };
        Some(Notice { fault, over: true, text: format!("{what}, after {:.0} s", now - since) })
    }
}
