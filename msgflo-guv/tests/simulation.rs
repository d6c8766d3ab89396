//! What `docs/autoscaling/simulation.md` says of the models, held to it.

use msgflo_guv::config::{Configuration, Environment, Model, Role};
use msgflo_guv::simulation::{
    Cpu, Fixed, Job, JobTimes, Keda, Modelled, Outcome, Pattern, jobs, simulate,
};

const DAY: f64 = 86_400.0;

fn documented() -> Role {
    let text = include_str!("../../docs/autoscaling/simulation.guv.yaml");
    let configuration = Configuration::parse("simulation.guv.yaml", text, &Environment::default());
    configuration.unwrap().roles.remove(0)
}

fn run(role: &Role, jobs: &[Job], model: Model) -> Outcome {
    simulate(role, jobs, &mut Modelled::new(role, model))
}

/// Wherever the maximum allows it, with no more worker-hours than guv's model.
fn holds(pattern: Pattern) {
    let role = documented();
    for times in JobTimes::ALL {
        let jobs = jobs(&role, pattern, times, DAY, 1);
        let most = simulate(&role, &jobs, &mut Fixed(role.maximum));
        assert!(most.meets(&role), "the scenario is impossible: {times:?}");
        let ours = run(&role, &jobs, Model::Deadline);
        let guvs = run(&role, &jobs, Model::Proportional);
        assert!(ours.meets(&role), "{pattern:?}, {times:?}: {} %", ours.in_deadline);
        let (ours, guvs) = (ours.worker_hours, guvs.worker_hours);
        assert!(ours <= guvs, "{pattern:?}, {times:?}: {ours} and {guvs} worker-hours");
    }
}

#[test]
fn steady_jobs_are_in_time_at_no_more_worker_hours_than_guvs() {
    holds(Pattern::Steady);
}

#[test]
fn a_step_is_in_time_at_no_more_worker_hours_than_guvs() {
    holds(Pattern::Step);
}

#[test]
fn a_day_is_in_time_at_no_more_worker_hours_than_guvs() {
    holds(Pattern::Diurnal);
}

#[test]
fn bursts_are_in_time_at_no_more_worker_hours_than_guvs() {
    holds(Pattern::Burst);
}

fn small() -> Role {
    let mut role = documented();
    (role.minimum, role.maximum, role.concurrency) = (1, 3, 1);
    role
}

fn job(arrival: f64, processing: f64) -> Job {
    Job { arrival, processing }
}

#[test]
fn one_worker_does_jobs_in_the_order_in_which_they_came() {
    let mut role = small();
    role.deadline = 5.0;
    let jobs = [job(1.0, 4.0), job(2.0, 1.0), job(3.0, 2.0), job(20.0, 3.0)];
    // Done at 5, 6, 8 and 23: after 4, 4, 5 and 3 s.
    let outcome = simulate(&role, &jobs, &mut Fixed(1));
    assert_eq!((outcome.jobs, outcome.in_deadline), (4, 100.0));
    assert_eq!((outcome.p50, outcome.p99), (4.0, 5.0));
    role.deadline = 4.0;
    assert_eq!(simulate(&role, &jobs, &mut Fixed(1)).in_deadline, 75.0);
    // Two at once: after 4, 1, 2 (with the second's worker) and 3 s.
    role.concurrency = 2;
    assert_eq!(simulate(&role, &jobs, &mut Fixed(1)).p50, 2.0);
}

#[test]
fn workers_that_are_stopped_finish_their_jobs_and_count_until_then() {
    /// One more worker at first, and none of the others later.
    struct Steps;
    impl msgflo_guv::simulation::Policy for Steps {
        fn name(&self) -> String {
            "steps".into()
        }
        fn decide(&mut self, seen: &msgflo_guv::simulation::Seen<'_>) -> Option<u32> {
            Some(if seen.now < 40.0 { 2 } else { 1 })
        }
    }
    let role = small();
    let jobs = [job(0.0, 100.0), job(0.0, 30.0)];
    let outcome = simulate(&role, &jobs, &mut Steps);
    // The second worker is started at 0, ready at 15, told to stop at 40, and done at 45.
    assert_eq!((outcome.p50, outcome.p99), (45.0, 100.0));
    assert_eq!(outcome.scale_changes, 2);
    assert!((outcome.worker_hours * 3_600.0 - 145.0).abs() < 1e-6, "{}", outcome.worker_hours);
}

#[test]
fn a_seed_makes_the_same_jobs_again_and_another_makes_others() {
    let role = documented();
    let with = |seed| jobs(&role, Pattern::Diurnal, JobTimes::LogNormal, DAY, seed);
    assert_eq!(with(7), with(7));
    assert_ne!(with(7), with(8));
}

#[test]
fn jobs_come_as_often_and_take_as_long_as_the_pattern_says() {
    let role = documented();
    for pattern in Pattern::ALL {
        for times in JobTimes::ALL {
            let jobs = jobs(&role, pattern, times, DAY, 3);
            let expected = pattern.mean_load() * role.capacity() * DAY;
            let count = jobs.len() as f64;
            assert!((count / expected - 1.0).abs() < 0.03, "{pattern:?}: {count} of {expected}");
            let mean = jobs.iter().map(|job| job.processing).sum::<f64>() / count;
            assert!((mean / role.processing - 1.0).abs() < 0.03, "{times:?}: {mean} s");
            assert!(jobs.is_sorted_by(|one, other| one.arrival <= other.arrival));
        }
    }
}

#[test]
fn others_scale_as_they_say() {
    let mut role = small();
    role.maximum = 10;
    // 40 jobs at once, and nothing else.
    let jobs: Vec<Job> = (0..40).map(|_| job(1.0, 10.0)).collect();
    let most = |outcome: &Outcome| outcome.samples.iter().map(|sample| sample.workers).max();
    assert_eq!(most(&simulate(&role, &jobs, &mut Keda::new(20.0))), Some(2));
    // From 1 worker, at most 4 more at once.
    let keda = simulate(&role, &jobs, &mut Keda::new(4.0));
    assert_eq!(keda.samples[1].workers, 5);
    assert_eq!(most(&keda), Some(10));
    assert_eq!(most(&simulate(&role, &jobs, &mut Fixed(4))), Some(4));
    // 3 jobs that take long keep 6 workers busy for half of their time.
    let jobs: Vec<Job> = (0..3).map(|_| job(1.0, 1_000.0)).collect();
    assert_eq!(most(&simulate(&role, &jobs, &mut Cpu::new(0.5))), Some(6));
}
