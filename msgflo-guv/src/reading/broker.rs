//! Readings of a network: the broker is asked, and participants are listened to.

use std::collections::HashMap;
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
use super::growing::{Growing, Teller};
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
    /// What had arrived and was finished, by queue.
    counts: Mutex<HashMap<String, (Growing, Growing)>>,
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
        Self { network, reports, counts: Default::default(), began, listening: task.abort_handle() }
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
        let window = seconds(role.history);
        let work = lock(&self.reports).work(&role.queue, window, Instant::now());
        match (told, work) {
            (Some(told), work) => {
                let reading = figures::told(&told, work.as_ref(), role.percentile);
                let arrived = if told.arrived.is_some() { Teller::Broker } else { Teller::Sum };
                let finished =
                    if told.settled.is_some() { Teller::Broker } else { Teller::Workers };
                Ok(self.count_on(&role.queue, reading, arrived, finished))
            }
            (None, Some(work)) => {
                let reading = figures::estimated(&work, &role.queue, role.percentile);
                let arrived = if work.senders > 0 { Teller::Senders } else { Teller::Workers };
                Ok(self.count_on(&role.queue, reading, arrived, Teller::Workers))
            }
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

impl BrokerSource {
    /// Counts go on, though it may not be the same who told them as for the last reading.
    fn count_on(
        &self,
        queue: &str,
        mut reading: Reading,
        arrived: Teller,
        finished: Teller,
    ) -> Reading {
        let mut counts = lock(&self.counts);
        let (all_arrived, all_finished) = counts.entry(queue.to_owned()).or_default();
        reading.arrived = reading.arrived.map(|told| all_arrived.next(arrived, told));
        reading.finished = reading.finished.map(|told| all_finished.next(finished, told));
        reading
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
