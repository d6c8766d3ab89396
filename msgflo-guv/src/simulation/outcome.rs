//! What came of a simulation.

use crate::config::Role;

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The policy's name.
    pub policy: String,
    /// How many jobs there were.
    pub jobs: usize,
    /// How many of 100 jobs were done within the deadline.
    pub in_deadline: f64,
    /// Half of the jobs were done within this time after they came, in seconds.
    pub p50: f64,
    /// 99 of 100 jobs were done within this time after they came, in seconds.
    pub p99: f64,
    /// Hours of all workers together, from their start (booting counts) to their end.
    pub worker_hours: f64,
    /// How often the number of workers was changed.
    pub scale_changes: usize,
    /// The queue and the workers at each decision.
    pub samples: Vec<Sample>,
}

/// The queue and the workers at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the start.
    pub time: f64,
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that are being processed.
    pub in_flight: u64,
    /// Workers, those that boot included.
    pub workers: u32,
}

impl Outcome {
    pub(super) fn new(role: &Role, policy: String, mut completions: Vec<f64>) -> Self {
        let jobs = completions.len();
        let done = completions.iter().filter(|&&time| time <= role.deadline).count();
        completions.sort_unstable_by(f64::total_cmp);
        let quantile = |q: f64| {
            let place = (q * jobs as f64).ceil() as usize;
            completions.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self {
            policy,
            jobs,
            in_deadline: if jobs == 0 { 100.0 } else { 100.0 * done as f64 / jobs as f64 },
            p50: quantile(0.5),
            p99: quantile(0.99),
            worker_hours: 0.0,
            scale_changes: 0,
            samples: Vec::new(),
        }
    }

    /// Whether as many jobs as the role's `percentile` says were done within the deadline.
    pub fn meets(&self, role: &Role) -> bool {
        self.in_deadline >= role.percentile
    }
}
