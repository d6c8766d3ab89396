//! One role's part of the governor: what was read goes in, what is to be done comes out.

use std::collections::VecDeque;

use msgflo::Result;

use super::booting::Booting;
use super::faults::{Fault, Faults, Notice};
use crate::config::Role;
use crate::model::{self, ArrivalEstimator, Arrivals, Decision, Observed};
use crate::reading::Reading;

/// Decides for one role, poll by poll. It has no clock and does nothing: all times are seconds on
/// the caller's clock, which must not go back.
pub struct Controller {
    role: Role,
    /// The last estimates. Polls without a reading make none: not knowing is no quiet time.
    history: VecDeque<u32>,
    arrivals: ArrivalEstimator,
    booting: Booting,
    /// The last safe count: decided upon with all that is needed, and accepted by the backend.
    wanted: Option<u32>,
    faults: Faults,
}

/// What came of a poll.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Step {
    /// When it was.
    pub at: f64,
    /// What was read, if it could be.
    pub reading: Option<Reading>,
    /// How many workers the backend tells of.
    pub workers: Option<u32>,
    /// How many of them boot, as far as that is known.
    pub booting: u32,
    /// How many workers there are to be.
    pub wanted: Option<u32>,
    /// What the decision was made of, if one could be made.
    pub observed: Option<Observed>,
    /// The decision.
    pub decision: Option<Decision>,
    /// What the backend is to be asked for now.
    pub change: Option<Change>,
    /// What is to be said now.
    pub notices: Vec<Notice>,
    /// Kinds of everything that went wrong in this poll, said or not.
    pub errors: Vec<&'static str>,
}

/// What a backend is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// How many workers there are; `None` if the backend does not tell.
    pub from: Option<u32>,
    /// How many there are to be.
    pub to: u32,
}

impl Controller {
    /// For a role of which nothing is known yet.
    pub fn new(role: Role) -> Self {
        Self {
            arrivals: ArrivalEstimator::new(role.history),
            role,
            history: VecDeque::new(),
            booting: Booting::default(),
            wanted: None,
            faults: Faults::default(),
        }
    }

    /// The role that it decides for.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// A poll: what the queue's reading and the backend's count of workers are, at a time.
    ///
    /// If a change comes of it, [`scaled`](Self::scaled) has to be told how that went before the
    /// next poll; unless nothing was done, as in a dry run.
    pub fn poll(
        &mut self,
        now: f64,
        reading: &Result<Reading>,
        workers: &Result<Option<u32>>,
    ) -> Step {
        let mut step = Step { at: now, ..Step::default() };
        let is_counted = self.count(&mut step, workers);
        self.booting.pass(now);
        if let Some(there) = step.workers {
            self.booting.at_most(there.into());
        }
        let target = match reading {
            Ok(reading) => {
                step.notices.extend(self.faults.end(Fault::Reading, now));
                self.decide(&mut step, reading)
            }
            Err(error) => {
                self.hold(&mut step, error);
                // The minimum is no decision, for which data are missing, but what there has to be in
                // any case; it may be the workers that make the queue.
                let held = self.wanted.max(step.workers);
                held.map(|held| held.max(self.role.minimum))
            }
        };
        if is_counted {
            step.change = self.change(&step, target);
            if step.change.is_none() && step.reading.is_some() {
                self.wanted = target;
            }
        }
        step.wanted = step.change.map(|change| change.to).or(self.wanted).or(step.workers);
        step.booting = self.booting.remaining(now).len() as u32;
        step
    }

    /// How a change of the last poll went. Returns what is to be said.
    pub fn scaled(&mut self, now: f64, change: Change, outcome: &Result<()>) -> Option<Notice> {
        match outcome {
            Ok(()) => {
                let from = change.from.or(self.wanted).unwrap_or(change.to);
                self.booting.start(change.to.saturating_sub(from), now + self.role.boot);
                self.booting.stop(from.saturating_sub(change.to));
                self.wanted = Some(change.to);
                self.faults.end(Fault::Scaling, now)
            }
            Err(error) => {
                let kind = Fault::Scaling.kind(error);
                self.faults.begin(Fault::Scaling, kind, now, || {
                    let to = workers(change.to);
                    format!("there cannot be {to} now, which is tried again: {error}")
                })
            }
        }
    }

    /// Whether the backend has answered, even if it does not know.
    fn count(&mut self, step: &mut Step, told: &Result<Option<u32>>) -> bool {
        let now = step.at;
        match told {
            Ok(told) => {
                step.notices.extend(self.faults.end(Fault::Counting, now));
                step.workers = *told;
            }
            Err(error) => {
                let kind = Fault::Counting.kind(error);
                step.errors.push(kind);
                let held = self.held(None);
                step.notices.extend(self.faults.begin(Fault::Counting, kind, now, || {
                    format!("the backend does not tell how many workers there are; {held}: {error}")
                }));
                return false;
            }
        }
        match (step.workers, self.wanted) {
            (Some(there), Some(wanted)) if there != wanted => {
                step.errors.push("difference");
                let (kind, done) = match there < wanted {
                    true => ("fewer", "; it is asked for again"),
                    false => ("more", ""),
                };
                let text = || format!("there {} where {wanted} should be{done}", are(there));
                step.notices.extend(self.faults.begin(Fault::Difference, kind, now, text));
            }
            _ => step.notices.extend(self.faults.end(Fault::Difference, now)),
        }
        true
    }

    /// How many workers there are to be, by what was read.
    fn decide(&mut self, step: &mut Step, reading: &Reading) -> Option<u32> {
        if let (Some(there), Some(consumers)) = (step.workers, reading.consumers) {
            self.booting.at_most(u64::from(there).saturating_sub(consumers));
        }
        // What has gone without being asked to, is asked for again, and so it boots.
        let lost = match (step.workers, self.wanted) {
            (Some(there), Some(wanted)) => wanted.saturating_sub(there),
            _ => 0,
        };
        let current = step.workers.map(|there| there + lost).or(self.wanted);
        let mut booting = self.booting.remaining(step.at);
        booting.extend((0..lost).map(|_| self.role.boot));
        let observed = Observed {
            waiting: reading.waiting,
            in_flight: reading.in_flight,
            arrivals: self.arrivals(step.at, reading),
            processing: reading.processing,
            workers: current,
            booting,
            history: self.history.iter().copied().collect(),
        };
        let decision = model::decide(&self.role, &observed);
        self.remember(decision.estimate);
        step.notices.extend(match decision.warnings.first() {
            Some(warning) => self.faults.begin(Fault::Late, "late", step.at, || warning.clone()),
            None => self.faults.end(Fault::Late, step.at),
        });
        let target = decision.next.or(current).map(|count| self.bounded(count));
        step.observed = Some(observed);
        step.decision = Some(decision);
        step.reading = Some(reading.clone());
        target
    }

    fn arrivals(&mut self, now: f64, reading: &Reading) -> Option<Arrivals> {
        let Reading { waiting, in_flight, arrived, finished, .. } = *reading;
        // Who is neither waiting nor in flight nor finished, has not come.
        let arrived = arrived.or_else(|| Some(waiting + in_flight? + finished?))?;
        self.arrivals.observe(now, arrived);
        self.arrivals.estimate()
    }

    /// Keeps as many estimates as guv does.
    fn remember(&mut self, estimate: u32) {
        let kept = (self.role.history / self.role.pollinterval).floor().clamp(0.0, 10_000.0);
        self.history.push_back(estimate);
        while self.history.len() > kept as usize {
            self.history.pop_front();
        }
    }

    fn hold(&mut self, step: &mut Step, error: &msgflo::Error) {
        let kind = Fault::Reading.kind(error);
        step.errors.push(kind);
        let held = self.held(step.workers);
        step.notices.extend(
            self.faults
                .begin(Fault::Reading, kind, step.at, || format!("{error}; until then, {held}")),
        );
    }

    fn held(&self, there: Option<u32>) -> String {
        match self.wanted.or(there) {
            Some(count) => format!("it keeps {}", workers(count.max(self.role.minimum))),
            None => "its workers stay as they are".into(),
        }
    }

    fn change(&self, step: &Step, target: Option<u32>) -> Option<Change> {
        let (to, from) = (target?, step.workers);
        let asked = from.or(self.wanted);
        (asked != Some(to)).then_some(Change { from, to })
    }

    fn bounded(&self, count: u32) -> u32 {
        count.max(self.role.minimum).min(self.role.maximum)
    }
}

fn workers(count: u32) -> String {
    match count {
        1 => "1 worker".into(),
        count => format!("{count} workers"),
    }
}

fn are(count: u32) -> String {
    match count {
        0 => "is no worker".into(),
        1 => "is 1 worker".into(),
        count => format!("are {count} workers"),
    }
}
