//! What the governor knows and does, for Prometheus.
//!
//! | metric, with the label `role` | |
//! |---|---|
//! | `msgflo_guv_waiting_jobs` | jobs that wait in the queue |
//! | `msgflo_guv_in_flight_jobs` | jobs that workers have and have not finished |
//! | `msgflo_guv_arrival_rate_jobs_per_second` | jobs that come in a second |
//! | `msgflo_guv_processing_mean_seconds` | how long a job takes on average, as measured |
//! | `msgflo_guv_estimated_workers` | workers that are needed, by the last decision |
//! | `msgflo_guv_wanted_workers` | workers that there are to be |
//! | `msgflo_guv_actual_workers` | workers that the backend tells of, those that boot included |
//! | `msgflo_guv_booting_workers` | workers that take no jobs yet |
//! | `msgflo_guv_since_reading_seconds` | time since the queue was read, or the start |
//! | `msgflo_guv_decisions_total` | decisions |
//! | `msgflo_guv_changes_total` | changes that the backend accepted; `direction` is `up` or `down` |
//! | `msgflo_guv_errors_total` | what went wrong, by `kind` |
//!
//! What is not known now, is not there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use msgflo::{Error, Result};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use crate::config::Role;
use crate::governor::{Event, Fault, Step};

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of all roles. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    registry: Registry,
    last_readings: HashMap<String, Instant>,
    waiting: Numbers,
    in_flight: Numbers,
    arrival_rate: Numbers,
    processing: Numbers,
    estimated: Numbers,
    wanted: Numbers,
    actual: Numbers,
    booting: Numbers,
    since_reading: Numbers,
    decisions: Family<OfRole, Counter>,
    changes: Family<OfDirection, Counter>,
    errors: Family<OfKind, Counter>,
}

type Numbers = Family<OfRole, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRole {
    role: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDirection {
    role: String,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    role: String,
    kind: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Of no role yet.
    pub fn new() -> Self {
        let mut known = Known::default();
        let mut all = Registry::with_prefix("msgflo_guv");
        let jobs = || Unit::Other("jobs".into());
        let workers = || Unit::Other("workers".into());
        let rate = Unit::Other("jobs_per_second".into());
        let gauges = [
            ("waiting", "Jobs that wait in the queue", jobs(), &known.waiting),
            ("in_flight", "Jobs that workers have and have not finished", jobs(), &known.in_flight),
            ("arrival_rate", "Jobs that come in a second", rate, &known.arrival_rate),
            (
                "processing_mean",
                "How long a job takes on average, as measured",
                Unit::Seconds,
                &known.processing,
            ),
            (
                "estimated",
                "Workers that are needed, by the last decision",
                workers(),
                &known.estimated,
            ),
            ("wanted", "Workers that there are to be", workers(), &known.wanted),
            (
                "actual",
                "Workers that the backend tells of, those that boot included",
                workers(),
                &known.actual,
            ),
            ("booting", "Workers that take no jobs yet", workers(), &known.booting),
            (
                "since_reading",
                "Time since the queue was read, or the start",
                Unit::Seconds,
                &known.since_reading,
            ),
        ];
        for (name, help, unit, gauge) in gauges {
            all.register_with_unit(name, help, unit, gauge.clone());
        }
        all.register("decisions", "Decisions", known.decisions.clone());
        all.register("changes", "Changes that the backend accepted", known.changes.clone());
        all.register("errors", "What went wrong", known.errors.clone());
        known.registry = all;
        Self(Arc::new(Mutex::new(known)))
    }

    /// Makes a role known, so that its counters begin at zero.
    pub fn add(&self, role: &Role) {
        let mut known = self.known();
        known.last_readings.insert(role.name.clone(), Instant::now());
        drop(known.decisions.get_or_create(&of(role)));
        for direction in ["up", "down"] {
            let label = OfDirection { role: role.name.clone(), direction };
            drop(known.changes.get_or_create(&label));
        }
    }

    /// Takes in what a governor tells.
    pub fn observe(&self, role: &Role, event: &Event<'_>) {
        let mut known = self.known();
        match event {
            Event::Polled(step) => known.polled(role, step),
            Event::Scaled(change, Ok(())) => {
                let up = change.from.is_none_or(|from| change.to > from);
                let direction = if up { "up" } else { "down" };
                let label = OfDirection { role: role.name.clone(), direction };
                known.changes.get_or_create(&label).inc();
            }
            Event::Scaled(_, Err(error)) => known.failed(role, Fault::Scaling.kind(error)),
            _ => {}
        }
    }

    /// All of it, in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let known = self.known();
        for (role, last) in &known.last_readings {
            let label = OfRole { role: role.clone() };
            known.since_reading.get_or_create(&label).set(last.elapsed().as_secs_f64());
        }
        let mut text = String::new();
        // Fails only where memory does.
        let _ = text::encode(&mut text, &known.registry);
        text
    }

    /// Listens on an address, like `127.0.0.1:9090` or `:9090`, which is on all interfaces.
    ///
    /// # Errors
    /// If that cannot be.
    pub async fn listen(&self, address: &str) -> Result<Server> {
        let wanted = match address.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => address.to_owned(),
        };
        let listener = TcpListener::bind(&wanted).await.map_err(|error| {
            Error::invalid(format!(
                "cannot listen on {address} for metrics: {error}; choose another, like 127.0.0.1:9187"
            ))
        })?;
        let address = listener.local_addr()?;
        let metrics = self.clone();
        let answer = async move || ([(CONTENT_TYPE, TEXT)], metrics.text()).into_response();
        let app = Router::new()
            .route("/metrics", get(answer))
            .route("/", get(async || Redirect::temporary("/metrics")));
        Ok(Server { address, listener, app })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What answers scrapes.
pub struct Server {
    address: SocketAddr,
    listener: TcpListener,
    app: Router,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, until the future is dropped.
    ///
    /// # Errors
    /// If the system takes the address away.
    pub async fn run(self) -> Result<()> {
        Ok(axum::serve(self.listener, self.app).await?)
    }
}

impl Known {
    fn polled(&mut self, role: &Role, step: &Step) {
        for kind in &step.errors {
            self.failed(role, kind);
        }
        set(&self.wanted, role, step.wanted.map(f64::from));
        set(&self.actual, role, step.workers.map(f64::from));
        set(&self.booting, role, Some(step.booting.into()));
        let Some(reading) = &step.reading else { return };
        self.last_readings.insert(role.name.clone(), Instant::now());
        set(&self.waiting, role, Some(reading.waiting as f64));
        set(&self.in_flight, role, reading.in_flight.map(|jobs| jobs as f64));
        let processing = reading.processing.map(|processing| processing.mean);
        set(&self.processing, role, processing);
        let rate = step.observed.as_ref().and_then(|observed| observed.arrivals.as_ref());
        set(&self.arrival_rate, role, rate.map(|arrivals| arrivals.rate));
        if let Some(decision) = &step.decision {
            set(&self.estimated, role, Some(decision.estimate.into()));
            self.decisions.get_or_create(&of(role)).inc();
        }
    }

    fn failed(&self, role: &Role, kind: &'static str) {
        self.errors.get_or_create(&OfKind { role: role.name.clone(), kind }).inc();
    }
}

fn of(role: &Role) -> OfRole {
    OfRole { role: role.name.clone() }
}

fn set(numbers: &Numbers, role: &Role, value: Option<f64>) {
    match value {
        Some(value) => {
            numbers.get_or_create(&of(role)).set(value);
        }
        None => {
            numbers.remove(&of(role));
        }
    }
}
