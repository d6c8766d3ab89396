//! Our own model: the fewest workers with which practically all jobs are done within the deadline.
//!
//! For a number of workers, [`Plan`] foretells which jobs would be late: those that wait, and those
//! that come until the next decision can change anything. `docs/autoscaling/model.md` has the
//! formulas and where they come from.

use super::{Arrivals, Decision, Figure, Observed, Processing, erlang, normal};
use crate::config::{Model, Role};

/// Decides by boot time, arrivals, work in flight and the distribution of processing times.
///
/// If the number of workers is unknown, none is believed to run: what is needed, has to boot.
pub fn deadline(role: &Role, observed: &Observed) -> Decision {
    let outlook = Outlook::new(role, observed);
    let estimate = outlook.least(0.0);
    // Who is stopped and needed again soon, has to boot again.
    let polls = (role.boot / role.pollinterval.max(0.1)).ceil() as usize + 1;
    let lately = observed.history.iter().rev().take(polls).copied().max().unwrap_or(0);
    let lasting = outlook.least(role.boot).max(estimate).max(lately);
    let busy = outlook.busy();
    let next = match observed.workers {
        None => Some(estimate),
        Some(workers) if estimate > workers => Some(estimate),
        Some(workers) => Some(lasting.max(busy.floor() as u32)).filter(|&next| next < workers),
    };
    let next = next.map(|next| next.clamp(role.minimum, role.maximum.max(role.minimum)));
    let mut warnings = Vec::new();
    let most = outlook.plan(role.maximum).lateness(&Job::coming(observed.waiting, 0.0));
    if outlook.hopeless > outlook.allowed {
        warnings.push(format!(
            "{:.1} % of jobs take longer than the deadline of {} s: no number of workers helps; set a \
             longer deadline",
            100.0 * outlook.hopeless,
            role.deadline
        ));
    } else if most > outlook.allowed && !outlook.jobs.is_empty() {
        warnings.push(format!(
            "even with the maximum of {} workers, {:.0} % of the jobs that come now would be late",
            role.maximum,
            100.0 * most
        ));
    }
    let figures = outlook.figures(observed, estimate, lasting, busy);
    Decision { model: Model::Deadline, estimate, next, figures, warnings }
}

/// What is to be expected, whatever is decided.
struct Outlook<'a> {
    role: &'a Role,
    processing: Processing,
    /// With `target` set, or if it cannot be met, not quite the role's.
    deadline: f64,
    /// Jobs a worker does in a second.
    pace: f64,
    /// How many workers there are that take jobs, and for each other one, when it will.
    ready: u32,
    booting: Vec<f64>,
    workers: u32,
    rate: f64,
    rate_error: f64,
    waiting: f64,
    in_flight: f64,
    /// The share of jobs that may be late.
    allowed: f64,
    /// The share of jobs that take too long to be in time.
    hopeless: f64,
    /// The jobs that are looked at, and the share of each that even the maximum of workers would
    /// have late.
    jobs: Vec<(Job, f64)>,
}

/// A job that waits, or will come.
struct Job {
    /// How many wait in front of it, now.
    ahead: f64,
    /// For how long it has waited, in seconds.
    age: f64,
    /// In how many seconds it comes.
    coming: f64,
}

impl Job {
    fn coming(waiting: u64, seconds: f64) -> Self {
        Self { ahead: waiting as f64, age: 0.0, coming: seconds }
    }
}

impl<'a> Outlook<'a> {
    fn new(role: &'a Role, observed: &Observed) -> Self {
        let processing = observed.processing.unwrap_or_else(|| Processing::set(role));
        let mut deadline = match role.target {
            Some(target) => target + processing.percentile - processing.mean,
            None => role.deadline,
        };
        let late = processing.points().filter(|(_, seconds)| *seconds >= deadline);
        let hopeless: f64 = late.map(|(share, _)| share).sum();
        let allowed = 1.0 - role.percentile / 100.0;
        if hopeless > allowed {
            // It cannot be met. As in guv, jobs wait for no longer than one takes.
            deadline = deadline.max(processing.percentile + processing.mean);
        }
        let workers = observed.workers.unwrap_or(0);
        let mut booting = observed.booting.clone();
        booting.sort_unstable_by(f64::total_cmp);
        booting.truncate(workers as usize);
        let ready = workers - booting.len() as u32;
        let (rate, rate_error) =
            observed.arrivals.as_ref().map_or((0.0, 0.0), |known| (known.rate, known.error));
        let slots = f64::from(ready) * f64::from(role.concurrency);
        let in_flight = match observed.in_flight {
            Some(in_flight) => in_flight as f64,
            None if observed.waiting > 0 => slots,
            None => slots.min(rate * processing.mean),
        };
        let mut outlook = Self {
            role,
            processing,
            deadline,
            pace: f64::from(role.concurrency) / processing.mean.max(1e-6),
            ready,
            booting,
            workers,
            rate,
            rate_error,
            waiting: observed.waiting as f64,
            in_flight,
            allowed,
            hopeless,
            jobs: Vec::new(),
        };
        outlook.look_at(observed);
        outlook
    }

    /// Looks at jobs that wait, as far as it is known when they came; at those that come until the
    /// next decision is in effect; and beyond, until even the maximum of workers would be in time.
    fn look_at(&mut self, observed: &Observed) {
        let most = self.plan(self.role.maximum);
        let judged = |job: Job| {
            let unavoidable = most.lateness(&job);
            (job, unavoidable)
        };
        let recent = observed.arrivals.iter().flat_map(|Arrivals { recent, .. }| recent);
        let mut jobs: Vec<_> = recent
            .scan((0.0, self.waiting), |(age, ahead), (seconds, jobs)| {
                (*age, *ahead) = (*age + seconds, *ahead - jobs);
                (*ahead > 0.0).then_some(Job { ahead: *ahead, age: *age, coming: 0.0 })
            })
            .map(judged)
            .collect();
        if self.rate <= 0.0 && self.waiting <= 0.0 {
            // Nothing is known to come.
            self.jobs = jobs;
            return;
        }
        let bound = self.bound();
        jobs.extend(STEPS.map(|step| judged(Job::coming(observed.waiting, step * bound))));
        let mut seconds = bound;
        while jobs.last().is_some_and(|(_, unavoidable)| *unavoidable > self.allowed)
            && seconds < FOREVER * (self.deadline + bound)
        {
            seconds = 1.25 * seconds + self.role.pollinterval.max(0.1);
            jobs.push(judged(Job::coming(observed.waiting, seconds)));
        }
        self.jobs = jobs;
    }

    /// For so long, it has to be right what is decided now.
    fn bound(&self) -> f64 {
        HORIZON * (self.role.pollinterval + self.role.boot)
    }

    fn plan(&self, workers: u32) -> Plan<'_> {
        let kept = workers.min(self.ready);
        let rest = (workers - kept) as usize;
        let mut boots: Vec<_> =
            self.booting.iter().take(rest).map(|boot| (*boot, self.pace)).collect();
        let new = rest - boots.len();
        if new > 0 {
            boots.push((self.role.boot, new as f64 * self.pace));
        }
        let is_idle = self.waiting <= 0.0 && self.in_flight <= 0.0;
        let mut all = f64::from(workers) * self.pace;
        if workers == 0 && is_idle {
            // The next decision starts one, if anything comes.
            boots.push((self.role.pollinterval + self.role.boot, self.pace));
            all = self.pace;
        }
        let servers = u64::from(workers.max(u32::from(is_idle))) * u64::from(self.role.concurrency);
        Plan {
            outlook: self,
            kept: f64::from(kept) * self.pace,
            all,
            waits: erlang::waits(servers, self.rate * self.processing.mean),
            free: (f64::from(kept) * f64::from(self.role.concurrency) - self.in_flight).max(0.0),
            booted: boots.last().map_or(0.0, |(boot, _)| *boot),
            boots,
        }
    }

    /// The fewest workers that are enough, if that has to last for so long beyond the next decision.
    fn least(&self, beyond: f64) -> u32 {
        let later = (beyond > 0.0 && !self.jobs.is_empty()).then(|| {
            let job = Job { ahead: self.waiting, age: 0.0, coming: self.bound() + beyond };
            let unavoidable = self.plan(self.role.maximum).lateness(&job);
            (job, unavoidable)
        });
        let is_enough = |workers: u32| {
            let plan = self.plan(workers);
            self.jobs
                .iter()
                .chain(&later)
                .all(|(job, unavoidable)| plan.lateness(job) <= unavoidable + self.allowed)
        };
        // The maximum does not even catch up.
        if self.jobs.last().is_some_and(|(_, unavoidable)| *unavoidable > self.allowed) {
            return self.role.maximum;
        }
        // Whatever is late anyway: who waits, needs somebody.
        let some = u32::from(self.waiting > 0.0).min(self.role.maximum);
        let (mut least, mut enough) = (self.role.minimum.max(some), self.role.maximum);
        while least < enough {
            let middle = least + (enough - least) / 2;
            match is_enough(middle) {
                true => enough = middle,
                false => least = middle + 1,
            }
        }
        enough
    }

    /// How many of the workers that there are have something to do until the next decision. To stop
    /// those saves nothing: somebody has to do the work.
    fn busy(&self) -> f64 {
        let (workers, load) = (f64::from(self.workers), self.rate / self.pace);
        if workers <= load {
            return workers;
        }
        let empty = self.waiting / ((workers - load) * self.pace);
        let idle = (1.0 - empty / self.role.pollinterval.max(0.1)).max(0.0);
        workers - (workers - load) * idle
    }
}

/// The times until the next decision is in effect that are looked at.
const STEPS: [f64; 3] = [0.0, 0.5, 1.0];
/// How much of that time has to go well with the workers that there will be: later decisions can
/// still help jobs that come then, and those that come now less so. With more, workers are idle; with
/// less, bursts are late (simulated, for deadlines of 2 to 20 times the processing time).
const HORIZON: f64 = 0.25;
/// Who has not caught up after so many deadlines, does not.
const FOREVER: f64 = 20.0;

/// A number of workers, and what would come of it.
struct Plan<'a> {
    outlook: &'a Outlook<'a>,
    /// Jobs in a second of those that are ready, and of all when they have booted.
    kept: f64,
    all: f64,
    /// When others will be ready, and how many jobs in a second they do.
    boots: Vec<(f64, f64)>,
    booted: f64,
    /// How likely a job has to wait in the long run.
    waits: f64,
    /// Slots without a job.
    free: f64,
}

impl Plan<'_> {
    /// How many jobs can be begun by a time from now.
    fn begun(&self, time: f64) -> f64 {
        let booted = self.boots.iter().map(|(boot, pace)| (time - boot).max(0.0) * pace);
        self.kept * time + booted.sum::<f64>()
    }

    /// How likely a job is late.
    ///
    /// The queue that it finds is a Brownian motion that is reflected where the queue is empty: the
    /// approximation of queues in heavy traffic. How much of that is reflection at all is, with few
    /// servers, told by Erlang's C formula.
    fn lateness(&self, job: &Job) -> f64 {
        let Outlook { rate, rate_error, deadline, .. } = *self.outlook;
        let variation = (self.outlook.processing.stddev / self.outlook.processing.mean).powi(2);
        let time = job.coming;
        let ahead = job.ahead - self.free;
        let first = self.booted.min(time);
        let at_boot = match first > 0.0 {
            true => (ahead + rate * first - self.begun(first)).max(0.0),
            false => ahead,
        };
        let mean = at_boot + rate * (time - first) - (self.begun(time) - self.begun(first));
        let come = rate * time;
        let variance = come
            + (rate_error * time).powi(2)
            + variation * self.begun(time).max(job.ahead).min(job.ahead + come);
        let deviation = variance.sqrt().max(1e-6);
        let drift = rate - self.all;
        let diffusion = rate.max(self.all) + self.all * variation;
        let begun = self.begun(time);
        let late = |processing: f64| {
            let left = deadline - processing - job.age;
            if left <= 0.0 {
                return 1.0;
            }
            let place = self.begun(time + left) - begun;
            let direct = normal::above((place - mean) / deviation);
            let reflected = match time > 0.0 && diffusion > 0.0 {
                true => (2.0 * drift * place / diffusion
                    + normal::ln_above((place + mean) / deviation))
                .min(0.0)
                .exp(),
                false => 0.0,
            };
            (direct + self.waits * reflected).min(1.0)
        };
        self.outlook.processing.points().map(|(share, seconds)| share * late(seconds)).sum()
    }
}

impl Outlook<'_> {
    fn figures(&self, observed: &Observed, estimate: u32, lasting: u32, busy: f64) -> Vec<Figure> {
        let figure = |name, value, unit, meaning: &str| Figure {
            name,
            value,
            unit,
            meaning: meaning.into(),
        };
        let percent = |workers: u32, seconds: f64| {
            100.0 * self.plan(workers).lateness(&Job::coming(observed.waiting, seconds))
        };
        let how = if observed.processing.is_some() { "as measured" } else { "as set" };
        let plan = self.plan(estimate);
        vec![
            figure("processing", self.processing.mean, "s", how),
            figure("stddev", self.processing.stddev, "s", how),
            figure(
                "processing_percentile",
                self.processing.percentile,
                "s",
                "as many jobs as `percentile` says take no longer",
            ),
            figure("rate", self.rate, "jobs/s", "jobs that come"),
            figure("rate_error", self.rate_error, "jobs/s", "standard error of the rate"),
            figure(
                "load",
                self.rate / self.pace,
                "workers",
                "rate * processing / concurrency: busy in the long run",
            ),
            figure("in_flight", self.in_flight, "jobs", "jobs that workers have"),
            figure("ready", self.ready.into(), "workers", "workers that take jobs"),
            figure(
                "bound",
                self.bound(),
                "s",
                "a quarter of pollinterval + boot: how long this decision has to be right",
            ),
            figure("late_allowed", 100.0 * self.allowed, "%", "100 - percentile"),
            figure(
                "late_now",
                percent(estimate, 0.0),
                "%",
                "with the estimate, of jobs that come now",
            ),
            figure(
                "late_then",
                percent(estimate, self.bound()),
                "%",
                "with the estimate, of jobs that come after `bound`",
            ),
            figure(
                "late_at_maximum",
                percent(self.role.maximum, 0.0),
                "%",
                "with the maximum, of jobs that come now",
            ),
            figure(
                "waits",
                plan.waits,
                "",
                "how likely a job has to wait in the long run, by Erlang's C formula",
            ),
            figure(
                "estimate",
                estimate.into(),
                "workers",
                "the fewest with which no more jobs are late than may be",
            ),
            figure(
                "lasting",
                lasting.into(),
                "workers",
                "the fewest if that has to last for another `boot`, and the highest estimate of the last `boot`",
            ),
            figure(
                "busy",
                busy,
                "workers",
                "of those that there are, have something to do until the next decision",
            ),
        ]
    }
}

#[cfg(test)]
mod tests;
