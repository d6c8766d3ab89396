//! `msgflo scale explain`: one decision, with every figure behind it.

use std::io::{self, Write};
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use msgflo::{Error, Result};
use msgflo_guv::config::{Configuration, Model, Role, Severity};
use msgflo_guv::model::{Arrivals, Decision, Observed, decide};
use serde_json::{Map, Value, json};

use super::check::workers;
use super::configuration::ConfigurationFile;
use crate::ps::table::Table;

/// Show one decision and every figure behind it, without a broker
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo scale explain autoscale.guv.yaml --role resize --jobs 40
  msgflo scale explain autoscale.guv.yaml --role resize --jobs 3 --current 4 --history 4,4,1 --json")]
pub struct Explain {
    #[command(flatten)]
    file: ConfigurationFile,
    /// The role that is decided for
    #[arg(long)]
    role: String,
    /// Jobs that wait in its queue
    #[arg(long)]
    jobs: u64,
    /// Workers that it has now [default: unknown, so that the estimate is what comes next]
    #[arg(long, value_name = "WORKERS")]
    current: Option<u32>,
    /// Earlier estimates, oldest first, separated by commas
    #[arg(long, value_name = "WORKERS,…", default_value = "", hide_default_value = true)]
    history: History,
    /// Decide by this model, whatever the configuration says
    #[arg(long, value_parser = PossibleValuesParser::new(Model::NAMES).try_map(|name| name.parse::<Model>()))]
    model: Option<Model>,
    /// Jobs that come in a second; only the model `deadline` uses it
    #[arg(long, value_name = "JOBS_PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Jobs that workers have and have not finished; only the model `deadline` uses it
    #[arg(long, value_name = "JOBS")]
    in_flight: Option<u64>,
    /// Print JSON: `role`, `model`, `estimate`, `next` (null for no change), `workers` (what there
    /// will be), `figures` and `warnings`
    #[arg(long)]
    json: bool,
}

#[derive(Clone)]
struct History(Vec<u32>);

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split(',').map(str::trim).filter(|number| !number.is_empty());
        let wrong = |number| format!("`{number}` is not a number of workers: write `4,4,1`");
        numbers
            .map(|number| number.parse().map_err(|_| wrong(number)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "is not a number of 0 or more".into())
}

impl Explain {
    pub fn run(self) -> Result<()> {
        let configuration = self.file.read(Severity::Mistake)?;
        let mut role = find(&configuration, &self.role)?.clone();
        if let Some(model) = self.model {
            role.model = model;
        }
        let observed = Observed {
            waiting: self.jobs,
            in_flight: self.in_flight,
            arrivals: self.rate.map(|rate| Arrivals { rate, error: 0.0, recent: Vec::new() }),
            workers: self.current,
            history: self.history.0,
            ..Observed::default()
        };
        let decision = decide(&role, &observed);
        let workers = decision.next.or(observed.workers);
        let mut out = io::stdout().lock();
        if self.json {
            let json = json(&role, &decision, workers);
            return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?);
        }
        Ok(out.write_all(text(&role, &observed, &decision).as_bytes())?)
    }
}

fn find<'a>(configuration: &'a Configuration, name: &str) -> Result<&'a Role> {
    configuration.role(name).ok_or_else(|| {
        let names: Vec<String> =
            configuration.roles.iter().map(|role| format!("`{}`", role.name)).collect();
        Error::invalid(format!("there is no role `{name}`: the roles are {}", names.join(", ")))
    })
}

fn json(role: &Role, decision: &Decision, workers: Option<u32>) -> Value {
    let figures = decision.figures.iter().map(|figure| (figure.name.into(), figure.value.into()));
    json!({
        "role": role.name,
        "model": decision.model.to_string(),
        "estimate": decision.estimate,
        "next": decision.next,
        "workers": workers,
        "figures": figures.collect::<Map<String, Value>>(),
        "warnings": decision.warnings,
    })
}

fn text(role: &Role, observed: &Observed, decision: &Decision) -> String {
    let jobs = match observed.waiting {
        1 => "1 job waits".into(),
        jobs => format!("{jobs} jobs wait"),
    };
    let now = observed.workers.map_or("an unknown number of workers".into(), workers);
    let mut text = format!("{}: {jobs}, {now}, model {}\n\n", role.name, decision.model);
    let mut table = Table::new(&["FIGURE", "VALUE", "UNIT", "MEANING"]).numbers(&[1]);
    for figure in &decision.figures {
        let value = format!("{:.4}", figure.value);
        let value = value.trim_end_matches('0').trim_end_matches('.').to_owned();
        table.add([figure.name.into(), value, figure.unit.into(), figure.meaning.clone()]);
    }
    for line in table.lines(None) {
        text += &format!("{line}\n");
    }
    text += &format!("\nestimate: {}\n", workers(decision.estimate));
    text += &match decision.next {
        Some(next) => format!("next: {}\n", workers(next)),
        None => "next: no change\n".into(),
    };
    for warning in &decision.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}
