//! `msgflo scale simulate`: how a configuration would do, beside others' rules.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use msgflo::{Error, Result};
use msgflo_guv::config::{Model, Role, Severity};
use msgflo_guv::plot::{Point, Series, svg};
use msgflo_guv::simulation::{
    Cpu, Fixed, Job, JobTimes, Keda, Modelled, Outcome, Pattern, Policy, jobs, simulate,
};

use super::configuration::ConfigurationFile;
use super::jobs::read_trace;
use crate::ps::table::Table;

/// Simulate a role's queue and workers: both models, KEDA's rule, scaling by CPU, and fixed pools
///
/// Jobs come in a pattern, or as a trace has it. Every policy gets the same jobs; the same seed makes
/// the same jobs again. Loads are relative to what the maximum of workers can do: steady is half of
/// it; step from 20 % to 70 % and back; diurnal from 5 % to 75 % and back, once a day; burst 10 %, and
/// 90 % for two minutes of every thirty. MEETS is whether as many jobs as `percentile` says were done
/// within the deadline; `impossible` if not even the maximum of workers, always running, would do it.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo scale simulate autoscale.guv.yaml
  msgflo scale simulate autoscale.guv.yaml --pattern burst --job-times lognormal --plot burst.svg
  msgflo scale simulate autoscale.guv.yaml --trace jobs.csv --csv outcome.csv")]
pub struct Simulate {
    #[command(flatten)]
    file: ConfigurationFile,
    /// Only this role; can be given several times [default: all]
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// How jobs come; can be given several times [default: all]
    #[arg(long, value_parser = PossibleValuesParser::new(Pattern::ALL.map(Pattern::name)))]
    pattern: Vec<String>,
    /// Jobs as they came: a CSV file with the columns `arrival` (seconds) and, if it is known,
    /// `processing` (seconds)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pattern", "duration", "jobs"])]
    trace: Option<PathBuf>,
    /// How processing times are distributed; can be given several times [default: all]
    #[arg(long, value_parser = PossibleValuesParser::new(JobTimes::ALL.map(JobTimes::name)))]
    job_times: Vec<String>,
    /// For how long jobs come
    #[arg(long, value_name = "SECONDS", default_value = "86400", value_parser = duration)]
    duration: f64,
    /// Let jobs come until there are about so many
    #[arg(long, value_name = "NUMBER", conflicts_with = "duration")]
    jobs: Option<u64>,
    /// For other jobs of the same kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many jobs KEDA has one worker for [default: as many as one does within the deadline]
    #[arg(long, value_name = "JOBS", value_parser = clap::value_parser!(u64).range(1..))]
    queue_length: Option<u64>,
    /// How busy scaling by CPU keeps workers
    #[arg(long, value_name = "PERCENT", default_value_t = 70, value_parser = clap::value_parser!(u8).range(1..=100))]
    cpu: u8,
    /// Write the outcome as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw jobs and workers over time, of one role with one pattern and one kind of job times
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// More jobs than this do not fit into the memory of small machines.
const MOST_JOBS: f64 = 2e7;

fn duration(text: &str) -> Result<f64> {
    Ok(msgflo::parse_seconds(text)?.as_secs_f64())
}

/// One table's worth: a role, and how its jobs come.
struct Scenario<'a> {
    role: &'a Role,
    pattern: &'static str,
    times: &'static str,
    jobs: Vec<Job>,
}

impl Simulate {
    pub fn run(self) -> Result<()> {
        let configuration = self.file.read(Severity::Mistake)?;
        let roles = self.roles(&configuration.roles)?;
        let scenarios = self.scenarios(&roles)?;
        if self.plot.is_some() && scenarios.len() != 1 {
            return Err(Error::invalid(format!(
                "a plot shows one simulation, and these are {}: choose with --role, --pattern and \
                 --job-times",
                scenarios.len()
            )));
        }
        let mut table = Table::new(&HEADS).numbers(&[4, 5, 6, 7, 8, 9]);
        let mut rows = csv::Writer::from_writer(Vec::new());
        rows.write_record(COLUMNS).map_err(Error::new)?;
        for scenario in &scenarios {
            let outcomes = self.outcomes(scenario);
            let possible = outcomes.last().is_some_and(|most| most.meets(scenario.role));
            for outcome in &outcomes {
                let (cells, values) = scenario.rows(outcome, possible);
                table.add(cells);
                rows.write_record(values).map_err(Error::new)?;
            }
            if let Some(file) = &self.plot {
                write(file, scenario.plot(&outcomes).as_bytes())?;
            }
        }
        if let Some(file) = &self.csv {
            let rows = rows.into_inner().map_err(|error| Error::message(error.to_string()))?;
            write(file, &rows)?;
        }
        let mut out = io::stdout().lock();
        for line in table.lines(None) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn roles<'a>(&self, all: &'a [Role]) -> Result<Vec<&'a Role>> {
        let known = || all.iter().map(|role| format!("`{}`", role.name)).collect::<Vec<_>>();
        if let Some(unknown) =
            self.role.iter().find(|name| all.iter().all(|role| role.name != **name))
        {
            let known = known().join(", ");
            return Err(Error::invalid(format!(
                "there is no role `{unknown}`: the roles are {known}"
            )));
        }
        let chosen = |role: &&Role| self.role.is_empty() || self.role.contains(&role.name);
        let roles: Vec<_> = all.iter().filter(chosen).collect();
        match roles.iter().find(|role| role.maximum == 0) {
            Some(role) => {
                let name = &role.name;
                Err(Error::invalid(format!(
                    "role `{name}` has a maximum of 0: its jobs would never be done"
                )))
            }
            None => Ok(roles),
        }
    }

    fn scenarios<'a>(&self, roles: &[&'a Role]) -> Result<Vec<Scenario<'a>>> {
        let times = JobTimes::ALL.into_iter();
        let times: Vec<_> = times.filter(|times| chosen(&self.job_times, times.name())).collect();
        let mut scenarios = Vec::new();
        for &role in roles {
            if let Some(file) = &self.trace {
                let trace = read_trace(file)?;
                // The file says how long jobs take, or each distribution does.
                let times = match trace.has_processing() {
                    true => vec![None],
                    false => times.iter().copied().map(Some).collect(),
                };
                scenarios.extend(times.into_iter().map(|times| Scenario {
                    role,
                    pattern: "trace",
                    times: times.map_or("trace", JobTimes::name),
                    jobs: trace.jobs(role, times, self.seed),
                }));
                continue;
            }
            let patterns = Pattern::ALL.into_iter();
            for pattern in patterns.filter(|pattern| chosen(&self.pattern, pattern.name())) {
                let rate = pattern.mean_load() * role.capacity();
                let duration = self.jobs.map_or(self.duration, |jobs| jobs as f64 / rate);
                let expected = rate * duration;
                if expected > MOST_JOBS {
                    return Err(Error::invalid(format!(
                        "{expected:.0} jobs of `{}` would come in {duration:.0} s, and \
                         {MOST_JOBS:.0} is the most: choose a shorter --duration",
                        role.name
                    )));
                }
                scenarios.extend(times.iter().map(|&times| Scenario {
                    role,
                    pattern: pattern.name(),
                    times: times.name(),
                    jobs: jobs(role, pattern, times, duration, self.seed),
                }));
            }
        }
        Ok(scenarios)
    }

    /// Of all policies; the maximum of workers, always running, is the last.
    fn outcomes(&self, scenario: &Scenario<'_>) -> Vec<Outcome> {
        let Scenario { role, jobs, .. } = scenario;
        let keda = match self.queue_length {
            Some(length) => Keda::new(length as f64),
            None => Keda::for_deadline(role),
        };
        let share = f64::from(self.cpu) / 100.0;
        let mut policies: Vec<Box<dyn Policy>> = vec![
            Box::new(Modelled::new(role, Model::Deadline)),
            Box::new(Modelled::new(role, Model::Proportional)),
            Box::new(keda),
            Box::new(Cpu::new(share)),
            Box::new(Fixed(scenario.mean_pool(share))),
            Box::new(Fixed(role.maximum)),
        ];
        policies.iter_mut().map(|policy| simulate(role, jobs, &mut **policy)).collect()
    }
}

fn chosen(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|chosen| chosen == name)
}

fn write(file: &PathBuf, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes)
        .map_err(|error| Error::message(format!("cannot write {}: {error}", file.display())))
}

const HEADS: [&str; 11] = [
    "ROLE",
    "PATTERN",
    "JOB TIMES",
    "POLICY",
    "JOBS",
    "IN DEADLINE",
    "P50",
    "P99",
    "WORKER-HOURS",
    "CHANGES",
    "MEETS",
];
const COLUMNS: [&str; 11] = [
    "role",
    "pattern",
    "job_times",
    "policy",
    "jobs",
    "in_deadline_percent",
    "p50_seconds",
    "p99_seconds",
    "worker_hours",
    "scale_changes",
    "meets",
];

impl Scenario<'_> {
    /// As many workers as would be so busy on average, all the time.
    fn mean_pool(&self, share: f64) -> u32 {
        let work: f64 = self.jobs.iter().map(|job| job.processing).sum();
        let time = self.jobs.last().map_or(1.0, |job| job.arrival).max(1.0);
        let workers = work / time / f64::from(self.role.concurrency) / share;
        (workers.ceil() as u32).clamp(self.role.minimum.max(1), self.role.maximum)
    }

    /// As a person reads it, and as a program does.
    fn rows(&self, outcome: &Outcome, possible: bool) -> ([String; 11], [String; 11]) {
        let meets = match (outcome.meets(self.role), possible) {
            (true, _) => "yes",
            (false, true) => "no",
            (false, false) => "impossible",
        };
        let names = [&*self.role.name, self.pattern, self.times, &outcome.policy];
        let (jobs, changes) = (outcome.jobs.to_string(), outcome.scale_changes.to_string());
        let Outcome { in_deadline, p50, p99, worker_hours, .. } = *outcome;
        let row = |figures: [String; 4]| {
            let [in_deadline, p50, p99, worker_hours] = figures;
            let [role, pattern, times, policy] = names.map(str::to_owned);
            let (jobs, changes) = (jobs.clone(), changes.clone());
            let meets = meets.to_owned();
            [
                role,
                pattern,
                times,
                policy,
                jobs,
                in_deadline,
                p50,
                p99,
                worker_hours,
                changes,
                meets,
            ]
        };
        // Rounded down: 98.996 % are not 99.
        let percent = (in_deadline * 100.0).floor() / 100.0;
        let shown = [
            format!("{percent:.2} %"),
            format!("{p50:.1} s"),
            format!("{p99:.1} s"),
            format!("{worker_hours:.1}"),
        ];
        (row(shown), row([in_deadline, p50, p99, worker_hours].map(|figure| figure.to_string())))
    }

    fn plot(&self, outcomes: &[Outcome]) -> String {
        let series = outcomes.iter().map(|outcome| Series {
            name: outcome.policy.clone(),
            points: outcome
                .samples
                .iter()
                .map(|sample| Point {
                    time: sample.time,
                    waiting: sample.waiting as f64,
                    workers: sample.workers.into(),
                })
                .collect(),
        });
        // Pools that never change say nothing over time.
        let series: Vec<_> = series.filter(|series| !series.name.starts_with("fixed")).collect();
        let title = format!("{}: {}, {} job times", self.role.name, self.pattern, self.times);
        svg(&title, &series)
    }
}
