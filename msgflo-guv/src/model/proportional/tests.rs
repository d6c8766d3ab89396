use super::*;
use crate::config::{Configuration, Environment};
use crate::model::Processing;

fn role(set: impl FnOnce(&mut Role)) -> Role {
    let mut role = Role::new("my");
    role.model = Model::Proportional;
    set(&mut role);
    role
}

fn figure(decision: &Decision, name: &str) -> f64 {
    let figure = decision.figures.iter().find(|figure| figure.name == name);
    figure.unwrap_or_else(|| panic!("no {name}: {decision:?}")).value
}

/// guv's own test cases. Their `p:60` is no setting, for want of a space: jobs take 10 s.
#[test]
fn cases_of_guv() {
    const SLOW: &str = "'*': {min: 0, max: 4}\nmy: {p:60, deadline: 240}";
    type Case = (&'static str, &'static str, u64, Option<u32>, &'static [u32], Option<u32>);
    let cases: &[Case] = &[
        ("no jobs", "'*': {min: 3}\nmy: {}", 0, None, &[], Some(3)),
        ("a lot", "'*': {max: 40}\nmy: {}", 10_000, None, &[], Some(40)),
        ("many", "'*': {min: 0}\nmy: {p:60, deadline: 240}", 1_000, None, &[], Some(5)),
        ("much before, then little", SLOW, 10, Some(4), &[4, 4, 0], None),
        ("nothing before, and little", SLOW, 10, Some(4), &[0, 0, 0], Some(1)),
        ("changing, then little", SLOW, 10, Some(4), &[4, 1, 4, 2], None),
        ("medium all the time", SLOW, 40, Some(3), &[1, 2, 1], Some(2)),
        ("ever less, then nothing", SLOW, 0, Some(12), &[10, 9, 8], Some(10)),
        (
            "impossible",
            "'*': {min: 0, max: 4}\nmy: {processing: 60, deadline: 61}",
            40,
            None,
            &[1, 2, 1],
            Some(4),
        ),
        (
            "unrealistic",
            "'*': {min: 0, max: 4}\nmy: {processing: 25, stddev: 12, deadline: 50}",
            40,
            None,
            &[1, 2, 1],
            Some(4),
        ),
        ("one at once", "'*': {max: 40}\nmy: {concurrency: 1}", 40, None, &[], Some(11)),
        ("three at once", "'*': {max: 40}\nmy: {concurrency: 3}", 40, None, &[], Some(4)),
        ("few", "'*': {max: 40, deadline: 90}\nmy: {concurrency: 1}", 5, None, &[], Some(1)),
        (
            "few, three at once",
            "'*': {max: 40, deadline: 90}\nmy: {concurrency: 3}",
            5,
            None,
            &[],
            Some(1),
        ),
    ];
    for (name, text, waiting, workers, history, next) in cases {
        let configuration = Configuration::parse(name, text, &Environment::default()).unwrap();
        let mut role = configuration.role("my").unwrap().clone();
        role.model = Model::Proportional;
        let (waiting, workers, history) = (*waiting, *workers, history.to_vec());
        let observed = Observed { waiting, workers, history, ..Observed::default() };
        let decision = crate::model::decide(&role, &observed);
        assert_eq!(decision.next, *next, "{name}: {decision:?}");
        assert_eq!(decision.model, Model::Proportional);
    }
}

#[test]
fn every_figure_is_told() {
    let role = role(|role| role.maximum = 40);
    let observed = Observed { waiting: 40, history: vec![2, 9, 3], ..Observed::default() };
    let decision = proportional(&role, &observed);
    let near = |name, value: f64| {
        let found = figure(&decision, name);
        assert!((found - value).abs() < 1e-9, "{name} = {found}");
    };
    near("z", 2.326_347_874_040_841);
    near("target", 60.0 - 5.0 * 2.326_347_874_040_841);
    near("waiting_time", 400.0);
    near("available_time", 50.0 - 5.0 * 2.326_347_874_040_841);
    near("raw_estimate", 400.0 / (50.0 - 5.0 * 2.326_347_874_040_841));
    near("bounded_estimate", 11.0);
    near("history_maximum", 9.0);
    assert_eq!(decision.warnings, Vec::<String>::new());
}

#[test]
fn it_goes_down_to_the_highest_of_the_history_and_no_further() {
    let down = |workers, history: &[u32]| {
        let history = history.to_vec();
        let observed = Observed { workers: Some(workers), history, ..Observed::default() };
        proportional(&role(|role| role.minimum = 1), &observed).next
    };
    assert_eq!(down(5, &[]), Some(1));
    assert_eq!(down(5, &[1, 1]), Some(1));
    assert_eq!(down(5, &[3, 1]), Some(3));
    assert_eq!(down(5, &[5]), None);
    assert_eq!(down(5, &[9]), None);
    assert_eq!(down(1, &[5]), None);
    assert_eq!(down(0, &[5]), Some(1));
}

#[test]
fn where_no_time_is_left_it_does_its_best_and_says_so() {
    let role = role(|role| (role.deadline, role.processing) = (20.0, 25.0));
    assert_eq!(role.target(), 25.01);
    let decision = proportional(&role, &Observed { waiting: 3, ..Observed::default() });
    assert_eq!(decision.estimate, 3);
    assert!(decision.warnings[0].contains("target of 8.37 s"), "{:?}", decision.warnings);
    let decision = proportional(&role, &Observed { waiting: 30, ..Observed::default() });
    assert!(decision.warnings[1].starts_with("30 workers"), "{:?}", decision.warnings);
}

#[test]
fn measured_times_replace_the_settings() {
    let role = role(|role| role.maximum = 100);
    let measured = Processing::new(1.0, 2.0, 99.0, |_| 7.0);
    let mut observed = Observed { waiting: 1_000, ..Observed::default() };
    observed.processing = Some(measured);
    let decision = proportional(&role, &observed);
    assert!((figure(&decision, "target") - (60.0 - 2.0 * role.z())).abs() < 1e-9);
    assert_eq!(decision.estimate, 19);
    // What cannot be, is not believed.
    for mean in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        observed.processing = Some(Processing { mean, ..measured });
        assert_eq!(figure(&proportional(&role, &observed), "processing"), 10.0);
    }
}

/// Whatever the numbers, the estimate is within the bounds.
#[test]
fn extremes_stay_within_the_bounds() {
    for waiting in [0, 1, u64::MAX] {
        for concurrency in [0, 1, u32::MAX] {
            let role = role(|role| {
                (role.concurrency, role.minimum, role.maximum) = (concurrency, 2, 7);
            });
            let decision = proportional(&role, &Observed { waiting, ..Observed::default() });
            assert!((2..=7).contains(&decision.estimate), "{decision:?}");
        }
    }
}
