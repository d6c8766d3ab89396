//! How long to wait before trying to reach a broker again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Capped exponential backoff with jitter: each pause is between half and all of a step that
/// doubles from 100 ms to 5 s, so that many participants do not come back in lockstep.
pub struct Pauses {
    step: Duration,
    random: RandomState,
    count: u64,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { step: FIRST, random: RandomState::new(), count: 0 }
    }
}

impl Pauses {
    /// The next pause.
    pub fn longer(&mut self) -> Duration {
        self.count += 1;
        let share = (self.random.hash_one(self.count) % 1000) as f64 / 1000.0;
        let pause = self.step.mul_f64(0.5 + share / 2.0);
        self.step = (self.step * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_vary_and_stay_bounded() {
        let mut pauses = Pauses::default();
        let taken: Vec<_> = (0..20).map(|_| pauses.longer()).collect();
        assert!(taken[0] >= FIRST / 2 && taken[0] <= FIRST);
        assert!(taken[12..].iter().all(|pause| *pause >= LONGEST / 2 && *pause <= LONGEST));
        assert!(taken[12..].iter().any(|pause| *pause != taken[12]));
    }
}
