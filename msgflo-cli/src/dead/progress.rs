//! A line now and then for those who wait.

use std::time::{Duration, Instant};

/// So often.
const PERIOD: Duration = Duration::from_secs(3);

pub struct Progress {
    total: Option<u64>,
    told: Instant,
}

impl Progress {
    pub fn new(total: Option<u64>) -> Self {
        Self { total, told: Instant::now() }
    }

    /// Tells on standard error how many are done, if nothing was told for a while.
    pub fn tell(&mut self, done: u64, what: &str) {
        if self.told.elapsed() < PERIOD {
            return;
        }
        self.told = Instant::now();
        match self.total {
            Some(total) => eprintln!("{done} of {total} dead letters {what}"),
            None => eprintln!("{done} dead letters {what}"),
        }
    }
}
