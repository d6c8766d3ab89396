//! The governor at work: each role is polled by itself, so that none waits for another.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use msgflo::{Error, Result};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::controller::{Change, Controller, Step};
use super::faults::{Notice, TimedOut};
use super::together::Together;
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
    /// What is asked of the backend, for each app: it answers for all roles of one at once, and
    /// another app's trouble is not theirs.
    apps: HashMap<Option<String>, App>,
    is_dry_run: bool,
    listener: Listener,
    started: Instant,
}

/// Of roles, by their place among the governed ones.
#[derive(Default)]
struct App {
    counts: Together<usize, Result<Option<u32>>>,
    changes: Together<(usize, u32), Result<()>>,
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
            apps: HashMap::new(),
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
        self.apps.entry(role.app.clone()).or_default();
        self.governed.push(Governed { role, source, controller });
    }

    /// Governs, until the future is dropped: it does not end by itself.
    pub async fn run(&self) {
        join_all((0..self.governed.len()).map(async |index| {
            let period = Duration::try_from_secs_f64(self.governed[index].role.pollinterval);
            let mut polls = interval(period.unwrap_or(PATIENCE).max(Duration::from_millis(10)));
            polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                polls.tick().await;
                // It was told of, and there is another poll.
                let _ = self.poll(index).await;
            }
        }))
        .await;
    }

    /// Polls each role once.
    ///
    /// # Errors
    /// The first thing that went wrong; the other roles are not held up by it.
    pub async fn run_once(&self) -> Result<()> {
        let polls = join_all((0..self.governed.len()).map(|index| self.poll(index))).await;
        polls.into_iter().collect()
    }

    async fn poll(&self, index: usize) -> Result<()> {
        let governed = &self.governed[index];
        let role = &governed.role;
        let mut controller = governed.controller.lock().await;
        let (reading, workers) = tokio::join!(
            bounded(format!("the broker about queue `{}`", role.queue), governed.source.read(role)),
            self.count(index)
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
        let scaled = self.scale(index, change.to).await;
        self.tell(role, &Event::Scaled(change, &scaled));
        if let Some(notice) = controller.scaled(self.now(), change, &scaled) {
            self.tell(role, &Event::Notice(&notice));
        }
        outcome.and(scaled)
    }

    async fn count(&self, index: usize) -> Result<Option<u32>> {
        let count = self.apps[&self.governed[index].role.app].counts.ask(
            index,
            async |indices: Vec<usize>| {
                let roles: Vec<_> =
                    indices.iter().map(|index| &self.governed[*index].role).collect();
                let count = timeout(PATIENCE, self.backend.workers(&roles)).await;
                count.unwrap_or_else(|_| roles.iter().map(|_| Err(late())).collect())
            },
        );
        count.await.unwrap_or_else(|| Err(unanswered()))
    }

    async fn scale(&self, index: usize, to: u32) -> Result<()> {
        let scale = self.apps[&self.governed[index].role.app].changes.ask(
            (index, to),
            async |changes: Vec<(usize, u32)>| {
                let of = |(index, to): &(usize, u32)| (&self.governed[*index].role, *to);
                let changes: Vec<_> = changes.iter().map(of).collect();
                let scaled = timeout(PATIENCE, self.backend.scale(&changes)).await;
                scaled.unwrap_or_else(|_| changes.iter().map(|_| Err(late())).collect())
            },
        );
        scale.await.unwrap_or_else(|| Err(unanswered()))
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
        arrivals = observed.arrivals.as_ref().map(|arrivals| arrivals.rate),
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
    let late = |_| Err(Error::new(TimedOut { who, after: PATIENCE }));
    timeout(PATIENCE, work).await.unwrap_or_else(late)
}

fn late() -> Error {
    Error::new(TimedOut { who: "the backend".into(), after: PATIENCE })
}

fn unanswered() -> Error {
    Error::message("the backend has not answered for this role")
}
