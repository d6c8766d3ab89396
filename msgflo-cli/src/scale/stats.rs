//! `msgflo scale stats`: what workers and brokers tell, and what is believed without it.

mod report;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::Style;
use clap::Args;
use msgflo::{Network, Result, StopSignals};
use msgflo_guv::config::{Role, Severity};
use msgflo_guv::reading::BrokerSource;
use tokio::time::sleep;

use super::configuration::ConfigurationFile;
use crate::broker::Broker;
use crate::ps::table::Table;
use report::{From, Measured, Report};

/// Those who have nothing to do, say so every 30 s.
const HEARTBEAT: &str = "32";

/// Show how long messages take, and how many wait, as workers and the broker tell
///
/// Participants of msgflo tell of their work every 10 s, and every 30 s when there is none
/// (--statistics-period). What is on MQTT estimated, is marked with ~. With a configuration, what it says
/// of processing times is beside those that were measured at the same queue.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo scale stats
  msgflo scale stats images.guv.yaml
  msgflo scale stats --wait 120 --broker mqtt://localhost
  msgflo scale stats --json | jq -r '.inports[] | [.role, .mean, .p99] | @tsv'")]
pub struct Stats {
    #[command(flatten)]
    file: ConfigurationFile,
    #[command(flatten)]
    broker: Broker,
    /// Listen for this long; the longer, the more messages are measured. Ctrl-C ends it early
    #[arg(long, value_name = "SECONDS", value_parser = msgflo::parse_seconds, default_value = HEARTBEAT)]
    wait: Duration,
    /// Print JSON: `broker` and `inports`, times in seconds. What is not known is null
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub async fn run(self) -> Result<()> {
        let roles = match self.file.is_named() {
            true => self.file.read(Severity::Error)?.roles,
            false => Vec::new(),
        };
        let report = self.broker.with(async |network| self.measure(network, &roles).await).await?;
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
            return Ok(());
        }
        for role in &report.unheard {
            eprintln!("nobody has told of an inport with the queue of role {role}");
        }
        let table = table(&report, !roles.is_empty());
        if table.is_empty() {
            return Ok(());
        }
        let width = if io::stdout().is_terminal() {
            ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns.into())
        } else {
            None
        };
        for (row, line) in table.lines(width).enumerate() {
            let style = if row == 0 { Style::new().bold() } else { Style::new() };
            writeln!(out, "{style}{line}{style:#}")?;
        }
        for inport in &report.inports {
            if let Some(note) = &inport.waiting_note {
                writeln!(out, "\n{} {}: {note}", inport.role, inport.port)?;
            }
        }
        Ok(())
    }

    async fn measure(&self, network: &Network, roles: &[Role]) -> Result<Report> {
        let mut stop = StopSignals::listen()?;
        let source = BrokerSource::listen(network.clone()).await;
        if io::stderr().is_terminal() {
            eprintln!("listening for {} s, Ctrl-C ends it", self.wait.as_secs_f32());
        }
        tokio::select! {
            () = sleep(self.wait) => {}
            () = stop.next() => {}
        }
        let url = network.transport().url();
        let report = tokio::select! {
            report = Report::of(network, &source, self.wait, roles) => report,
            // Told a second time.
            () = stop.next() => return Err(msgflo::Error::message("stopped")),
        };
        if report.inports.is_empty() {
            eprintln!(
                "nobody on {url} has told of an inport in {} s; participants do every 30 s at least, unless their --statistics-period is 0",
                self.wait.as_secs_f32()
            );
        }
        Ok(report)
    }
}

fn table(report: &Report, has_file: bool) -> Table {
    let mut heads = vec![
        "ROLE",
        "PORT",
        "WORKERS",
        "JOBS/S",
        "MEAN",
        "STDDEV",
        "P50",
        "P90",
        "P99",
        "IN FLIGHT",
        "REJECTED",
        "WAITING",
    ];
    if has_file {
        heads.extend(["FILE MEAN", "FILE STDDEV"]);
    }
    let mut table = Table::new(&heads).numbers(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    for inport in &report.inports {
        let Measured { role, port, workers, jobs_per_second, in_flight, rejected, .. } = inport;
        let mut row = vec![role.clone(), port.clone(), workers.to_string()];
        row.push(format!("{jobs_per_second:.2}"));
        let times = [inport.mean, inport.stddev, inport.p50, inport.p90, inport.p99];
        row.extend(times.map(|time| time.map_or("".into(), seconds)));
        row.extend([in_flight.to_string(), rejected.to_string()]);
        let sign = if inport.waiting_from == From::Participants { "~" } else { "" };
        row.push(inport.waiting.map_or("?".into(), |waiting| format!("{sign}{waiting}")));
        if has_file {
            let file = [inport.file_processing, inport.file_stddev];
            row.extend(file.map(|time| time.map_or("".into(), seconds)));
        }
        table.add(row);
    }
    table
}

/// With three digits or so.
fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".into(),
        ..0.001 => format!("{:.0} µs", seconds * 1e6),
        ..1.0 => format!("{:.*} ms", usize::from(seconds < 0.1), seconds * 1e3),
        ..100.0 => format!("{seconds:.2} s"),
        _ => format!("{seconds:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_short() {
        let times = [0.0, 0.000_012, 0.0123, 0.345, 2.5, 123.4];
        let shown = ["0 s", "12 µs", "12.3 ms", "345 ms", "2.50 s", "123 s"];
        assert_eq!(times.map(seconds), shown.map(str::to_owned));
    }
}
