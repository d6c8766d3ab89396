//! guv's own model, for files that were made for it: as many workers as it takes to work the queue
//! off by the target, whatever comes meanwhile.

use std::cmp::Ordering;

use super::{Decision, Figure, Observed, normal};
use crate::config::{Model, Role};

/// What guv adds to the processing time where the target leaves no time.
const LEAST: f64 = 0.01;

impl Role {
    /// When a job is to be begun, so that as many as `percentile` says are done within the
    /// deadline: z(percentile) standard deviations before it, unless `target` is set. In seconds
    /// after the job came.
    ///
    /// That is always more than `processing`: where the settings leave no time, it is
    /// `processing` + 0.01, as in guv.
    pub fn target(&self) -> f64 {
        fallback(self.wanted_target(), self.processing)
    }

    /// The target as the settings have it, even if they leave no time.
    pub(crate) fn wanted_target(&self) -> f64 {
        wanted(self, self.stddev)
    }

    /// z(percentile): how many standard deviations above the mean as many jobs as `percentile`
    /// says are done.
    pub(crate) fn z(&self) -> f64 {
        // By the smaller tail, which has all digits.
        -normal::quantile((100.0 - self.percentile) / 100.0)
    }
}

fn wanted(role: &Role, stddev: f64) -> f64 {
    role.target.unwrap_or_else(|| role.deadline - role.z() * stddev)
}

fn fallback(target: f64, processing: f64) -> f64 {
    if target > processing { target } else { processing + LEAST }
}

/// Decides as guv 0.3 does.
///
/// The estimate is the time that one worker would need for all jobs in the queue, divided by the time
/// there is until the last one has to be begun. More workers come at once; fewer only as far down
/// as the highest estimate of the history. If the number of workers is unknown, it becomes the
/// estimate.
///
/// If processing times were measured, they stand for the role's own `processing` and `stddev`.
pub fn proportional(role: &Role, observed: &Observed) -> Decision {
    let measured = observed.processing.filter(|measured| {
        measured.mean.is_finite() && measured.mean > 0.0 && measured.stddev.is_finite()
    });
    let (processing, stddev) =
        measured.map_or((role.processing, role.stddev), |m| (m.mean, m.stddev.max(0.0)));
    let wanted = wanted(role, stddev);
    let target = fallback(wanted, processing);

    // guv counts all messages of a queue, those that workers have included.
    let jobs = observed.waiting.saturating_add(observed.in_flight.unwrap_or(0));
    let waiting = (jobs as f64 / f64::from(role.concurrency.max(1))).ceil() * processing;
    let available = processing.max(target - processing);
    let raw = waiting / available;
    // In this order, as guv does it: `maximum` has the last word.
    let bounded = raw.ceil().max(role.minimum.into()).min(role.maximum.into());
    let estimate = bounded as u32;
    let highest = observed.history.iter().copied().max();

    let mut figures = vec![
        Figure {
            name: "processing",
            value: processing,
            unit: "s",
            meaning: if measured.is_some() { "as measured" } else { "as set" }.into(),
        },
        Figure {
            name: "stddev",
            value: stddev,
            unit: "s",
            meaning: if measured.is_some() { "as measured" } else { "as set" }.into(),
        },
        Figure {
            name: "z",
            value: role.z(),
            unit: "",
            meaning: format!(
                "quantile of the normal distribution at the percentile, {}",
                role.percentile
            ),
        },
        Figure {
            name: "target",
            value: target,
            unit: "s",
            meaning: match role.target {
                _ if wanted <= processing => "processing + 0.01, since there is no time".into(),
                Some(_) => "as set".into(),
                None => "deadline - z * stddev".into(),
            },
        },
        Figure {
            name: "waiting_time",
            value: waiting,
            unit: "s",
            meaning: "ceil(jobs / concurrency) * processing: what one worker would take".into(),
        },
        Figure {
            name: "available_time",
            value: available,
            unit: "s",
            meaning: "the longer of processing and target - processing".into(),
        },
        Figure {
            name: "raw_estimate",
            value: raw,
            unit: "workers",
            meaning: "waiting_time / available_time".into(),
        },
        Figure {
            name: "bounded_estimate",
            value: bounded,
            unit: "workers",
            meaning: format!("rounded up, within {} and {}", role.minimum, role.maximum),
        },
    ];
    figures.extend(highest.map(|highest| Figure {
        name: "history_maximum",
        value: highest.into(),
        unit: "workers",
        meaning: "the highest estimate of the history: no fewer than this for now".into(),
    }));

    let mut warnings = Vec::new();
    if wanted <= processing {
        warnings.push(format!(
            "the target of {wanted:.2} s is not above the processing time of {processing:.2} s, \
             with a deadline of {} s: set a longer deadline",
            role.deadline
        ));
    }
    if raw.ceil() > bounded {
        warnings.push(format!(
            "{} workers are needed, and the maximum is {}: jobs will be late",
            raw.ceil(),
            role.maximum
        ));
    }
    let next = next(estimate, observed.workers, highest.unwrap_or_default());
    Decision { model: Model::Proportional, estimate, next, figures, warnings }
}

/// Up at once, and down only to the highest estimate of the history.
fn next(estimate: u32, workers: Option<u32>, highest: u32) -> Option<u32> {
    let Some(workers) = workers else { return Some(estimate) };
    match estimate.cmp(&workers) {
        Ordering::Greater => Some(estimate),
        Ordering::Equal => None,
        Ordering::Less => Some(estimate.max(highest)).filter(|next| *next < workers),
    }
}

#[cfg(test)]
mod tests;
