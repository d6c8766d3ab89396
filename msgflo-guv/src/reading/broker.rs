//! Readings of a network: the broker is asked, and participants are listened to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use msgflo::statistics::{self, Statistics};
use msgflo::transport::Copies;
use msgflo::{Error, ErrorKind, Network, Result};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::figures;
use super::{Inport, Reading, Reports, Source, Work};
use crate::config::Role;

/// How long a broker may take to answer, if it is being connected to again, for instance.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until it is tried again to listen.
const PAUSE: Duration = Duration::from_secs(5);

/// Reads the queues of a network.
///
/// What waits in a queue, the broker tells: at once on RabbitMQ and ZeroMQ. MQTT brokers do not; there it is
/// estimated from what participants tell of their work. `docs/autoscaling/statistics.md` says how.
pub struct BrokerSource {
    network: Network,
    reports: Arc<Mutex<Reports>>,
    began: Instant,
    listening: AbortHandle,
}

impl BrokerSource {
    /// Begins to listen to what participants tell. If that cannot be had, it is tried again and
    /// again, with a warning.
    pub async fn listen(network: Network) -> Self {
        let began = Instant::now();
        let reports = Arc::new(Mutex::new(Reports::new(began)));
        // Known before the first message is heard, as messages count for where they go.
        let _ = timeout(PAUSE, look_at_edges(&network, &reports)).await;
        let first = timeout(PATIENCE, statistics::listen(&**network.transport())).await.ok();
        let task = tokio::spawn(hear_all(network.clone(), reports.clone(), first));
        Self { network, reports, began, listening: task.abort_handle() }
    }

    /// All inports of those participants that have told of their work.
    pub fn inports(&self) -> Vec<Inport> {
        lock(&self.reports).inports(Instant::now())
    }

    /// What those tell who work on a queue, with processing times of the last `window`; `None` if
    /// nobody does.
    pub fn work(&self, queue: &str, window: Duration) -> Option<Work> {
        lock(&self.reports).work(queue, window, Instant::now())
    }

    async fn read_now(&self, role: &Role) -> Result<Reading> {
        let told = match self.network.statistics(&role.queue).await {
            Ok(told) => Some(told),
            Err(error) if is_unsupported(&error) => {
                look_at_edges(&self.network, &self.reports).await;
                None
            }
            Err(error) => return Err(error),
        };
        let mut reports = lock(&self.reports);
        let work = reports.work(&role.queue, seconds(role.history), Instant::now());
        match (told, work) {
            (Some(told), work) => {
                let mut reading = figures::told(&told, work.as_ref(), role.percentile);
                let is_told = told.arrived.is_some();
                reading.arrived = reading
                    .arrived
                    .map(|sum| if is_told { sum } else { reports.arrived(&role.queue, sum) });
                Ok(reading)
            }
            (None, Some(work)) => Ok(figures::estimated(&work, &role.queue, role.percentile)),
            (None, None) => Err(Error::message(format!(
                "it is not known what waits in `{}`: {} does not tell, and nobody who sends to it or receives from it \
                 has told of its work in {:.0} s. Participants do so every 30 s at least, unless their \
                 --statistics-period is 0 or longer; those in other languages do if they send what \
                 docs/autoscaling/statistics.md says. With `minimum` 0, a sender must",
                role.queue,
                self.network.transport().url(),
                self.began.elapsed().as_secs_f64(),
            ))),
        }
    }
}

#[async_trait]
impl Source for BrokerSource {
    async fn read(&self, role: &Role) -> Result<Reading> {
        timeout(PATIENCE, self.read_now(role)).await.unwrap_or_else(|_| {
            let url = self.network.transport().url();
            let connected = self.network.transport().connection().borrow().connected;
            let state = if connected {
                "the connection is there"
            } else {
                "the connection is lost, and is being made again"
            };
            Err(Error::message(format!(
                "{url} did not tell of queue `{}` within {} s: {state}. Is the broker running there?",
                role.queue,
                PATIENCE.as_secs()
            )))
        })
    }
}

impl Drop for BrokerSource {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Where messages go, as far as the broker tells.
async fn look_at_edges(network: &Network, reports: &Mutex<Reports>) {
    match network.edges().await {
        Ok(edges) => lock(reports).set_edges(edges, Instant::now()),
        Err(error) => debug!("edges are not known: {error}"),
    }
}

/// Goes on until the network is closed.
async fn hear_all(network: Network, reports: Arc<Mutex<Reports>>, first: Option<Result<Copies>>) {
    let mut listening = first;
    loop {
        let outcome = match listening.take() {
            Some(Ok(copies)) => hear(copies, &reports).await,
            Some(Err(error)) => Err(error),
            None => match statistics::listen(&**network.transport()).await {
                Ok(copies) => hear(copies, &reports).await,
                Err(error) => Err(error),
            },
        };
        match outcome {
            Err(error) if matches!(error.kind(), Some(ErrorKind::Closed(_))) => return,
            Err(error) => warn!("what participants tell of their work is not heard: {error}"),
            Ok(()) => debug!("what participants tell of their work has ended"),
        }
        sleep(PAUSE).await;
    }
}

async fn hear(mut copies: Copies, reports: &Mutex<Reports>) -> Result<()> {
    while let Some(copy) = copies.next().await {
        match Statistics::from_payload(&copy?.payload) {
            Ok(statistics) => lock(reports).hear(statistics, Instant::now()),
            Err(error) => debug!("passed over: {error}"),
        }
    }
    Ok(())
}

fn is_unsupported(error: &Error) -> bool {
    matches!(error.kind(), Some(ErrorKind::Unsupported { .. }))
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

fn lock(reports: &Mutex<Reports>) -> MutexGuard<'_, Reports> {
    reports.lock().unwrap_or_else(PoisonError::into_inner)
}
