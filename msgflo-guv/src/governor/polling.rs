//! The governor at work: each role is polled by itself, so that none waits for another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use msgflo::Result;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::controller::{Change, Controller, Step};
use super::faults::{Notice, TimedOut};
use crate::backend::Backend;
use crate::config::Role;
use crate::model::Figure;
use crate::reading::Source;

/// How long it is waited for a reading, for a count of workers, and for a change to be accepted.
/// Sources and backends give up earlier, and know better why.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the governor tells of a role while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A poll, with what is to be done.
    Polled(&'a Step),
    /// The backend was asked for a change, and this is how it went.
    Scaled(Change, &'a Result<()>),
    /// In a dry run: what the backend would have been asked for.
    WouldScale(Change),
    /// A sentence for whoever runs it.
    Notice(&'a Notice),
}

type Listener = Box<dyn Fn(&Role, &Event<'_>) + Send + Sync>;

/// Polls roles, decides, and has a backend do it.
pub struct Governor {
    backend: Arc<dyn Backend>,
    governed: Vec<Governed>,
    is_dry_run: bool,
    listener: Listener,
    started: Instant,
}

struct Governed {
    role: Role,
    source: Arc<dyn Source>,
    controller: Mutex<Controller>,
}

impl Governor {
    /// One that governs no role yet. What it does, it tells `listener`.
    pub fn new(
        backend: Arc<dyn Backend>,
        listener: impl Fn(&Role, &Event<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            backend,
            governed: Vec::new(),
            is_dry_run: false,
            listener: Box::new(listener),
            started: Instant::now(),
        }
    }

    /// Makes it tell what it would do, and do nothing.
    #[must_use]
    pub fn dry_run(self, is_dry_run: bool) -> Self {
        Self { is_dry_run, ..self }
    }

    /// Has it govern a role, whose queue `source` can read.
    pub fn add(&mut self, role: Role, source: Arc<dyn Source>) {
        let controller = Mutex::new(Controller::new(role.clone()));
        self.governed.push(Governed { role, source, controller });
    }

    /// Governs, until the future is dropped: it does not end by itself.
    pub async fn run(&self) {
        join_all(self.governed.iter().map(async |governed| {
            let period = Duration::try_from_secs_f64(governed.role.pollinterval);
            let mut polls = interval(period.unwrap_or(PATIENCE).max(Duration::from_millis(10)));
            polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                polls.tick().await;
                // It was told of, and there is another poll.
                let _ = self.poll(governed).await;
            }
        }))
        .await;
    }

    /// Polls each role once.
    ///
    /// # Errors
    /// The first thing that went wrong; the other roles are not held up by it.
    pub async fn run_once(&self) -> Result<()> {
        let polls = join_all(self.governed.iter().map(|governed| self.poll(governed))).await;
        polls.into_iter().collect()
    }

    async fn poll(&self, governed: &Governed) -> Result<()> {
        let role = &governed.role;
        let mut controller = governed.controller.lock().await;
        let (reading, workers) = tokio::join!(
            bounded(format!("the broker about queue `{}`", role.queue), governed.source.read(role)),
            bounded("the backend".into(), async {
                self.backend.workers(&[role]).await.pop().unwrap_or(Ok(None))
            })
        );
        let step = controller.poll(self.now(), &reading, &workers);
        let outcome = reading.map(drop).and(workers.map(drop));
        log(role, &step);
        for notice in &step.notices {
            self.tell(role, &Event::Notice(notice));
        }
        self.tell(role, &Event::Polled(&step));
        let Some(change) = step.change else { return outcome };
        if self.is_dry_run {
            self.tell(role, &Event::WouldScale(change));
            return outcome;
        }
        let scaled = bounded("the backend".into(), async {
            self.backend.scale(&[(role, change.to)]).await.pop().unwrap_or(Ok(()))
        })
        .await;
        self.tell(role, &Event::Scaled(change, &scaled));
        if let Some(notice) = controller.scaled(self.now(), change, &scaled) {
            self.tell(role, &Event::Notice(&notice));
        }
        outcome.and(scaled)
    }

    fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn tell(&self, role: &Role, event: &Event<'_>) {
        (self.listener)(role, event);
    }
}

/// With its main figures; with `RUST_LOG=msgflo_guv=debug`, with all.
fn log(role: &Role, step: &Step) {
    let (Some(observed), Some(decision)) = (&step.observed, &step.decision) else { return };
    tracing::info!(
        role = role.name,
        waiting = observed.waiting,
        in_flight = observed.in_flight,
        arrivals = observed.arrivals.map(|arrivals| arrivals.rate),
        processing = observed.processing.map(|processing| processing.mean),
        workers = step.workers,
        booting = step.booting,
        estimate = decision.estimate,
        change = step.change.map(|change| change.to),
        "decided"
    );
    for figure in &decision.figures {
        let Figure { name, value, unit, meaning } = figure;
        tracing::debug!(role = role.name, "{name} = {value} {unit}: {meaning}");
    }
}

async fn bounded<T>(who: String, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Err(TimedOut { who, after: PATIENCE }.into());
    timeout(PATIENCE, work).await.unwrap_or_else(late)
}
