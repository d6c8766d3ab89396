//! `msgflo scale`: the governor, until it is stopped.

mod commands;
mod output;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use msgflo::{Error, Result, StopSignals};
use msgflo_guv::backend::Backend;
use msgflo_guv::backend::heroku::Heroku;
use msgflo_guv::backend::keda::Keda;
use msgflo_guv::backend::kubernetes::Kubernetes;
use msgflo_guv::backend::process::Process;
use msgflo_guv::config::{Role, Severity};
use msgflo_guv::governor::{Brokers, Event, Governor};
use msgflo_guv::metrics::Metrics;
use msgflo_guv::statuspage::Statuspage;
use url::Url;

use super::configuration::ConfigurationFile;
use commands::Commands;
use output::{Output, Record};

/// The arguments of the governor itself.
#[derive(Args)]
pub struct Govern {
    #[command(flatten)]
    file: ConfigurationFile,
    /// What runs the workers
    #[arg(long, value_name = "NAME", default_value = "process")]
    backend: BackendName,
    /// The broker of all roles, whatever the configuration says
    /// [default: the role's `broker`, else GUV_BROKER, MSGFLO_BROKER, CLOUDAMQP_URL, amqp://localhost]
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Decide once for each role, and end
    #[arg(long)]
    once: bool,
    /// With --once, how long to try to reach a broker
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = msgflo::parse_seconds)]
    connect_timeout: Duration,
    /// Tell Prometheus at http://ADDR/metrics what is known and done, like 127.0.0.1:9187
    #[arg(long, value_name = "ADDR")]
    metrics: Option<String>,
    /// Write each decision to this file, as CSV
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    commands: Commands,
    /// keda: where to listen for it
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:6570")]
    keda: SocketAddr,
    /// kubernetes: the API server, as of `kubectl proxy` [default: that of the cluster we run in]
    #[arg(long, value_name = "URL")]
    kubernetes: Option<Url>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendName {
    /// Processes of this machine, by command
    Process,
    /// Dynos, by Heroku's Platform API (HEROKU_API_KEY)
    Heroku,
    /// Replicas of deployments, by the cluster's API server
    Kubernetes,
    /// Whatever KEDA scales: it asks us
    Keda,
}

impl Govern {
    pub async fn run(self) -> Result<()> {
        let configuration = self.file.read(Severity::Mistake)?;
        let mut roles = configuration.roles;
        for role in &mut roles {
            let url = self.broker.clone().or_else(|| role.broker.take());
            role.broker = Some(url.unwrap_or_else(|| "amqp://localhost".into()));
        }
        self.is_possible(&roles)?;
        let mut stop = StopSignals::listen()?;
        let record = self.record.as_deref().map(Record::create).transpose()?;
        let metrics = Metrics::new();
        roles.iter().for_each(|role| metrics.add(role));
        let server = match &self.metrics {
            Some(address) => Some(metrics.listen(address).await?),
            None => None,
        };
        let (backend, started) = self.start(&roles)?;

        let (output, statuspage) = (Output::new(record), Statuspage::from_environment());
        let listener = move |role: &Role, event: &Event<'_>| {
            metrics.observe(role, event);
            output.tell(role, event);
            if let Some(statuspage) = &statuspage {
                post(statuspage, role, event);
            }
        };
        let mut governor = Governor::new(backend, listener).dry_run(self.dry_run);
        let mut brokers = Brokers::default();
        for role in roles {
            let url = role.broker.clone().unwrap_or_default();
            let source = match self.once {
                true => tokio::select! {
                    connected = brokers.connected(&url, self.connect_timeout) => connected?,
                    () = stop.next() => return Ok(()),
                },
                false => brokers.source(&url),
            };
            governor.add(role, source);
        }
        let outcome = tokio::select! {
            outcome = async {
                if self.once {
                    return governor.run_once().await;
                }
                governor.run().await;
                Ok(())
            } => outcome,
            error = brokers.invalid() => Err(error),
            failed = async {
                match server {
                    Some(server) => server.run().await,
                    None => std::future::pending().await,
                }
            } => failed,
            () = stop.next() => Ok(()),
        };
        let stopped = started.stop(&mut stop).await;
        tokio::select! {
            () = brokers.shutdown() => {}
            () = stop.next() => {}
        }
        outcome.and(stopped)
    }

    /// What can be known to be impossible before anything is begun.
    fn is_possible(&self, roles: &[Role]) -> Result<()> {
        if self.once && !self.dry_run && self.backend == BackendName::Process {
            return Err(Error::invalid(
                "with --once, workers would end as soon as they are started, as they do with this \
                 program: use --dry-run too, or another --backend",
            ));
        }
        for role in roles {
            // The URL itself may hold a password, and is not shown.
            Url::parse(role.broker.as_deref().unwrap_or_default()).map_err(|error| {
                Error::invalid(format!(
                    "the broker URL of role `{}` cannot be read ({error}); write it like \
                     amqp://user:password@host/vhost",
                    role.name
                ))
            })?;
        }
        Ok(())
    }

    fn start(&self, roles: &[Role]) -> Result<(Arc<dyn Backend>, Started)> {
        Ok(match self.backend {
            BackendName::Process => {
                let commands = self.commands.of(roles, self.dry_run)?;
                let process = Arc::new(Process::new(commands, output::warn));
                (process.clone(), Started::Process(process))
            }
            BackendName::Heroku => (Arc::new(Heroku::from_environment()?), Started::Nothing),
            BackendName::Kubernetes => {
                let kubernetes = match &self.kubernetes {
                    Some(url) => Kubernetes::new(url.clone()),
                    None => Kubernetes::from_environment()?,
                };
                (Arc::new(kubernetes), Started::Nothing)
            }
            BackendName::Keda => {
                let keda = Arc::new(Keda::start(self.keda, &roles.iter().collect::<Vec<_>>())?);
                (keda.clone(), Started::Keda(keda))
            }
        })
    }
}

/// What of the backend ends with us.
enum Started {
    Process(Arc<Process>),
    Keda(Arc<Keda>),
    Nothing,
}

impl Started {
    /// Lets workers finish what they are at; at once, if that is asked for again.
    async fn stop(self, stop: &mut StopSignals) -> Result<()> {
        let process = match self {
            Self::Nothing => return Ok(()),
            Self::Keda(keda) => return keda.stop().await,
            Self::Process(process) => process,
        };
        match process.processes() {
            0 => return Ok(()),
            1 => output::say("note: 1 worker finishes what it is at; stop again to cut it"),
            count => output::say(&format!(
                "note: {count} workers finish what they are at; stop again to cut them"
            )),
        }
        tokio::select! {
            () = process.stop() => Ok(()),
            () = stop.next() => {
                process.kill().await;
                Err(Error::message(
                    "stopped before workers had finished; what they were at will be delivered again",
                ))
            }
        }
    }
}

/// The jobs of a role on its status page.
fn post(statuspage: &Statuspage, role: &Role, event: &Event<'_>) {
    let Event::Polled(step) = event else { return };
    let Some(reading) = step.reading.as_ref().filter(|_| role.metric.is_some()) else { return };
    let jobs = reading.waiting.saturating_add(reading.in_flight.unwrap_or_default());
    let (statuspage, role) = (statuspage.clone(), role.clone());
    tokio::spawn(async move { statuspage.report(&role, jobs).await });
}
