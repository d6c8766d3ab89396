//! Trying out a configuration: a discrete-event simulation of a role's queue and its workers.
//!
//! Jobs come, wait in one queue in the order in which they came, and are processed by workers that
//! boot, take `concurrency` jobs at once, and finish what they have when they are stopped. A
//! [`Policy`] sees the queue at every `pollinterval` and says how many workers there are to be.
//! The same seed gives the same jobs to every policy.

mod arrivals;
mod job_times;
mod outcome;
mod policy;
mod pool;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use arrivals::Pattern;
pub use job_times::JobTimes;
pub use outcome::{Outcome, Sample};
pub use policy::{Cpu, Fixed, Keda, Modelled, Policy, Seen};

use crate::config::Role;
use pool::Pool;

/// A job: when it comes and how long it takes, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// Since the start of the simulation.
    pub arrival: f64,
    /// How long a worker takes for it.
    pub processing: f64,
}

/// Jobs that come in a pattern, in the order in which they come, over so many seconds.
pub fn jobs(role: &Role, pattern: Pattern, times: JobTimes, duration: f64, seed: u64) -> Vec<Job> {
    let mut random = StdRng::seed_from_u64(seed);
    let arrivals = pattern.arrivals(role, duration, &mut random).into_iter();
    let times = processing_times(role, times, random.random());
    arrivals.zip(times).map(|(arrival, processing)| Job { arrival, processing }).collect()
}

/// How long jobs take, in seconds, one after the other and without end.
pub fn processing_times(role: &Role, times: JobTimes, seed: u64) -> impl Iterator<Item = f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let times = times.sampler(role);
    std::iter::repeat_with(move || times.sample(&mut random))
}

/// Simulates until all jobs are done.
///
/// `jobs` must be in the order in which they come.
pub fn simulate(role: &Role, jobs: &[Job], policy: &mut dyn Policy) -> Outcome {
    let mut pool = Pool::new(role, jobs);
    pool.scale_to(policy.at_start(role));
    pool.boot_all();
    let mut now = 0.0;
    loop {
        pool.run_until(now);
        if pool.is_done() && now > 0.0 {
            break;
        }
        let wanted = policy.decide(&pool.seen());
        let wanted = wanted.map(|wanted| wanted.clamp(role.minimum, role.maximum));
        if let Some(wanted) = wanted {
            pool.scale_to(wanted);
        }
        pool.sample();
        now += role.pollinterval;
    }
    pool.into_outcome(policy.name())
}
