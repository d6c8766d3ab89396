//! The queue, its workers, and time.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use msgflo::statistics::Durations;

use super::policy::Seen;
use super::{Job, Outcome, Sample};
use crate::config::Role;

pub(super) struct Pool<'a> {
    role: &'a Role,
    jobs: &'a [Job],
    now: f64,
    /// The next of `jobs` that comes.
    next: usize,
    /// Places in `jobs`.
    queue: VecDeque<usize>,
    workers: Vec<Worker>,
    /// Places in `workers` that are neither stopped nor told to stop, oldest first.
    active: Vec<usize>,
    /// Those that could take one more job.
    free: BTreeSet<usize>,
    events: BinaryHeap<Reverse<Event>>,
    in_flight: usize,
    finished: u64,
    /// For each job that is done, how long after it came.
    completions: Vec<f64>,
    measured: Durations,
    worker_seconds: f64,
    scale_changes: usize,
    samples: Vec<Sample>,
}

struct Worker {
    started: f64,
    ready: f64,
    busy: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Booting,
    Ready,
    Stopping,
    Ended,
}

#[derive(Clone, Copy, PartialEq)]
struct Event {
    time: f64,
    worker: usize,
    /// The job that is done then; none if the worker has booted.
    job: Option<usize>,
}

impl Eq for Event {}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.time.total_cmp(&other.time);
        order.then_with(|| (self.worker, self.job).cmp(&(other.worker, other.job)))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Pool<'a> {
    pub(super) fn new(role: &'a Role, jobs: &'a [Job]) -> Self {
        Self {
            role,
            jobs,
            now: 0.0,
            next: 0,
            queue: VecDeque::new(),
            workers: Vec::new(),
            active: Vec::new(),
            free: BTreeSet::new(),
            events: BinaryHeap::new(),
            in_flight: 0,
            finished: 0,
            completions: Vec::with_capacity(jobs.len()),
            measured: Durations::default(),
            worker_seconds: 0.0,
            scale_changes: 0,
            samples: Vec::new(),
        }
    }

    /// Whether all jobs are done.
    pub(super) fn is_done(&self) -> bool {
        self.completions.len() == self.jobs.len()
    }

    /// What a policy sees now.
    pub(super) fn seen(&self) -> Seen<'_> {
        let remaining = |&worker: &usize| {
            let worker = &self.workers[worker];
            (worker.state == State::Booting).then_some(worker.ready - self.now)
        };
        Seen {
            role: self.role,
            now: self.now,
            waiting: self.queue.len() as u64,
            in_flight: self.in_flight as u64,
            arrived: self.next as u64,
            finished: self.finished,
            workers: self.active.len() as u32,
            booting: self.active.iter().filter_map(remaining).collect(),
            measured: &self.measured,
        }
    }

    pub(super) fn sample(&mut self) {
        self.samples.push(Sample {
            time: self.now,
            waiting: self.queue.len() as u64,
            in_flight: self.in_flight as u64,
            workers: self.active.len() as u32,
        });
    }

    /// Starts workers, or stops the youngest.
    pub(super) fn scale_to(&mut self, wanted: u32) {
        let wanted = wanted as usize;
        if wanted != self.active.len() {
            self.scale_changes += 1;
        }
        while self.active.len() < wanted {
            let (worker, ready) = (self.workers.len(), self.now + self.role.boot);
            self.workers.push(Worker { started: self.now, ready, busy: 0, state: State::Booting });
            self.active.push(worker);
            self.events.push(Reverse(Event { time: ready, worker, job: None }));
        }
        while self.active.len() > wanted {
            let Some(worker) = self.active.pop() else { break };
            self.free.remove(&worker);
            if self.workers[worker].busy > 0 {
                self.workers[worker].state = State::Stopping;
            } else {
                self.end(worker);
            }
        }
    }

    /// All workers are there from the start.
    pub(super) fn boot_all(&mut self) {
        self.events.clear();
        self.scale_changes = 0;
        for worker in self.active.clone() {
            self.boot(worker);
        }
    }

    /// Everything that happens up to this time.
    pub(super) fn run_until(&mut self, time: f64) {
        loop {
            let arrival = self.jobs.get(self.next).map_or(f64::INFINITY, |job| job.arrival);
            let event = self.events.peek().map_or(f64::INFINITY, |Reverse(event)| event.time);
            if arrival.min(event) > time {
                break;
            }
            if event <= arrival {
                let Some(Reverse(event)) = self.events.pop() else { break };
                self.now = event.time;
                match event.job {
                    Some(job) => self.finish(event.worker, job),
                    None => self.boot(event.worker),
                }
            } else {
                self.now = arrival;
                self.queue.push_back(self.next);
                self.next += 1;
                self.hand_out();
            }
        }
        self.now = time;
    }

    fn boot(&mut self, worker: usize) {
        // It may have been stopped meanwhile.
        if self.workers[worker].state == State::Booting {
            self.workers[worker].state = State::Ready;
            self.free.insert(worker);
            self.hand_out();
        }
    }

    fn finish(&mut self, worker: usize, job: usize) {
        self.in_flight -= 1;
        self.finished += 1;
        let Job { arrival, processing } = self.jobs[job];
        self.completions.push(self.now - arrival);
        self.measured.record(Duration::from_secs_f64(processing));
        self.workers[worker].busy -= 1;
        match self.workers[worker].state {
            State::Ready => {
                self.free.insert(worker);
                self.hand_out();
            }
            _ if self.workers[worker].busy == 0 => self.end(worker),
            _ => {}
        }
    }

    fn end(&mut self, worker: usize) {
        self.workers[worker].state = State::Ended;
        self.worker_seconds += self.now - self.workers[worker].started;
    }

    fn hand_out(&mut self) {
        while let Some(&worker) = self.free.first()
            && let Some(job) = self.queue.pop_front()
        {
            let time = self.now + self.jobs[job].processing;
            self.events.push(Reverse(Event { time, worker, job: Some(job) }));
            self.in_flight += 1;
            self.workers[worker].busy += 1;
            if self.workers[worker].busy == self.role.concurrency {
                self.free.remove(&worker);
            }
        }
    }

    pub(super) fn into_outcome(mut self, policy: String) -> Outcome {
        for worker in std::mem::take(&mut self.active) {
            self.end(worker);
        }
        Outcome {
            worker_hours: self.worker_seconds / 3_600.0,
            scale_changes: self.scale_changes,
            samples: self.samples,
            ..Outcome::new(self.role, policy, self.completions)
        }
    }
}
