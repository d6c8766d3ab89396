//! What is done, or would be, as it is told.

use std::fmt;
use std::io::Write;

use msgflo::Result;
use msgflo::transport::Edge;
use msgflo_graph::Problem;
use msgflo_graph::plan::InitialValue;
use serde::Serialize;
use serde_json::Value;

use super::participants::Start;

#[derive(Serialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    Start {
        role: String,
        component: String,
        command: String,
        /// Its number, if it is started.
        #[serde(skip_serializing_if = "Option::is_none")]
        process: Option<u32>,
    },
    Bind {
        source: String,
        target: String,
        /// Whether it was there before, if the broker told.
        #[serde(skip_serializing_if = "Option::is_none")]
        there: Option<bool>,
    },
    Unbind {
        source: String,
        target: String,
    },
    Send {
        role: String,
        port: String,
        queue: Option<String>,
        value: Value,
    },
}

impl Step {
    pub fn start(Start { role, command }: &Start, process: Option<u32>) -> Self {
        Self::Start {
            role: role.name.clone(),
            component: role.component.clone(),
            command: command.line.clone(),
            process,
        }
    }

    pub fn bind(Edge { source, target }: &Edge, there: Option<bool>) -> Self {
        Self::Bind { source: source.clone(), target: target.clone(), there }
    }

    pub fn unbind(Edge { source, target }: &Edge) -> Self {
        Self::Unbind { source: source.clone(), target: target.clone() }
    }

    pub fn send(InitialValue { role, port, queue, value }: &InitialValue) -> Self {
        let (role, port, queue) = (role.clone(), port.clone(), queue.clone());
        Self::Send { role, port, queue, value: value.clone() }
    }
}

/// What is done, in order.
#[derive(Serialize)]
pub struct Steps {
    dry_run: bool,
    steps: Vec<Step>,
    #[serde(skip)]
    json: bool,
}

impl Steps {
    pub fn new(dry_run: bool, json: bool) -> Self {
        Self { dry_run, steps: Vec::new(), json }
    }

    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
    }

    pub fn print(&self, problems: &[Problem]) -> Result<()> {
        if self.json {
            let mut told = serde_json::to_value(self)?;
            told["problems"] = serde_json::to_value(problems)?;
            return print_line(&format!("{told:#}"));
        }
        if self.steps.is_empty() {
            return print_line("nothing to do");
        }
        self.steps.iter().try_for_each(|step| print_line(&self.line(step).to_string()))
    }

    fn line<'a>(&self, step: &'a Step) -> Line<'a> {
        Line { step, dry_run: self.dry_run }
    }
}

/// A step as a line of text.
struct Line<'a> {
    step: &'a Step,
    dry_run: bool,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |would: &'static str, done: &'static str| match self.dry_run {
            true => would,
            false => done,
        };
        match self.step {
            Step::Start { role, component, command, process } => {
                write!(f, "{} {role} ({component})", verb("would start", "started"))?;
                match process {
                    Some(process) => write!(f, ", process {process}"),
                    None => write!(f, ": {command}"),
                }
            }
            Step::Bind { source, target, there: Some(true) } => {
                write!(f, "there already: {source} -> {target}")
            }
            Step::Bind { source, target, .. } => {
                write!(f, "{} {source} -> {target}", verb("would bind", "bound"))
            }
            Step::Unbind { source, target } => {
                write!(f, "{} {source} -> {target}", verb("would unbind", "unbound"))
            }
            Step::Send { role, port, value, queue } => {
                let to = queue.clone().unwrap_or_else(|| format!("port {port} of {role}"));
                write!(f, "{} {value} to {to}", verb("would send", "sent"))
            }
        }
    }
}

pub fn print_line(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
