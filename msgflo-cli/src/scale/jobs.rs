//! Jobs as they came, from a CSV file.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use msgflo::{Error, Result};
use msgflo_guv::config::Role;
use msgflo_guv::simulation::{Job, JobTimes, processing_times};

/// When jobs came, and how long they took if that is known; in the order in which they came.
pub struct Trace(Vec<(f64, Option<f64>)>);

/// Reads a trace: the columns `arrival` and, where there is one, `processing`, both in seconds.
pub fn read_trace(file: &Path) -> Result<Trace> {
    let name = file.display();
    let invalid = |error: csv::Error| Error::invalid(format!("cannot read {name}: {error}"));
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(file).map_err(invalid)?;
    let heads = reader.headers().map_err(invalid)?.clone();
    let column = |wanted: &str| heads.iter().position(|head| head.eq_ignore_ascii_case(wanted));
    let Some(arrival) = column("arrival") else {
        return Err(Error::invalid(format!(
            "{name} has no column `arrival`: its first line names the columns, as in \
             `arrival,processing`"
        )));
    };
    let processing = column("processing");
    let mut jobs = Vec::new();
    for record in reader.records() {
        let record = record.map_err(invalid)?;
        let number = |column: usize| seconds(&record, column, &heads, &name.to_string());
        let came = number(arrival)?;
        let took = processing.map(number).transpose()?;
        if took.is_some_and(|took| took < 0.0) {
            let line = line(&record);
            return Err(Error::invalid(format!("{name}, line {line}: no job takes less than 0 s")));
        }
        jobs.push((came, took));
    }
    if jobs.is_empty() {
        return Err(Error::invalid(format!("{name} has no jobs")));
    }
    jobs.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    // The simulation begins with the first job.
    let start = jobs[0].0;
    jobs.iter_mut().for_each(|(came, _)| *came -= start);
    Ok(Trace(jobs))
}

fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn seconds(record: &StringRecord, column: usize, heads: &StringRecord, file: &str) -> Result<f64> {
    let cell = record.get(column).unwrap_or_default();
    // A time that is longer than anything is a slip.
    let seconds = cell.parse().ok().filter(|seconds: &f64| seconds.abs() < 1e12);
    seconds.ok_or_else(|| {
        let (line, head) = (line(record), heads.get(column).unwrap_or_default());
        Error::invalid(format!(
            "{file}, line {line}: `{head}` is `{cell}`, and no number of seconds"
        ))
    })
}

impl Trace {
    pub fn has_processing(&self) -> bool {
        self.0.first().is_some_and(|(_, processing)| processing.is_some())
    }

    /// With processing times of this kind where the file has none.
    pub fn jobs(&self, role: &Role, times: Option<JobTimes>, seed: u64) -> Vec<Job> {
        let mut sampled = processing_times(role, times.unwrap_or(JobTimes::Normal), seed);
        let jobs = self.0.iter().map(|&(arrival, processing)| Job {
            arrival,
            processing: processing.unwrap_or_else(|| sampled.next().unwrap_or(role.processing)),
        });
        jobs.collect()
    }
}
