//! What decides how many workers there are to be.

use std::collections::VecDeque;

use msgflo::statistics::Durations;

use crate::config::{Model, Role};
use crate::governor::Controller;
use crate::model::Processing;
use crate::reading::Reading;

/// What a policy sees. Times are in seconds.
pub struct Seen<'a> {
    /// The role.
    pub role: &'a Role,
    /// Since the start.
    pub now: f64,
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that are being processed.
    pub in_flight: u64,
    /// Jobs that have come so far.
    pub arrived: u64,
    /// Jobs that were done so far.
    pub finished: u64,
    /// Workers, those that boot included and those that were told to stop not.
    pub workers: u32,
    /// For each worker that boots, how long it still does.
    pub booting: Vec<f64>,
    /// The processing times of jobs that were done.
    pub measured: &'a Durations,
}

/// Decides how many workers there are to be.
pub trait Policy {
    /// What it is called in reports.
    fn name(&self) -> String;

    /// How many workers there are at the start. The role's minimum, if nothing else is said.
    fn at_start(&self, role: &Role) -> u32 {
        role.minimum
    }

    /// How many there are to be now; `None` for no change. Minimum and maximum are seen to.
    fn decide(&mut self, seen: &Seen<'_>) -> Option<u32>;
}

/// One of our models, with all that the governor has around it.
pub struct Modelled {
    controller: Controller,
    /// What was measured when so many jobs were done.
    measured: (u64, Option<Processing>),
}

impl Modelled {
    /// For a role of which nothing is known yet.
    pub fn new(role: &Role, model: Model) -> Self {
        let controller = Controller::new(Role { model, ..role.clone() });
        Self { controller, measured: (0, None) }
    }

    /// One hundredth more jobs change little of what is known of them.
    fn measured(&mut self, seen: &Seen<'_>) -> Option<Processing> {
        let count = seen.measured.count();
        if count > self.measured.0 + self.measured.0 / 100 {
            self.measured = (count, Processing::measured(seen.measured, seen.role.percentile));
        }
        self.measured.1
    }
}

impl Policy for Modelled {
    fn name(&self) -> String {
        self.controller.role().model.to_string()
    }

    fn decide(&mut self, seen: &Seen<'_>) -> Option<u32> {
        let reading = Reading {
            waiting: seen.waiting,
            in_flight: Some(seen.in_flight),
            consumers: Some(u64::from(seen.workers) - seen.booting.len() as u64),
            arrived: Some(seen.arrived),
            finished: Some(seen.finished),
            processing: self.measured(seen),
            estimated: String::new(),
        };
        let step = self.controller.poll(seen.now, &Ok(reading), &Ok(Some(seen.workers)));
        let change = step.change?;
        self.controller.scaled(seen.now, change, &Ok(()));
        Some(change.to)
    }
}

/// KEDA's rule for queues: one worker for each `queue_length` jobs, by a horizontal pod autoscaler.
///
/// As Kubernetes does it by default: down only to the highest of the last 5 minutes, and up
/// at most by 4 or to the double within 15 s.
pub struct Keda {
    queue_length: f64,
    recommendations: VecDeque<(f64, u32)>,
}

impl Keda {
    /// One worker for each so many jobs, at least 1.
    pub fn new(queue_length: f64) -> Self {
        Self { queue_length: queue_length.max(1.0), recommendations: VecDeque::new() }
    }

    /// With as many jobs as one worker does within the deadline, which is how it is often set.
    pub fn for_deadline(role: &Role) -> Self {
        let rounds = (role.deadline / role.processing).floor();
        Self::new(rounds * f64::from(role.concurrency))
    }
}

/// How far back a horizontal pod autoscaler looks before it scales down, in seconds
/// (`--horizontal-pod-autoscaler-downscale-stabilization`).
const STABILIZATION: f64 = 300.0;

/// Down only to the highest recommendation of the last 5 minutes.
fn stabilize(recommendations: &mut VecDeque<(f64, u32)>, now: f64, wanted: u32) -> u32 {
    recommendations.push_back((now, wanted));
    while recommendations.front().is_some_and(|(time, _)| *time < now - STABILIZATION) {
        recommendations.pop_front();
    }
    recommendations.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted)
}

impl Policy for Keda {
    fn name(&self) -> String {
        format!("keda, {} jobs each", self.queue_length)
    }

    fn decide(&mut self, seen: &Seen<'_>) -> Option<u32> {
        let jobs = (seen.waiting + seen.in_flight) as f64;
        let wanted = (jobs / self.queue_length).ceil() as u32;
        let wanted = stabilize(&mut self.recommendations, seen.now, wanted.min(seen.role.maximum));
        let periods = (seen.role.pollinterval / 15.0).max(1.0);
        let workers = f64::from(seen.workers);
        let upmost = (workers + workers.max(4.0)) * periods;
        Some(wanted.min(upmost as u32))
    }
}

/// By how busy the workers are, as a horizontal pod autoscaler does by CPU.
pub struct Cpu {
    threshold: f64,
    recommendations: VecDeque<(f64, u32)>,
}

impl Cpu {
    /// So that this share of their time is used, between 0 and 1.
    pub fn new(threshold: f64) -> Self {
        Self { threshold, recommendations: VecDeque::new() }
    }
}

impl Policy for Cpu {
    fn name(&self) -> String {
        format!("cpu at {} %", self.threshold * 100.0)
    }

    fn decide(&mut self, seen: &Seen<'_>) -> Option<u32> {
        let ready = seen.workers.saturating_sub(seen.booting.len() as u32).max(1);
        let slots = f64::from(ready) * f64::from(seen.role.concurrency);
        let used = seen.in_flight as f64 / slots;
        let wanted = f64::from(ready) * used.min(1.0) / self.threshold;
        // Within a tenth of the threshold, nothing is done.
        let wanted = match (used / self.threshold - 1.0).abs() <= 0.1 {
            true => seen.workers,
            false => wanted.ceil() as u32,
        };
        Some(stabilize(&mut self.recommendations, seen.now, wanted.max(1)))
    }
}

/// Always the same number of workers.
pub struct Fixed(pub u32);

impl Policy for Fixed {
    fn name(&self) -> String {
        format!("fixed, {}", self.0)
    }

    fn at_start(&self, role: &Role) -> u32 {
        self.0.clamp(role.minimum, role.maximum)
    }

    fn decide(&mut self, _: &Seen<'_>) -> Option<u32> {
        Some(self.0)
    }
}
