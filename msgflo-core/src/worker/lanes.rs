//! Which message may begin: at most so many at once, one at a time of those with the same key, and a
//! suspect with nothing beside it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What a message is ordered by.
pub(crate) type Key = Option<Arc<str>>;

/// Messages (`T`) that were admitted and may not begin yet.
pub(crate) struct Lanes<T> {
    concurrency: usize,
    running: usize,
    /// By key, what waits behind the one that runs.
    busy: HashMap<Arc<str>, VecDeque<T>>,
    /// It begins when nothing runs, and is not taken for running as long as it waits.
    suspect: Option<T>,
    is_alone: bool,
    waiting: usize,
}

impl<T> Lanes<T> {
    pub(crate) fn new(concurrency: usize) -> Self {
        let busy = HashMap::new();
        Self { concurrency, running: 0, busy, suspect: None, is_alone: false, waiting: 0 }
    }

    /// Whether another message may be taken in: what waits for its turn has been taken in, too.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_alone && self.suspect.is_none() && self.running + self.waiting < self.concurrency
    }

    /// Takes a message in; returns it if it may begin.
    pub(crate) fn admit(&mut self, key: &Key, is_suspect: bool, item: T) -> Option<T> {
        if is_suspect {
            if self.running > 0 || self.waiting > 0 {
                self.suspect = Some(item);
                return None;
            }
            self.is_alone = true;
        } else if let Some(key) = key {
            if let Some(lane) = self.busy.get_mut(key) {
                lane.push_back(item);
                self.waiting += 1;
                return None;
            }
            self.busy.insert(key.clone(), VecDeque::new());
        }
        self.running += 1;
        Some(item)
    }

    /// One has ended; returns the one that may begin now.
    pub(crate) fn finish(&mut self, key: Key) -> Option<(Key, T)> {
        self.running -= 1;
        self.is_alone = false;
        if let Some(key) = key
            && let Some(lane) = self.busy.get_mut(&key)
        {
            match lane.pop_front() {
                Some(next) => {
                    self.waiting -= 1;
                    self.running += 1;
                    return Some((Some(key), next));
                }
                None => drop(self.busy.remove(&key)),
            }
        }
        if self.running == 0 && self.waiting == 0 {
            let suspect = self.suspect.take()?;
            self.is_alone = true;
            self.running += 1;
            return Some((None, suspect));
        }
        None
    }

    /// Gives back what has not begun.
    pub(crate) fn clear(&mut self) {
        self.busy.values_mut().for_each(VecDeque::clear);
        self.suspect = None;
        self.waiting = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Key {
        Some(key.into())
    }

    #[test]
    fn so_many_run_at_once() {
        let mut lanes = Lanes::new(2);
        assert_eq!(lanes.admit(&None, false, 1), Some(1));
        assert!(lanes.has_room());
        assert_eq!(lanes.admit(&None, false, 2), Some(2));
        assert!(!lanes.has_room());
        assert_eq!(lanes.finish(None), None);
        assert!(lanes.has_room());
    }

    #[test]
    fn messages_of_a_key_follow_each_other_and_others_overtake() {
        let mut lanes = Lanes::new(4);
        assert_eq!(lanes.admit(&key("a"), false, "a1"), Some("a1"));
        assert_eq!(lanes.admit(&key("a"), false, "a2"), None);
        assert_eq!(lanes.admit(&key("a"), false, "a3"), None);
        assert_eq!(lanes.admit(&key("b"), false, "b1"), Some("b1"));
        assert!(!lanes.has_room());
        assert_eq!(lanes.finish(key("b")), None);
        assert_eq!(lanes.finish(key("a")).map(|next| next.1), Some("a2"));
        assert_eq!(lanes.finish(key("a")).map(|next| next.1), Some("a3"));
        assert_eq!(lanes.finish(key("a")), None);
        assert_eq!(lanes.admit(&key("a"), false, "a4"), Some("a4"));
    }

    #[test]
    fn a_suspect_runs_alone() {
        let mut lanes = Lanes::new(4);
        assert_eq!(lanes.admit(&key("a"), false, "a1"), Some("a1"));
        assert_eq!(lanes.admit(&key("a"), false, "a2"), None);
        assert_eq!(lanes.admit(&None, true, "suspect"), None);
        assert!(!lanes.has_room());
        assert_eq!(lanes.finish(key("a")).map(|next| next.1), Some("a2"));
        assert_eq!(lanes.finish(key("a")).map(|next| next.1), Some("suspect"));
        assert!(!lanes.has_room());
        assert_eq!(lanes.finish(None), None);
        assert!(lanes.has_room());
        assert_eq!(lanes.admit(&None, true, "another"), Some("another"));
        assert!(!lanes.has_room());
    }

    #[test]
    fn what_has_not_begun_is_given_back() {
        let mut lanes = Lanes::new(4);
        lanes.admit(&key("a"), false, "a1");
        lanes.admit(&key("a"), false, "a2");
        lanes.admit(&None, true, "suspect");
        lanes.clear();
        assert_eq!(lanes.finish(key("a")), None);
        assert!(lanes.has_room());
    }
}
