//! Participants in Rust in one network with MsgFlo's programs for Node.js and Python, all as
//! they are published, on RabbitMQ and on Mosquitto. The programs are installed below `target/` by
//! the first test that needs them.
//!
//! `cargo test --test interop -- mqtt::` runs the cases of one broker.

mod binding;
mod broker;
mod context;
mod dead_letters;
mod declaring;
mod discovery;
mod install;
mod manners;
mod mqtt;
mod process;
mod programs;
mod python;
mod sharing;
#[allow(dead_code, reason = "what other tests take from it")]
#[path = "../worker/mod.rs"]
mod worker;

use libtest_mimic::{Arguments, Trial};

use broker::Kind;
use context::Case;

fn main() {
    let cases: Vec<Case> = [
        binding::CASES,
        dead_letters::CASES,
        declaring::CASES,
        discovery::CASES,
        manners::CASES,
        mqtt::CASES,
        python::CASES,
        sharing::CASES,
    ]
    .concat();
    let names: Vec<_> = cases.iter().map(|case| case.name).collect();
    let trials = cases.iter().flat_map(|case| {
        let names = &names;
        case.brokers.iter().map(move |kind| trial(*case, *kind, names.clone()))
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    broker::stop();
    conclusion.exit();
}

fn trial(case: Case, kind: Kind, all: Vec<&'static str>) -> Trial {
    Trial::test(format!("{}::{}", kind.scheme(), case.name), move || Ok(case.run(kind, &all)?))
}
