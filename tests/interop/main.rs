//! Participants in Rust in one network with MsgFlo's programs for Node.js and Python, all as
//! they are published, on a RabbitMQ of their own. The programs are installed below `target/`
//! by the first test that needs them.

mod binding;
mod broker;
mod context;
mod dead_letters;
mod declaring;
mod discovery;
mod install;
mod manners;
mod process;
mod programs;
mod python;
mod sharing;
#[allow(dead_code, reason = "what other tests take from it")]
#[path = "../worker/mod.rs"]
mod worker;

use libtest_mimic::{Arguments, Trial};

use context::Case;

fn main() {
    let cases: Vec<Case> = [
        binding::CASES,
        dead_letters::CASES,
        declaring::CASES,
        discovery::CASES,
        manners::CASES,
        python::CASES,
        sharing::CASES,
    ]
    .concat();
    let names: Vec<_> = cases.iter().map(|case| case.name).collect();
    let trials = cases.into_iter().map(|case| {
        let names = names.clone();
        Trial::test(case.name, move || Ok(case.run(&names)?))
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    broker::stop();
    conclusion.exit();
}
