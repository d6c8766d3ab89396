//! The conformance suite: what every transport does alike. Each case is written once, and runs
//! on each transport that has what it needs; a broker that it takes, it starts itself.
//!
//! `cargo test --test conformance -- amqp::` runs those of one transport, `-- --list` lists them.
//! A new transport is a line in [`subject::SUBJECTS`], and a column of the table in README.md.

mod attempts;
mod back_pressure;
mod context;
mod delivery;
mod discovery;
mod edges;
mod errors;
mod guarantees;
mod headers;
mod hub_server;
mod outages;
mod participants;
mod requests;
mod settlement;
mod shapes;
mod statistics;
mod subject;
mod taps;
mod workers;

use libtest_mimic::{Arguments, Trial};

use context::Case;
use subject::{SUBJECTS, Subject};

fn main() {
    let cases = [
        attempts::CASES,
        back_pressure::CASES,
        delivery::CASES,
        discovery::CASES,
        edges::CASES,
        errors::CASES,
        headers::CASES,
        outages::CASES,
        requests::CASES,
        settlement::CASES,
        shapes::CASES,
        statistics::CASES,
        taps::CASES,
        workers::CASES,
    ]
    .concat();
    let trials = SUBJECTS.iter().flat_map(|subject| {
        let supported = cases.iter().filter(|case| subject.runs(case));
        supported.map(|case| trial(subject, *case))
    });
    let mut trials: Vec<_> = trials.collect();
    trials.push(Trial::test("readme::guarantees_are_what_the_cases_show", move || {
        Ok(guarantees::check(&cases)?)
    }));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    subject::stop_brokers();
    conclusion.exit();
}

fn trial(subject: &'static Subject, case: Case) -> Trial {
    Trial::test(format!("{}::{}", subject.name, case.name), move || Ok(case.run(subject)?))
}
