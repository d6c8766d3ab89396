//! Which dead letters have failed again since they were moved.
//!
//! Where the broker tells how many dead letters there are, what fails again comes behind them, and is not met. Where
//! it does not, a tap tells of each that comes while others are moved.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use msgflo::Message;

use super::letter::Letter;

/// What is known of a dead letter when it is met.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It was there before: it can be moved.
    Old,
    /// It has come since: it stays.
    New,
    /// It is like one that was moved. When the tap has told all, one asks again.
    Doubtful,
}

/// Those that were moved, and those that have come since.
pub struct Again {
    /// When it was begun, as dead letters tell the time.
    since: String,
    moved: HashSet<u64>,
    /// Those that have come since and were not met yet.
    arrived: HashMap<u64, usize>,
    has_tap: bool,
}

impl Again {
    pub fn new(since: String, has_tap: bool) -> Self {
        Self { since, moved: HashSet::new(), arrived: HashMap::new(), has_tap }
    }

    /// The tap tells of one.
    pub fn arrive(&mut self, letter: &Letter<'_>) {
        *self.arrived.entry(failure(letter)).or_default() += 1;
    }

    /// One is met, and will be moved if it is old.
    pub fn meet(&mut self, letter: &Letter<'_>) -> Verdict {
        if self.has_come(letter) {
            return Verdict::New;
        }
        if self.moved.insert(content(letter)) {
            return Verdict::Old;
        }
        // Like one that was moved, and it says itself that it has failed since.
        if letter.last_failed.is_some_and(|failed| *failed >= *self.since) {
            return Verdict::New;
        }
        if self.has_tap { Verdict::Doubtful } else { Verdict::Old }
    }

    /// Those in doubt, now that the tap has told of all: which were there before, and which have come since.
    /// Each is judged once: what the tap has told of one, is not told of another.
    pub fn settle_doubt<T>(
        &mut self,
        doubtful: Vec<T>,
        message: impl Fn(&T) -> &Message,
    ) -> (Vec<T>, Vec<T>) {
        doubtful.into_iter().partition(|one| !self.has_come(&Letter::read(message(one))))
    }

    fn has_come(&mut self, letter: &Letter<'_>) -> bool {
        match self.arrived.get_mut(&failure(letter)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

/// What remains the same when it fails again.
fn content(letter: &Letter<'_>) -> u64 {
    let mut hash = DefaultHasher::new();
    (&letter.id, &letter.message.payload).hash(&mut hash);
    hash.finish()
}

/// What is another when it fails again, if there are reasons.
fn failure(letter: &Letter<'_>) -> u64 {
    let mut hash = DefaultHasher::new();
    let Letter { id, error, last_failed, message, .. } = letter;
    (id, error, last_failed, &message.payload).hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgflo::reserved;

    const BEFORE: &str = "2026-01-01T00:00:00.000Z";
    const SINCE: &str = "2026-01-02T00:00:00.000Z";
    const LATER: &str = "2026-01-03T00:00:00.000Z";

    fn bare(text: &str) -> Message {
        Message::new(text.to_owned())
    }

    fn failed(text: &str, at: &str) -> Message {
        bare(text).with_header(reserved::LAST_FAILED, at)
    }

    fn meet(again: &mut Again, message: &Message) -> Verdict {
        again.meet(&Letter::read(message))
    }

    #[test]
    fn reasons_tell_what_has_failed_again() {
        for has_tap in [false, true] {
            let mut again = Again::new(SINCE.into(), has_tap);
            assert_eq!(meet(&mut again, &failed("a", BEFORE)), Verdict::Old);
            assert_eq!(meet(&mut again, &failed("a", LATER)), Verdict::New);
            // Of a worker whose clock is ahead: nothing like it was moved.
            assert_eq!(meet(&mut again, &failed("b", LATER)), Verdict::Old);
        }
    }

    #[test]
    fn a_tap_tells_where_there_are_no_reasons_or_clocks_differ() {
        for message in [bare("a"), failed("a", BEFORE)] {
            let mut again = Again::new(SINCE.into(), true);
            assert_eq!(meet(&mut again, &message), Verdict::Old);
            // Another like it, and the first again.
            assert_eq!(meet(&mut again, &message), Verdict::Doubtful);
            assert_eq!(meet(&mut again, &message), Verdict::Doubtful);
            again.arrive(&Letter::read(&message));
            let doubtful = vec![message.clone(), message.clone()];
            let (old, new) = again.settle_doubt(doubtful, |message| message);
            assert_eq!((old.len(), new.len()), (1, 1));
        }
    }

    #[test]
    fn what_the_tap_has_told_of_is_not_moved() {
        let mut again = Again::new(SINCE.into(), true);
        again.arrive(&Letter::read(&bare("a")));
        assert_eq!(meet(&mut again, &bare("a")), Verdict::New);
        assert_eq!(meet(&mut again, &bare("a")), Verdict::Old);
    }

    #[test]
    fn where_the_number_is_known_equal_ones_are_all_moved() {
        let mut again = Again::new(SINCE.into(), false);
        assert_eq!(meet(&mut again, &bare("a")), Verdict::Old);
        assert_eq!(meet(&mut again, &bare("a")), Verdict::Old);
    }
}
