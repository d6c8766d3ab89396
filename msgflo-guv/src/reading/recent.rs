//! How long messages took lately.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use msgflo::statistics::Durations;

/// What was told within this time is kept together.
const SLOT: Duration = Duration::from_secs(5);
/// Of fewer jobs than this, the slowest hundredth is not known: older ones are taken, too.
const FEW: u64 = 300;
/// But none that is so many times older than asked for.
const OLDER: u32 = 10;
/// Nothing is kept longer than this.
const LONGEST: Duration = Duration::from_secs(3600);

/// The processing times at one queue, by when they were told of.
#[derive(Default)]
pub(super) struct Recent(VecDeque<Slot>);

struct Slot {
    begin: Instant,
    durations: Durations,
}

impl Recent {
    pub(super) fn add(&mut self, durations: &Durations, now: Instant) {
        if durations.count() == 0 {
            return;
        }
        while self.0.front().is_some_and(|slot| now.duration_since(slot.begin) > LONGEST) {
            self.0.pop_front();
        }
        match self.0.back_mut() {
            Some(slot) if now.duration_since(slot.begin) < SLOT => slot.durations.merge(durations),
            _ => self.0.push_back(Slot { begin: now, durations: durations.clone() }),
        }
    }

    /// Those that were told of within `window`; if they are few, older ones too, up to ten times
    /// that.
    pub(super) fn within(&self, window: Duration, now: Instant) -> Durations {
        let mut found = Durations::default();
        for slot in self.0.iter().rev() {
            let age = now.duration_since(slot.begin);
            let is_recent = age <= window || (found.count() < FEW && age <= window * OLDER);
            if !is_recent {
                break;
            }
            found.merge(&slot.durations);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: u64, seconds: u64) -> Durations {
        let mut durations = Durations::default();
        (0..count).for_each(|_| durations.record(Duration::from_secs(seconds)));
        durations
    }

    #[test]
    fn what_is_old_counts_only_as_long_as_there_is_little_else() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let window = Duration::from_secs(120);
        let mut recent = Recent::default();
        recent.add(&times(400, 9), start);
        recent.add(&times(3, 1), at(200));
        assert_eq!(recent.within(window, at(210)).count(), 403);
        recent.add(&times(400, 1), at(220));
        assert_eq!(recent.within(window, at(230)).mean(), 1.0);
        // Old, but enough.
        assert_eq!(recent.within(window, at(1300)).count(), 400);
        assert_eq!(recent.within(window, at(1500)).count(), 0);
    }

    #[test]
    fn memory_does_not_grow_with_time() {
        let start = Instant::now();
        let mut recent = Recent::default();
        for second in 0..20_000 {
            recent.add(&times(1, 1), start + Duration::from_secs(second));
        }
        assert!(recent.0.len() <= 3600 / 5 + 2, "{}", recent.0.len());
    }
}
