//! What `msgflo scale stats` tells, in the form of its JSON. Scripts depend on the names.

use std::time::Duration;

use msgflo::{ErrorKind, Network};
use msgflo_guv::config::Role;
use msgflo_guv::reading::{BrokerSource, Inport, Source, Work};
use serde::Serialize;

#[derive(Serialize)]
pub struct Report {
    /// The broker's URL, without its password.
    pub broker: String,
    /// In order of roles and ports.
    pub inports: Vec<Measured>,
    /// Roles of the configuration, of whose queues nobody has told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unheard: Vec<String>,
}

/// An inport, and those who work there. All times are in seconds.
#[derive(Serialize)]
pub struct Measured {
    pub role: String,
    pub port: String,
    pub queue: String,
    /// How many were heard and are not gone.
    pub workers: u64,
    /// Finished by all of them, lately.
    pub jobs_per_second: f64,
    /// How many messages were measured. Without any, the next six are null.
    pub count: u64,
    pub mean: Option<f64>,
    pub stddev: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    /// Being processed, by those who were heard.
    pub in_flight: u64,
    /// While it was listened.
    pub rejected: u64,
    /// Null if that is not known.
    pub waiting: Option<u64>,
    /// Who says so.
    pub waiting_from: From,
    /// How that was estimated, or why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_note: Option<String>,
    /// What the configuration says of this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_processing: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_stddev: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// The broker.
    Broker,
    /// Those who send and receive.
    Participants,
    /// Nobody.
    Unknown,
}

impl Report {
    pub async fn of(
        network: &Network,
        source: &BrokerSource,
        window: Duration,
        roles: &[Role],
    ) -> Self {
        let mut inports = Vec::new();
        for inport in source.inports() {
            if let Some(work) = source.work(&inport.queue, window) {
                let said = roles.iter().find(|role| role.queue == inport.queue);
                let measured = Measured::of(network, source, inport, work).await;
                inports.push(Measured {
                    file_processing: said.map(|role| role.processing),
                    file_stddev: said.map(|role| role.stddev),
                    ..measured
                });
            }
        }
        let heard = |role: &&Role| inports.iter().any(|inport| inport.queue == role.queue);
        let unheard = roles.iter().filter(|role| !heard(role));
        let unheard = unheard.map(|role| role.name.clone()).collect();
        Self { broker: network.transport().url().into(), inports, unheard }
    }
}

impl Measured {
    async fn of(network: &Network, source: &BrokerSource, inport: Inport, work: Work) -> Self {
        let (waiting, waiting_from, waiting_note) = waiting(network, source, &inport).await;
        let Inport { role, port, queue, .. } = inport;
        let times = &work.processing;
        let any = |seconds: f64| (times.count() > 0).then_some(seconds);
        Self {
            role,
            port,
            queue,
            workers: work.workers,
            jobs_per_second: work.rate,
            count: times.count(),
            mean: any(times.mean()),
            stddev: any(times.stddev()),
            p50: times.quantile(0.5),
            p90: times.quantile(0.9),
            p99: times.quantile(0.99),
            in_flight: work.in_flight,
            rejected: work.rejected,
            waiting,
            waiting_from,
            waiting_note,
            file_processing: None,
            file_stddev: None,
        }
    }
}

async fn waiting(
    network: &Network,
    source: &BrokerSource,
    inport: &Inport,
) -> (Option<u64>, From, Option<String>) {
    match network.statistics(&inport.queue).await {
        Ok(told) => return (Some(told.waiting), From::Broker, None),
        Err(error) if matches!(error.kind(), Some(ErrorKind::Unsupported { .. })) => {}
        Err(error) => return (None, From::Unknown, Some(error.to_string())),
    }
    let mut role = Role::new(&inport.role);
    role.queue = inport.queue.clone();
    match source.read(&role).await {
        Ok(reading) => (Some(reading.waiting), From::Participants, Some(reading.estimated)),
        Err(error) => (None, From::Unknown, Some(error.to_string())),
    }
}
