//! How many jobs come.

use std::collections::VecDeque;

use super::Arrivals;

/// Estimates how many jobs come in a second, from how many have come so far.
///
/// The rate is the mean over the longest window within which it has not changed: the window is cut
/// where the jobs after the cut and those before it are too unlikely to come of one Poisson
/// process (adaptive windowing, Bifet and Gavaldà, "Learning from Time-Changing Data with Adaptive
/// Windowing", 2007; with the normal approximation of the difference of two Poisson rates). So a
/// steady rate is known exactly, and a step is followed within a poll or two.
#[derive(Clone, Debug)]
pub struct ArrivalEstimator {
    longest: f64,
    last: Option<(f64, u64)>,
    /// Since which polls the rate has not changed, and how many of `counts` that are.
    window: usize,
    /// From one poll to the next: seconds and jobs, oldest first.
    counts: VecDeque<(f64, f64)>,
}

/// The window is this many times as long as the role's history, at most.
const HISTORIES: f64 = 10.0;
/// At most so many polls are remembered.
const POLLS: usize = 1_000;
/// So many standard errors apart, two rates are not the same: 1 of 370 cuts is for nothing.
const DIFFERENT: f64 = 3.0;

impl ArrivalEstimator {
    /// With the role's `history`, in seconds: the window is ten times that at most.
    pub fn new(history: f64) -> Self {
        Self { longest: HISTORIES * history, last: None, window: 0, counts: VecDeque::new() }
    }

    /// Takes note that so many jobs have come by now. A smaller number than before, or an earlier
    /// time, begins anew.
    pub fn observe(&mut self, now: f64, arrived: u64) {
        match self.last.replace((now, arrived)) {
            Some((before, counted)) if now > before && arrived >= counted => {
                self.counts.push_back((now - before, (arrived - counted) as f64));
                self.window += 1;
                if self.counts.len() > POLLS {
                    self.counts.pop_front();
                }
                self.cut();
            }
            Some((before, counted)) if now < before || arrived < counted => {
                self.counts.clear();
                self.window = 0;
            }
            _ => {}
        }
    }

    /// What is known, once jobs were counted twice.
    pub fn estimate(&self) -> Option<Arrivals> {
        let (seconds, jobs) = self.sum(self.window);
        let recent = self.counts.iter().rev().copied().collect();
        // A quarter of a job: none in a short time is no proof that none will come.
        (seconds > 0.0).then(|| Arrivals {
            rate: jobs / seconds,
            error: (jobs + 0.25).sqrt() / seconds,
            recent,
        })
    }

    /// Leaves out of the window what is too old, and what differs from what came later.
    fn cut(&mut self) {
        self.window = self.window.min(self.counts.len());
        let (mut seconds, mut jobs) = self.sum(self.window);
        while self.window > 1 && seconds > self.longest {
            let (old_seconds, old_jobs) = self.counts[self.counts.len() - self.window];
            (seconds, jobs) = (seconds - old_seconds, jobs - old_jobs);
            self.window -= 1;
        }
        let (mut new_seconds, mut new_jobs) = (0.0, 0.0);
        for polls in 1..self.window {
            let (some_seconds, some_jobs) = self.counts[self.counts.len() - polls];
            (new_seconds, new_jobs) = (new_seconds + some_seconds, new_jobs + some_jobs);
            let (old_seconds, old_jobs) = (seconds - new_seconds, jobs - new_jobs);
            let difference = new_jobs / new_seconds - old_jobs / old_seconds;
            let rate = (jobs + 1.0) / seconds;
            let error = (rate / new_seconds + rate / old_seconds).sqrt();
            if difference.abs() > DIFFERENT * error {
                self.window = polls;
                return;
            }
        }
    }

    /// Seconds and jobs of the last polls.
    fn sum(&self, polls: usize) -> (f64, f64) {
        let last = self.counts.iter().rev().take(polls);
        last.fold((0.0, 0.0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_averaged_over_ten_histories() {
        let mut estimator = ArrivalEstimator::new(60.0);
        assert_eq!(estimator.estimate(), None);
        // 12 and 8 jobs in turn.
        for poll in 0..200_u64 {
            estimator.observe(poll as f64 * 5.0, poll * 10 + poll % 2 * 2);
        }
        let arrivals = estimator.estimate().unwrap();
        assert!((arrivals.rate - 2.0).abs() < 0.01, "{}", arrivals.rate);
        assert!(
            (arrivals.error - (1_200.0_f64).sqrt() / 600.0).abs() < 0.001,
            "{}",
            arrivals.error
        );
    }

    #[test]
    fn a_step_is_followed_at_once() {
        let mut estimator = ArrivalEstimator::new(120.0);
        let mut arrived = 0;
        for poll in 0..40 {
            arrived += if poll < 38 { 10 } else { 90 };
            estimator.observe(f64::from(poll) * 5.0, arrived);
        }
        assert_eq!(estimator.estimate().unwrap().rate, 18.0);
    }

    #[test]
    fn a_broker_that_begins_to_count_anew_is_no_rate() {
        let mut estimator = ArrivalEstimator::new(120.0);
        for (time, arrived) in [(0.0, 500), (5.0, 510), (10.0, 3)] {
            estimator.observe(time, arrived);
        }
        assert_eq!(estimator.estimate(), None);
        estimator.observe(15.0, 8);
        assert_eq!(estimator.estimate().unwrap().rate, 1.0);
    }
}
