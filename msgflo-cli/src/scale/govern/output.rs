//! What a user sees of the governor: changes, what goes wrong, and a record of all decisions.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use msgflo::{Error, Result};
use msgflo_guv::config::Role;
use msgflo_guv::governor::{Change, Event, Step};

use super::super::check::workers;

/// Prints changes on standard output, and what goes wrong on standard error.
pub struct Output {
    record: Option<Record>,
    /// Of each role: why the next change is made, and the last one of a dry run.
    said: Mutex<HashMap<String, Said>>,
}

#[derive(Default)]
struct Said {
    why: String,
    would: Option<Change>,
}

impl Output {
    pub fn new(record: Option<Record>) -> Self {
        Self { record, said: Mutex::default() }
    }

    pub fn tell(&self, role: &Role, event: &Event<'_>) {
        let name = &role.name;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = said.entry(name.clone()).or_default();
        match event {
            Event::Polled(step) => {
                said.why = why(step);
                if step.change.is_none() {
                    said.would = None;
                }
                if let Some(record) = &self.record {
                    record.add(role, step);
                }
            }
            Event::Scaled(change, Ok(())) => {
                print_line(&format!("{name}: {}", shown(*change, said)))
            }
            // It is the same until something is done.
            Event::WouldScale(change) if said.would != Some(*change) => {
                said.would = Some(*change);
                print_line(&format!("{name}: would be {}", shown(*change, said)));
            }
            Event::Notice(notice) if notice.over => {
                say(&format!("note: {name}: {}", notice.text));
            }
            Event::Notice(notice) => warn(name, &notice.text),
            _ => {}
        }
    }
}

pub fn warn(role: &str, text: &str) {
    say(&format!("warning: {role}: {text}"));
}

/// On standard error.
pub fn say(line: &str) {
    // If nobody reads it, the workers are still to be governed.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// On standard output, likewise.
fn print_line(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn shown(change: Change, said: &Said) -> String {
    let from = change.from.map_or("?".into(), |from| from.to_string());
    format!("{from} -> {} ({})", workers(change.to), said.why)
}

fn why(step: &Step) -> String {
    let (Some(observed), Some(decision)) = (&step.observed, &step.decision) else {
        return "as many as there were".into();
    };
    let jobs = match observed.waiting {
        1 => "1 job waiting".into(),
        count => format!("{count} jobs waiting"),
    };
    let in_flight = observed.in_flight.map(|count| format!(", {count} in flight"));
    let rate = observed.arrivals.as_ref().map(|arrivals| format!(", {:.1} jobs/s", arrivals.rate));
    let [in_flight, rate] = [in_flight, rate].map(Option::unwrap_or_default);
    format!("{jobs}{in_flight}{rate}; estimate {}", decision.estimate)
}

/// A line of CSV for each decision. What is not known is left empty.
pub struct Record(Mutex<File>);

impl Record {
    pub fn create(file: &Path) -> Result<Self> {
        let cannot = |error| Error::invalid(format!("cannot write {}: {error}", file.display()));
        let mut created = File::create(file).map_err(cannot)?;
        let heads =
            "time,role,waiting,in_flight,arrivals,processing,workers,booting,estimate,next\n";
        created.write_all(heads.as_bytes()).map_err(cannot)?;
        Ok(Self(Mutex::new(created)))
    }

    /// The time is in seconds since 1970, `arrivals` in jobs a second, `processing` in seconds.
    fn add(&self, role: &Role, step: &Step) {
        let (Some(observed), Some(decision)) = (&step.observed, &step.decision) else { return };
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let line = [
            format!("{:.3}", time.as_secs_f64()),
            quoted(&role.name),
            observed.waiting.to_string(),
            cell(observed.in_flight),
            cell(observed.arrivals.as_ref().map(|arrivals| format!("{:.4}", arrivals.rate))),
            cell(observed.processing.map(|processing| format!("{:.4}", processing.mean))),
            cell(step.workers),
            step.booting.to_string(),
            decision.estimate.to_string(),
            cell(step.wanted),
        ];
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{}", line.join(",")) {
            tracing::warn!("a decision is not recorded: {error}");
        }
    }
}

fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}
