//! What a participant tells over HTTP of how it is: for Kubernetes, Prometheus and people.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use msgflo_core::transport::Connection;
use msgflo_core::{Error, Network, Result};
use tokio::sync::watch;

/// A question may take so long to come, and its answer to go.
const PATIENCE: Duration = Duration::from_secs(5);
/// A question may have so many bytes.
const LONGEST: u64 = 8 * 1024;
/// So many are answered at once; more are turned away.
const AT_ONCE: usize = 16;
/// How often is forgotten what metrics no longer need.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bound to its address, and not served yet. It runs on threads of its own: it answers while a method
/// holds every thread of the runtime.
pub(crate) struct Listener {
    listener: TcpListener,
    /// None where the program has a recorder of its own.
    metrics: Option<PrometheusHandle>,
}

/// What is asked for, and what is known.
struct State {
    connection: watch::Receiver<Connection>,
    failure: Mutex<Option<String>>,
    metrics: Option<PrometheusHandle>,
    answering: AtomicUsize,
}

impl Listener {
    /// Listens, and counts from now on.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).map_err(|error| {
            Error::message(format!(
                "cannot listen on {address} for /healthz, /readyz and /metrics: {error}; give another address (--listen, MSGFLO_LISTEN)"
            ))
        })?;
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let metrics = metrics::set_global_recorder(recorder).ok().map(|()| handle);
        Ok(Self { listener, metrics })
    }

    /// Answers from now on: the participant is ready.
    pub(crate) fn serve(self, network: &Network) -> Result<()> {
        let state = Arc::new(State {
            connection: network.transport().connection(),
            failure: Mutex::default(),
            metrics: self.metrics,
            answering: AtomicUsize::new(0),
        });
        let (failed, noted) = (network.clone(), state.clone());
        tokio::spawn(async move {
            let failure = failed.failed().await.to_string();
            *noted.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        });
        if let Some(metrics) = state.metrics.clone() {
            thread("msgflo-metrics", move || {
                loop {
                    std::thread::sleep(UPKEEP);
                    metrics.run_upkeep();
                }
            })?;
        }
        thread("msgflo-listen", move || accept(&self.listener, &state))
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(run)?;
    Ok(())
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Too many open files, usually: some are closed sooner or later.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if state.answering.fetch_add(1, Ordering::AcqRel) >= AT_ONCE {
            state.answering.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let own = state.clone();
        let spawned = thread("msgflo-answer", move || {
            // Fails when whoever asked is gone.
            let _ = answer(&stream, &own);
            own.answering.fetch_sub(1, Ordering::AcqRel);
        });
        if spawned.is_err() {
            state.answering.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn answer(stream: &TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.take(LONGEST));
    let mut request = String::new();
    lines.read_line(&mut request)?;
    let mut header = String::new();
    while lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let (status, kind, body) = respond(&request, state);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    let is_head = request.starts_with("HEAD ");
    stream.write_all(if is_head { b"" } else { body.as_bytes() })
}

const TEXT: &str = "text/plain; charset=utf-8";
const OK: &str = "200 OK";
const UNAVAILABLE: &str = "503 Service Unavailable";

/// Status, content type and body.
fn respond(request: &str, state: &State) -> (&'static str, &'static str, String) {
    let mut words = request.split_ascii_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !matches!(method, "GET" | "HEAD") {
        return ("405 Method Not Allowed", TEXT, "ask with GET\n".into());
    }
    let failure = state.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match path.split('?').next().unwrap_or_default() {
        "/healthz" | "/readyz" if failure.is_some() => {
            (UNAVAILABLE, TEXT, format!("{}\n", failure.unwrap_or_default()))
        }
        "/healthz" => (OK, TEXT, "it lives\n".into()),
        "/readyz" if !state.connection.borrow().connected => (
            UNAVAILABLE,
            TEXT,
            "the connection to the broker is lost; it is being made again\n".into(),
        ),
        "/readyz" => (OK, TEXT, "it is connected, and receives\n".into()),
        "/metrics" => match &state.metrics {
            Some(metrics) => (OK, "text/plain; version=0.0.4", metrics.render()),
            None => {
                let other = "this program has a recorder of its own for its metrics\n";
                ("404 Not Found", TEXT, other.into())
            }
        },
        _ => ("404 Not Found", TEXT, "there are /healthz, /readyz and /metrics\n".into()),
    }
}
