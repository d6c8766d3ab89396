//! `msgflo scale check`: what is wrong with a configuration, and what it will do.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use msgflo::Result;
use msgflo_guv::config::{Configuration, Environment, Problem, Problems, Role, Severity};
use msgflo_guv::model::{Observed, decide};

use super::configuration::{ConfigurationFile, refusal};
use crate::ps::table::Table;

/// Show all that is wrong with a configuration, and what each role will do
///
/// What guv's validator refuses is an error here, and ends with exit code 2: unknown settings, and a
/// deadline that cannot be met. When it runs, `msgflo scale` warns of these and goes on.
#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    file: ConfigurationFile,
    /// A key that is not unknown, though it is no setting. Can be given several times
    #[arg(long, value_name = "KEY")]
    allow_key: Vec<String>,
}

impl Check {
    pub fn run(self) -> Result<()> {
        let (name, text) = self.file.text()?;
        let environment = Environment::of_process();
        let configuration =
            Configuration::parse_allowing(&name, &text, &environment, &self.allow_key)
                .map_err(|Problems(problems)| refusal(strict(problems)))?;
        let mut out = io::stdout().lock();
        for line in overview(&configuration.roles).lines(None) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        for role in &configuration.roles {
            writeln!(out, "{}: {}", role.name, steps(role))?;
        }
        writeln!(out)?;
        for line in totals(&configuration.roles) {
            writeln!(out, "{line}")?;
        }
        drop(out);
        let problems = strict(configuration.problems);
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(refusal(problems));
        }
        for warning in problems {
            eprintln!("\n{warning}");
        }
        Ok(())
    }
}

fn strict(problems: Vec<Problem>) -> Vec<Problem> {
    problems.into_iter().map(Problem::strict).collect()
}

fn overview(roles: &[Role]) -> Table {
    let heads =
        ["ROLE", "MODEL", "QUEUE", "WORKER", "WORKERS", "DEADLINE", "TARGET", "JOBS/MINUTE"];
    let mut table = Table::new(&heads).numbers(&[4, 5, 6, 7]);
    for role in roles {
        table.add([
            role.name.clone(),
            role.model.to_string(),
            role.queue.clone(),
            match &role.app {
                Some(app) => format!("{} of {app}", role.worker),
                None => role.worker.clone(),
            },
            range(role.minimum, role.maximum),
            format!("{} s", role.deadline),
            format!("{:.2} s", role.target()),
            format!("{:.2}", role.capacity() * 60.0),
        ]);
    }
    table
}

/// How many jobs in the queue call for how many workers.
fn steps(role: &Role) -> String {
    if role.minimum == role.maximum {
        return format!("always {}", workers(role.maximum));
    }
    let start = estimate(role, 0);
    let mut steps = vec![format!("{} for an empty queue", workers(start))];
    let middle = start.midpoint(role.maximum);
    let mut counts = vec![start + 1, start + 2, middle, role.maximum];
    counts.retain(|count| (start + 1..=role.maximum).contains(count));
    counts.sort_unstable();
    counts.dedup();
    let first_jobs = |count| Some((count, jobs_for(role, count)?));
    let mut found: Vec<(u32, u64)> = counts.into_iter().filter_map(first_jobs).collect();
    // Several workers may come at once.
    found.dedup_by_key(|(_, jobs)| *jobs);
    for (index, (_, jobs)) in found.into_iter().enumerate() {
        let unit = match (index, jobs) {
            (0, 1) => " job",
            (0, _) => " jobs",
            _ => "",
        };
        steps.push(format!("{} from {jobs}{unit} on", estimate(role, jobs)));
    }
    steps.join(", ")
}

/// The fewest waiting jobs that call for so many workers.
fn jobs_for(role: &Role, count: u32) -> Option<u64> {
    let (mut fewer, mut enough) = (0, 1_u64 << 50);
    if estimate(role, enough) < count {
        return None;
    }
    while enough - fewer > 1 {
        let middle = fewer.midpoint(enough);
        match estimate(role, middle) < count {
            true => fewer = middle,
            false => enough = middle,
        }
    }
    Some(enough)
}

fn estimate(role: &Role, waiting: u64) -> u32 {
    decide(role, &Observed { waiting, ..Observed::default() }).estimate
}

/// Minimum and maximum of all roles, for each size of dynos, and of all.
fn totals(roles: &[Role]) -> Vec<String> {
    let mut sizes: BTreeMap<Option<&str>, (u64, u64)> = BTreeMap::new();
    for role in roles {
        let (minimum, maximum) = sizes.entry(role.dynosize.as_deref()).or_default();
        *minimum += u64::from(role.minimum);
        *maximum += u64::from(role.maximum);
    }
    let lines = sizes.iter().map(|(size, (minimum, maximum))| {
        let of = match size {
            Some(size) => format!("of size {size}"),
            None if sizes.len() == 1 => "of all roles".into(),
            None => "without a size".into(),
        };
        format!("workers {of}: at least {minimum}, at most {maximum}")
    });
    lines.collect()
}

fn range(minimum: u32, maximum: u32) -> String {
    if minimum == maximum { minimum.to_string() } else { format!("{minimum} to {maximum}") }
}

pub fn workers(count: u32) -> String {
    if count == 1 { "1 worker".into() } else { format!("{count} workers") }
}
