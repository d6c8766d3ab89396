use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// 10 s a job, 60 s of time, 15 s to boot, a decision every 10 s.
fn role() -> Role {
    let mut role = Role::new("resize");
    (role.minimum, role.maximum) = (0, 50);
    (role.boot, role.pollinterval) = (15.0, 10.0);
    role
}

fn estimate(role: &Role, observed: &Observed) -> u32 {
    deadline(role, observed).estimate
}

fn coming(rate: f64) -> Option<Arrivals> {
    Some(Arrivals { rate, error: 0.0, recent: Vec::new() })
}

#[test]
fn without_jobs_there_are_as_few_workers_as_may_be() {
    let idle = Observed { workers: Some(7), in_flight: Some(0), ..Observed::default() };
    let decision = deadline(&role(), &idle);
    assert_eq!((decision.estimate, decision.next), (0, Some(0)));
    let role = Role { minimum: 2, ..role() };
    assert_eq!(deadline(&role, &idle).next, Some(2));
}

#[test]
fn one_job_that_comes_to_no_worker_gets_one() {
    let observed = Observed { waiting: 1, workers: Some(0), ..Observed::default() };
    assert_eq!(deadline(&role(), &observed).next, Some(1));
}

#[test]
fn if_jobs_are_rare_there_are_none_only_where_one_can_boot_in_time() {
    let rare = Observed {
        arrivals: coming(0.005),
        in_flight: Some(0),
        workers: Some(1),
        ..Observed::default()
    };
    assert_eq!(deadline(&role(), &rare).next, Some(0));
    let slow = Role { boot: 45.0, ..role() };
    assert_eq!((deadline(&slow, &rare).estimate, deadline(&slow, &rare).next), (1, None));
    // Somebody still works.
    let busy = Observed { in_flight: Some(1), ..rare };
    assert_eq!(deadline(&role(), &busy).next, None);
}

#[test]
fn workers_that_boot_longer_have_to_be_more() {
    let waiting = Observed { waiting: 20, workers: Some(1), ..Observed::default() };
    let quick = estimate(&Role { boot: 0.0, ..role() }, &waiting);
    let slow = estimate(&Role { boot: 25.0, ..role() }, &waiting);
    // Of 60 s, a slow job takes 21.6: the last has to be begun after 38.4, or 13.4 after 25.
    assert!((5..8).contains(&quick), "{quick}");
    assert!((12..20).contains(&slow), "{slow}");
}

#[test]
fn jobs_that_come_count_beside_those_that_wait() {
    let none = Observed { waiting: 5, workers: Some(2), ..Observed::default() };
    let many = Observed { arrivals: coming(2.0), ..none.clone() };
    assert!(estimate(&role(), &many) >= estimate(&role(), &none) + 5);
}

#[test]
fn work_in_flight_keeps_workers_from_new_jobs() {
    let free =
        Observed { waiting: 12, in_flight: Some(0), workers: Some(4), ..Observed::default() };
    let busy = Observed { in_flight: Some(4), ..free.clone() };
    assert!(estimate(&role(), &busy) > estimate(&role(), &free));
}

#[test]
fn jobs_that_have_waited_have_less_time_left() {
    let fresh = Arrivals { rate: 1.0, error: 0.0, recent: vec![(10.0, 30.0)] };
    let old =
        Arrivals { rate: 1.0, error: 0.0, recent: vec![(10.0, 0.0), (10.0, 0.0), (10.0, 30.0)] };
    let observed = |arrivals| Observed {
        waiting: 30,
        workers: Some(10),
        arrivals: Some(arrivals),
        ..Observed::default()
    };
    assert!(estimate(&role(), &observed(old)) > estimate(&role(), &observed(fresh)));
}

#[test]
fn what_was_measured_goes_before_what_was_set() {
    let set = Observed { waiting: 30, workers: Some(5), ..Observed::default() };
    let heavy = Processing::new(10.0, 15.0, 99.0, |share| -10.0 * (1.0 - share).ln());
    let measured = Observed { processing: Some(heavy), ..set.clone() };
    // The same mean, but of 100 jobs, one takes 46 s.
    assert!(estimate(&role(), &measured) > estimate(&role(), &set));
    let quick = Processing::new(1.0, 0.5, 99.0, |share| 1.0 + 0.5 * normal::quantile(share));
    let measured = Observed { processing: Some(quick), ..set.clone() };
    assert!(estimate(&role(), &measured) < estimate(&role(), &set));
}

#[test]
fn a_target_acts_as_in_guv() {
    let waiting = Observed { waiting: 20, workers: Some(5), ..Observed::default() };
    let early = Role { target: Some(20.0), ..role() };
    assert!(estimate(&early, &waiting) > estimate(&role(), &waiting));
    // What it is by default.
    let same = Role { target: Some(role().target()), ..role() };
    assert_eq!(estimate(&same, &waiting), estimate(&role(), &waiting));
}

#[test]
fn workers_that_are_busy_are_not_stopped() {
    let observed =
        Observed { waiting: 40, in_flight: Some(20), workers: Some(20), ..Observed::default() };
    let decision = deadline(&role(), &observed);
    assert!(decision.estimate < 20);
    assert_eq!(decision.next, None);
}

#[test]
fn if_even_the_maximum_is_late_it_is_the_maximum_and_told() {
    let role = Role { maximum: 3, ..role() };
    let flood = Observed { waiting: 500, workers: Some(1), ..Observed::default() };
    let decision = deadline(&role, &flood);
    assert_eq!((decision.estimate, decision.next), (3, Some(3)));
    assert!(decision.warnings[0].contains("maximum of 3 workers"), "{:?}", decision.warnings);
    let overloaded = Observed { arrivals: coming(1.0), workers: Some(1), ..Observed::default() };
    assert_eq!(deadline(&role, &overloaded).next, Some(3));
}

#[test]
fn as_many_workers_as_anybody_can_ask_for_are_decided_upon_at_once() {
    let role = Role { maximum: u32::MAX, concurrency: u32::MAX, boot: 0.0, ..role() };
    let observed = Observed {
        waiting: u64::MAX,
        workers: Some(u32::MAX),
        arrivals: coming(1e18),
        ..Observed::default()
    };
    assert!((1..=u32::MAX).contains(&estimate(&role, &observed)));
}

#[test]
fn jobs_that_take_too_long_are_told_of_and_the_others_are_still_in_time() {
    let role = Role { deadline: 15.0, boot: 1.0, pollinterval: 1.0, ..role() };
    let observed = Observed { waiting: 3, workers: Some(1), ..Observed::default() };
    let decision = deadline(&role, &observed);
    assert!(decision.warnings[0].contains("set a longer deadline"), "{:?}", decision.warnings);
    assert!((2..=6).contains(&decision.estimate), "{}", decision.estimate);
    let hopeless = Role { deadline: 0.1, ..role };
    assert!(deadline(&hopeless, &observed).estimate > 1);
}

#[test]
fn whatever_is_observed_it_stays_within_its_limits_and_more_jobs_need_no_fewer_workers() {
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..2_000 {
        let mut role = role();
        role.minimum = random.random_range(0..5);
        role.maximum = random.random_range(role.minimum..200);
        role.concurrency = random.random_range(1..20);
        role.processing = 10_f64.powf(random.random_range(-4.0..3.0));
        role.stddev = role.processing * random.random_range(0.0..2.0);
        role.deadline = role.processing * 10_f64.powf(random.random_range(-1.0..3.0));
        role.boot = random.random_range(0.0..100.0);
        let workers = random.random_range(0..200);
        let rate = 10_f64.powf(random.random_range(-6.0..9.0));
        let mut observed = Observed {
            waiting: 10_f64.powf(random.random_range(0.0..12.0)) as u64,
            workers: Some(workers),
            booting: (0..random.random_range(0..5))
                .map(|_| random.random_range(0.0..60.0))
                .collect(),
            arrivals: Some(Arrivals {
                rate,
                error: rate / 10.0,
                recent: (0..30).map(|_| (10.0, (rate * 10.0).round())).collect(),
            }),
            ..Observed::default()
        };
        let decision = deadline(&role, &observed);
        let limits = role.minimum..=role.maximum;
        assert!(limits.contains(&decision.estimate), "{role:?} {observed:?}");
        assert!(decision.next.is_none_or(|next| limits.contains(&next)), "{role:?} {observed:?}");
        assert!(decision.figures.iter().all(|figure| figure.value.is_finite()), "{decision:?}");
        observed.arrivals = None;
        role.deadline = role.deadline.max(8.0 * role.processing + 4.0 * role.boot);
        let few = estimate(&role, &observed);
        observed.waiting *= 2;
        let many = deadline(&role, &observed);
        // Where even the maximum is late, it is a matter of catching up.
        assert!(many.estimate >= few || !many.warnings.is_empty(), "{role:?} {observed:?}");
    }
}
