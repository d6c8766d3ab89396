//! Controllers under faults and noise, with a backend that is a number.

use msgflo::{Error, ErrorKind, Result};

use super::*;
use crate::config::{Model, Role};
use crate::reading::Reading;

/// 10 s for a job, a minute's time for it: 50 s to work the queue off, 4 estimates remembered.
fn role() -> Role {
    let mut role = Role::new("resize");
    role.model = Model::Proportional;
    (role.minimum, role.maximum) = (0, 10);
    (role.processing, role.stddev, role.deadline) = (10.0, 0.0, 60.0);
    (role.pollinterval, role.history, role.boot) = (30.0, 120.0, 45.0);
    role
}

/// A controller, a clock, and workers that a backend has.
struct Trial {
    controller: Controller,
    now: f64,
    workers: u32,
}

impl Trial {
    fn new(role: Role) -> Self {
        Self { controller: Controller::new(role), now: 0.0, workers: 0 }
    }

    /// A poll; the backend does what it is asked for.
    fn poll(&mut self, reading: Result<Reading>) -> Step {
        let step = self.poll_only(reading, Ok(Some(self.workers)));
        if let Some(change) = step.change {
            self.workers = change.to;
            assert_eq!(self.controller.scaled(self.now, change, &Ok(())), None);
        }
        step
    }

    /// A poll, of which nothing is done.
    fn poll_only(&mut self, reading: Result<Reading>, workers: Result<Option<u32>>) -> Step {
        self.now += self.controller.role().pollinterval;
        self.controller.poll(self.now, &reading, &workers)
    }

    /// How many workers there are after so many jobs were waiting.
    fn waiting(&mut self, waiting: u64) -> u32 {
        self.poll(jobs(waiting));
        self.workers
    }
}

fn jobs(waiting: u64) -> Result<Reading> {
    Ok(Reading { waiting, ..Reading::default() })
}

fn missing_queue() -> Error {
    let (url, queue) = ("amqp://localhost/".into(), "resize".into());
    ErrorKind::Queue { url, queue, reason: "there is no such queue".into() }.into()
}

fn unreachable() -> Error {
    let (url, timeout) = ("amqp://localhost/".into(), std::time::Duration::from_secs(5));
    ErrorKind::Unreachable { url, timeout, reason: "connection refused".into() }.into()
}

fn said(step: &Step) -> Vec<(Fault, bool)> {
    step.notices.iter().map(|notice| (notice.fault, notice.over)).collect()
}

#[test]
fn workers_come_at_once_and_go_after_the_history() {
    let mut trial = Trial::new(role());
    assert_eq!(trial.waiting(20), 4);
    assert_eq!(trial.waiting(40), 8);
    // As many polls as the history has.
    let after: Vec<_> = (0..5).map(|_| trial.waiting(0)).collect();
    assert_eq!(after, [8, 8, 8, 8, 0]);
}

#[test]
fn without_a_reading_the_workers_stay_and_it_is_said_once() {
    let mut trial = Trial::new(role());
    trial.waiting(20);
    let first = trial.poll(Err(unreachable()));
    assert_eq!(said(&first), [(Fault::Reading, false)]);
    let text = &first.notices[0].text;
    assert!(text.contains("amqp://localhost/") && text.contains("4 workers"), "{text}");
    // Longer than any history.
    for _ in 0..100 {
        let step = trial.poll(Err(unreachable()));
        assert_eq!((step.change, said(&step)), (None, vec![]));
        assert_eq!(step.errors, ["unreachable"]);
    }
    // It is back, and the queue is not: something else to look after.
    assert_eq!(said(&trial.poll(Err(missing_queue()))), [(Fault::Reading, false)]);
    let back = trial.poll(jobs(20));
    assert_eq!((back.change, said(&back)), (None, vec![(Fault::Reading, true)]));
    // Not knowing was no quiet time: what was needed before it is still remembered.
    assert_eq!(trial.waiting(0), 4);
    assert_eq!(trial.workers, 4);
}

#[test]
fn at_the_start_nothing_is_changed_without_a_reading() {
    let mut trial = Trial::new(role());
    trial.workers = 7;
    assert_eq!(trial.poll(Err(missing_queue())).change, None);
    // The minimum has to be there in any case.
    let mut trial = Trial::new(Role { minimum: 2, ..role() });
    trial.poll(Err(missing_queue()));
    assert_eq!(trial.workers, 2);
}

#[test]
fn a_backend_that_does_not_answer_is_asked_for_nothing() {
    let mut trial = Trial::new(role());
    trial.waiting(20);
    for poll in 0..10 {
        let step = trial.poll_only(jobs(40), Err(Error::message("503")));
        assert_eq!(step.change, None);
        assert_eq!(said(&step).is_empty(), poll > 0);
    }
    let step = trial.poll(jobs(40));
    assert_eq!(said(&step), [(Fault::Counting, true)]);
    assert_eq!(trial.workers, 8);
}

#[test]
fn a_backend_that_does_not_know_is_told_each_new_number_once() {
    let mut trial = Trial::new(role());
    let mut told = Vec::new();
    for waiting in [0, 20, 20, 40, 0, 0, 0, 0, 0, 0] {
        let step = trial.poll_only(jobs(waiting), Ok(None));
        if let Some(change) = step.change {
            told.push(change.to);
            trial.controller.scaled(trial.now, change, &Ok(()));
        }
    }
    assert_eq!(told, [0, 4, 8, 0]);
    assert_eq!(trial.poll_only(Err(unreachable()), Ok(None)).change, None);
}

#[test]
fn a_backend_that_refuses_is_asked_again_and_it_is_said_once() {
    let mut trial = Trial::new(role());
    let mut told = Vec::new();
    for _ in 0..5 {
        let step = trial.poll_only(jobs(20), Ok(Some(0)));
        let change = step.change.unwrap();
        assert_eq!(change.to, 4);
        told.extend(trial.controller.scaled(trial.now, change, &Err(Error::message("no quota"))));
    }
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("4 workers") && told[0].text.contains("no quota"), "{told:?}");
    let step = trial.poll_only(jobs(20), Ok(Some(0)));
    let over = trial.controller.scaled(trial.now, step.change.unwrap(), &Ok(())).unwrap();
    assert_eq!((over.fault, over.over), (Fault::Scaling, true));
}

#[test]
fn what_was_applied_by_half_and_what_died_is_asked_for_again() {
    let mut trial = Trial::new(role());
    trial.waiting(20);
    trial.workers = 1;
    // Also when fewer would do, as long as the history tells otherwise.
    let step = trial.poll(jobs(0));
    assert_eq!(step.change, Some(Change { from: Some(1), to: 4 }));
    assert_eq!(said(&step), [(Fault::Difference, false)]);
    trial.workers = 3;
    let step = trial.poll(Err(unreachable()));
    assert_eq!(step.change, Some(Change { from: Some(3), to: 4 }), "{step:?}");
    assert_eq!(said(&step), [(Fault::Reading, false)]);
    let step = trial.poll(jobs(20));
    assert_eq!((step.change, said(&step).len()), (None, 2));
}

#[test]
fn what_somebody_else_has_started_goes_as_if_it_were_ours() {
    let mut trial = Trial::new(role());
    trial.waiting(10);
    trial.workers = 9;
    let after: Vec<_> = (0..6).map(|_| trial.waiting(10)).collect();
    // With no reason to have them, at the next poll; guv's history holds only what was estimated.
    assert_eq!(after, [2; 6]);
    trial.workers = 9;
    assert_eq!(trial.poll(Err(unreachable())).change, None);
}

#[test]
fn workers_boot_until_their_time_is_over_or_they_are_seen() {
    let mut trial = Trial::new(role());
    trial.poll(jobs(20));
    let booting = |step: &Step| step.observed.as_ref().unwrap().booting.clone();
    let step = trial.poll(jobs(20));
    assert_eq!(booting(&step), [15.0; 4]);
    assert_eq!(booting(&trial.poll(jobs(20))), [0.0; 0]);
    // Four more, of which one is at work already.
    trial.poll(jobs(40));
    let seen = Reading { waiting: 40, consumers: Some(5), ..Reading::default() };
    assert_eq!(booting(&trial.poll(Ok(seen))), [15.0; 3]);
    // Two died, and boot again.
    trial.now += 100.0;
    trial.workers = 6;
    assert_eq!(booting(&trial.poll(jobs(40))), [45.0; 2]);
}

#[test]
fn that_even_the_maximum_is_too_late_is_said_once_and_when_it_is_over() {
    for model in [Model::Deadline, Model::Proportional] {
        let mut trial = Trial::new(Role { model, ..role() });
        let flood = trial.poll(jobs(100_000));
        assert_eq!(said(&flood), [(Fault::Late, false)], "{model:?}");
        assert!(flood.notices[0].text.contains("maximum"), "{:?}", flood.notices);
        assert_eq!(said(&trial.poll(jobs(100_000))), []);
        assert_eq!(said(&trial.poll(jobs(0))), [(Fault::Late, true)]);
    }
}

#[test]
fn an_alternating_queue_makes_no_alternating_workers() {
    for model in [Model::Proportional, Model::Deadline] {
        let mut trial = Trial::new(Role { model, ..role() });
        let mut changes = 0;
        for poll in 0..1000 {
            let reading = match poll % 3 {
                0 => jobs(30),
                1 => jobs(0),
                _ => Err(unreachable()),
            };
            changes += u32::from(trial.poll(reading).change.is_some());
        }
        assert!(changes <= 2, "{changes} changes by {model:?}");
    }
}

/// xorshift: the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn no_noise_makes_it_leave_its_bounds_or_drop_workers_on_missing_data() {
    for (seed, model) in [(1, Model::Proportional), (2, Model::Deadline), (3, Model::Proportional)]
    {
        let role = Role { minimum: 1, maximum: 8, model, ..role() };
        let mut trial = Trial::new(role.clone());
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut estimates = Vec::new();
        for _ in 0..10_000 {
            if random.below(20) == 0 {
                trial.workers = trial.workers.saturating_sub(1);
            }
            let reading = match random.below(10) {
                0 => Err(unreachable()),
                1 => Err(missing_queue()),
                2 => jobs(random.below(u64::MAX)),
                _ => jobs(random.below(50)),
            };
            let is_read = reading.is_ok();
            let told = match random.below(10) {
                0 => Err(Error::message("503")),
                1 => Ok(None),
                _ => Ok(Some(trial.workers)),
            };
            let safe = trial.controller.poll(trial.now, &Err(unreachable()), &Ok(None)).wanted;
            let step = trial.poll_only(reading, told);
            estimates.extend(step.decision.as_ref().map(|decision| decision.estimate));
            let Some(change) = step.change else { continue };
            assert!((role.minimum..=role.maximum).contains(&change.to), "{step:?}");
            if !is_read {
                assert!(safe.is_none_or(|safe| change.to >= safe), "{step:?}");
                assert!(change.from.is_none_or(|from| change.to >= from), "{step:?}");
            }
            let down = change.from.or(safe).is_some_and(|from| change.to < from);
            if model == Model::Proportional && down {
                // What is given up now, was not needed for as long as the history goes.
                let remembered = &estimates[estimates.len().saturating_sub(5)..];
                let needed = *remembered.iter().max().unwrap();
                assert!(change.to >= needed, "{step:?} after {remembered:?}");
            }
            match random.below(10) {
                0 => {
                    let refused = Err(Error::message("no quota"));
                    trial.controller.scaled(trial.now, change, &refused);
                }
                applied => {
                    // Sometimes by half.
                    let half = (trial.workers + change.to) / 2;
                    trial.workers = if applied == 1 { half } else { change.to };
                    trial.controller.scaled(trial.now, change, &Ok(()));
                }
            }
        }
    }
}
