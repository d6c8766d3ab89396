//! `msgflo test`: fbp-spec files against a participant that runs.
//!
//! - `suite.rs` and `expectation.rs` read the file.
//! - `testee.rs` finds the participant, and starts it if that is asked for.
//! - `trial.rs` sends, and looks at what comes.
//! - `report.rs` prints what became of it.

mod expectation;
mod report;
mod suite;
mod testee;
mod trial;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use msgflo::{Error, Network, Result, StopSignals};

use crate::broker::Broker;
use report::{Outcome, Report};
use suite::Suite;
use testee::{Started, Testee};
use trial::Trial;

/// Test a participant that runs, by a file of inputs and expected outputs
///
/// The file is YAML, as fbp-spec on npm has it: `topic`, the component; and `cases`, each with
/// `name`, `assertion`, `inputs` (port: value) and `expect` (port: predicates). The participant is
/// found by what it announces. Nobody else should send to it meanwhile: whatever its outports send is
/// taken for an answer.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo test resize.yaml
  msgflo test resize.yaml --role thumbnails --broker mqtt://localhost
  msgflo test resize.yaml --start 'cargo run --bin resize'

A file:
  topic: imageresize/ResizeImage
  cases:
    - name: a photo
      assertion: is made smaller
      inputs: { in: { width: 320, url: 'https://example.org/photo.jpg' } }
      expect: { out: { path: '$.width', equals: 320 } }

Exit codes: 1 if a test fails, 4 if the participant does not announce itself.")]
pub struct Test {
    /// The file, YAML
    file: PathBuf,
    /// Test the participant in this role [default: the first that has the suite's component]
    #[arg(long)]
    role: Option<String>,
    /// Start this command first, with the broker in MSGFLO_BROKER, and end it at the end
    #[arg(long, value_name = "COMMAND")]
    start: Option<String>,
    /// How long to wait for the participant's announcement
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = msgflo::parse_seconds)]
    wait: Duration,
    /// How long a test may take that does not say so itself
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = msgflo::parse_seconds)]
    timeout: Duration,
    /// Print JSON: `suites`, each with its `cases` and their `outcome` and `message`, and sums
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    broker: Broker,
}

impl Test {
    pub async fn run(self) -> Result<()> {
        let suites = suite::read(&self.file)?;
        let mut report = Report::new(self.json);
        self.broker
            .with(async |network| {
                let Some(command) = &self.start else {
                    return self.test(network, &suites, None, &mut report).await;
                };
                // What is started, must not outlive us.
                let mut stop = StopSignals::listen()?;
                let mut started = Started::start(command, &self.broker.url())?;
                let tested = tokio::select! {
                    tested = self.test(network, &suites, Some(&mut started), &mut report) => tested,
                    () = stop.next() => Err(Error::message("interrupted")),
                };
                started.stop().await;
                tested
            })
            .await?;
        report.finish()?;
        match report.failed() {
            0 => Ok(()),
            1 => Err(Error::message("1 test failed")),
            failed => Err(Error::message(format!("{failed} tests failed"))),
        }
    }

    async fn test(
        &self,
        network: &Network,
        suites: &[Suite],
        mut started: Option<&mut Started>,
        report: &mut Report,
    ) -> Result<()> {
        for suite in suites {
            let skip_all =
                suite.skip.is_some() || suite.cases.iter().all(|case| case.skip.is_some());
            let mut trial = None;
            if skip_all {
                report.suite(suite, None);
            } else {
                let search = Testee::find(network, self.role.as_deref(), &suite.topic, self.wait);
                let testee = match started.as_deref_mut() {
                    Some(started) => started.meanwhile(search).await?,
                    None => search.await?,
                };
                if suite.has_fixture {
                    let (topic, role) = (&suite.topic, testee.role());
                    eprintln!("note: {topic} is tested without its fixture, as `{role}` runs");
                }
                report.suite(suite, Some(testee.role()));
                trial = Some(Trial::of(network, testee).await?);
            }
            for case in &suite.cases {
                let skip = suite.skip.as_ref().or(case.skip.as_ref());
                let outcome = match (skip, &mut trial) {
                    (Some(reason), _) => Outcome::Skipped(reason.clone()),
                    (None, Some(trial)) => {
                        let timeout = case.timeout.unwrap_or(self.timeout);
                        match trial.run(case, timeout).await? {
                            Ok(()) => Outcome::Passed,
                            Err(wrong) => Outcome::Failed(wrong),
                        }
                    }
                    // All are skipped.
                    (None, None) => continue,
                };
                report.case(case, outcome)?;
            }
        }
        Ok(())
    }
}
