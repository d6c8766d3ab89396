//! Pauses between attempts to reach a broker.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Capped exponential backoff with jitter: each pause is between half and all of a step that
/// doubles, so that many participants do not come back in lockstep.
pub struct Pauses {
    step: Duration,
    random: RandomState,
    count: u64,
}

impl Pauses {
    /// The first pause is 0.1 s at most.
    pub fn new() -> Self {
        Self { step: FIRST_PAUSE, random: Default::default(), count: 0 }
    }

    /// The next pause, of 5 s at most.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Duration {
        self.count += 1;
        let share = (self.random.hash_one(self.count) % 1000) as f64 / 1000.0;
        let pause = self.step.mul_f64(0.5 + share / 2.0);
        self.step = (self.step * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_vary_and_stay_bounded() {
        let mut pauses = Pauses::new();
        let taken: Vec<_> = (0..20).map(|_| pauses.next()).collect();
        assert!(taken[0] >= FIRST_PAUSE / 2 && taken[0] <= FIRST_PAUSE);
        assert!(taken[12..].iter().all(|p| *p >= LONGEST_PAUSE / 2 && *p <= LONGEST_PAUSE));
        assert!(taken[12..].iter().any(|pause| *pause != taken[12]));
    }
}
