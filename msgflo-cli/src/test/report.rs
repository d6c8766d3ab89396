//! What became of the tests.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use msgflo::Result;
use serde::Serialize;

use super::suite::{Case, Suite};

/// What became of one.
pub enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Printed as it comes, or as JSON at the end.
#[derive(Serialize)]
pub struct Report {
    suites: Vec<Tested>,
    passed: usize,
    failed: usize,
    skipped: usize,
    #[serde(skip)]
    json: bool,
}

#[derive(Serialize)]
struct Tested {
    name: String,
    topic: String,
    role: Option<String>,
    cases: Vec<TestedCase>,
}

#[derive(Serialize)]
struct TestedCase {
    name: String,
    assertion: String,
    outcome: &'static str,
    message: Option<String>,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self { suites: Vec::new(), passed: 0, failed: 0, skipped: 0, json }
    }

    pub fn suite(&mut self, suite: &Suite, role: Option<&str>) {
        let (name, topic) = (suite.name.clone(), suite.topic.clone());
        if !self.json {
            let role = role.map(|role| format!(", role {role}")).unwrap_or_default();
            anstream::println!("{BOLD}{name}{BOLD:#} ({topic}{role})");
        }
        let role = role.map(Into::into);
        self.suites.push(Tested { name, topic, role, cases: Vec::new() });
    }

    pub fn case(&mut self, case: &Case, outcome: Outcome) -> Result<()> {
        let (count, word, style, message) = match outcome {
            Outcome::Passed => (&mut self.passed, "ok", GREEN, None),
            Outcome::Failed(wrong) => (&mut self.failed, "FAILED", RED, Some(wrong)),
            Outcome::Skipped(reason) => (&mut self.skipped, "skipped", YELLOW, Some(reason)),
        };
        *count += 1;
        let (name, assertion) = (case.name.clone(), case.assertion.clone());
        if !self.json {
            let mut out = anstream::stdout();
            let colon = if assertion.is_empty() { "" } else { ": " };
            writeln!(out, "  {style}{word:<7}{style:#} {name}{colon}{assertion}")?;
            if let Some(message) = &message {
                writeln!(out, "          {message}")?;
            }
        }
        if let Some(suite) = self.suites.last_mut() {
            let outcome = if word == "FAILED" { "failed" } else { word };
            suite.cases.push(TestedCase { name, assertion, outcome, message });
        }
        Ok(())
    }

    /// Prints what is left to print.
    pub fn finish(&self) -> Result<()> {
        let mut out = anstream::stdout();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(self)?)?,
            false => {
                let Self { passed, failed, skipped, .. } = self;
                writeln!(out, "\n{passed} ok, {failed} failed, {skipped} skipped")?;
            }
        }
        Ok(())
    }

    pub fn failed(&self) -> usize {
        self.failed
    }
}

const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();
