//! Configurations and decisions beside those of guv 0.3.2 itself, which `reference/record.js` has
//! recorded: guv is not on npm any more.

use std::collections::BTreeMap;

use msgflo_guv::config::{Configuration, Environment, Model, Role, Severity};
use msgflo_guv::model::{Observed, proportional};
use serde::Deserialize;
use serde_json::Value;

const CASES: &str = include_str!("reference/cases.jsonl");

#[derive(Deserialize)]
struct Case {
    text: String,
    roles: BTreeMap<String, BTreeMap<String, Value>>,
    decisions: Vec<Decision>,
}

/// Role, jobs, workers, history, and guv's estimate and next number of workers.
type Decision = (String, u64, Option<u32>, Vec<u32>, u32, Option<u32>);

fn cases() -> impl Iterator<Item = (Case, Configuration)> {
    CASES.lines().map(|line| {
        let case: Case = serde_json::from_str(line).unwrap();
        let configuration = Configuration::parse("case", &case.text, &Environment::default());
        let configuration = configuration.unwrap_or_else(|problems| panic!("{problems}"));
        (case, configuration)
    })
}

/// A setting under guv's name for it, if it is given.
fn setting(role: &Role, name: &str) -> Option<Value> {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    Some(match name {
        "queue" => role.queue.as_str().into(),
        "worker" => role.worker.as_str().into(),
        "app" => return text(&role.app),
        "broker" => return text(&role.broker),
        "dynosize" => return text(&role.dynosize),
        "metric" => return text(&role.metric),
        "statuspage" => return text(&role.statuspage),
        "deadline" => role.deadline.into(),
        "processing" => role.processing.into(),
        "stddev" => role.stddev.into(),
        "boot" => role.boot.into(),
        "percentile" => role.percentile.into(),
        "pollinterval" => role.pollinterval.into(),
        "history" => role.history.into(),
        "target" => role.target().into(),
        "minimum" => f64::from(role.minimum).into(),
        "maximum" => f64::from(role.maximum).into(),
        "concurrency" => f64::from(role.concurrency).into(),
        _ => panic!("unknown setting {name}"),
    })
}

#[test]
fn configurations_are_read_as_guv_reads_them() {
    let mut compared = 0;
    for (case, configuration) in cases() {
        assert_eq!(configuration.roles.len(), case.roles.len(), "{}", case.text);
        for (name, theirs) in &case.roles {
            let role = configuration.role(name).unwrap();
            for (setting_name, theirs) in theirs {
                // Whether guv's validator says that the target leaves no time.
                if setting_name == "failing" {
                    let says = format!("role `{name}`: target ");
                    let ours = configuration.problems.iter().any(|problem| {
                        problem.severity == Severity::Mistake && problem.message.starts_with(&says)
                    });
                    assert_eq!(ours, *theirs, "{}", case.text);
                    continue;
                }
                // What guv does not know either.
                if ["p:60", "unheard"].contains(&setting_name.as_str()) {
                    continue;
                }
                let ours = setting(role, setting_name);
                let same = match (&ours, theirs.as_f64()) {
                    // guv's quantiles have 7 digits.
                    (Some(ours), Some(theirs)) if setting_name == "target" => {
                        let difference = ours.as_f64().unwrap() - theirs;
                        difference.abs() <= 1e-6 * (1.0 + role.stddev)
                    }
                    (Some(ours), Some(theirs)) => ours.as_f64() == Some(theirs),
                    (ours, _) => ours.as_ref().unwrap_or(&Value::Null) == theirs,
                };
                assert!(same, "{name} {setting_name}: {ours:?}, not {theirs}\n{}", case.text);
                compared += 1;
            }
        }
    }
    assert!(compared > 5_000, "{compared}");
}

#[test]
fn decisions_are_those_of_guv() {
    let (mut compared, mut excused, mut changes) = (0, 0, 0);
    for (case, configuration) in cases() {
        for (name, waiting, workers, history, estimate, next) in case.decisions {
            let mut role = configuration.role(&name).unwrap().clone();
            role.model = Model::Proportional;
            let observed = Observed { waiting, workers, history, ..Observed::default() };
            let ours = proportional(&role, &observed);
            compared += 1;
            changes += usize::from(next.is_some());
            if (ours.estimate, ours.next) == (estimate, next) {
                continue;
            }
            // Where it is rounded up, the eighth digit may decide.
            let raw = ours.figures.iter().find(|figure| figure.name == "raw_estimate").unwrap();
            let excuse = (raw.value - raw.value.round()).abs() < 1e-6;
            assert!(
                excuse,
                "{ours:?}, not {estimate} and {next:?}, of {observed:?}\n{}",
                case.text
            );
            excused += 1;
        }
    }
    assert!(compared > 3_000 && changes > 1_000, "{compared} decisions, {changes} changes");
    assert!(excused <= compared / 1_000, "{excused} of {compared} differ");
}
