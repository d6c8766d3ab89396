//! The hub: the broker that ZeroMQ does not have.

mod client;
mod requests;
mod serving;
mod settlement;
mod streams;
mod topology;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use msgflo_core::{Error, ErrorKind, Result, Transport, memory};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};
use url::Url;

use crate::address::Address;
use crate::runtime;
use topology::Topology;

/// How many clients there may be at once.
const MOST_CLIENTS: usize = 4096;

/// A broker for ZeroMQ clients, within this process. It runs on the runtime that it was bound on, or,
/// if that has one thread, on a thread of its own, until it is stopped or dropped; what it held is lost
/// then.
///
/// ```
/// # async fn example() -> msgflo_core::Result<()> {
/// let hub = msgflo_zmq::Hub::bind("zmq://127.0.0.1:5555").await?;
/// println!("start participants with --broker {}", hub.url());
/// hub.stop().await;
/// # Ok(()) }
/// ```
pub struct Hub {
    url: String,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What all of a hub's clients share.
struct Shared {
    /// Different for each hub that ever was.
    instance: String,
    /// Where the queues are: a broker in memory that nobody else knows of.
    queues: Url,
    /// Keeps them while there is no client.
    _own: Arc<dyn Transport>,
    topology: Topology,
    timeout: Duration,
    max_frame: usize,
}

impl Hub {
    /// Listens on the URL's address; port 0 takes a free one. Settings of the URL: `timeout`,
    /// `max_frame`, `capacity` and `capacity_bytes`, as in [the crate's table](crate).
    ///
    /// # Errors
    /// If the URL is wrong, or the address cannot be listened on, for instance because another
    /// hub does.
    pub async fn bind(url: &str) -> Result<Self> {
        let url = Url::parse(url).map_err(|error| {
            Error::invalid(format!("{url} is not a URL like zmq://127.0.0.1:5555: {error}"))
        })?;
        let address = Address::parse(&url)?;
        let shown = address.shown.clone();
        runtime::drive(async move { Self::listen(&address).await }).await.map_err(|error| {
            ErrorKind::Refused {
                url: shown,
                reason: format!("the hub cannot listen there: {error}"),
            }
            .into()
        })
    }

    pub(crate) async fn listen(address: &Address) -> std::io::Result<Self> {
        let listener = listen(address).await?;
        let local = listener.local_addr()?;
        if !local.ip().is_loopback() {
            warn!(
                "the hub listens on {local}, where others may reach it: it asks nobody who they are, and encrypts nothing"
            );
        }
        let instance = format!("{:016x}", random());
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut queues = format!("memory://zmq-hub-{count}-{instance}")
            .parse::<Url>()
            .map_err(std::io::Error::other)?;
        let capacity = address.capacity.map(|messages| ("capacity", messages));
        let bytes = address.capacity_bytes.map(|bytes| ("capacity_bytes", bytes));
        let settings = capacity.into_iter().chain(bytes);
        queues
            .query_pairs_mut()
            .extend_pairs(settings.map(|(name, number)| (name, number.to_string())));
        let own =
            memory::connect(&queues).map_err(|error| std::io::Error::other(error.to_string()))?;
        let shared = Arc::new(Shared {
            instance,
            queues,
            _own: own,
            topology: Topology::default(),
            timeout: address.timeout,
            max_frame: address.max_frame,
        });
        let (stop, stopped) = watch::channel(false);
        let task = Mutex::new(Some(tokio::spawn(accept(listener, shared, stopped))));
        Ok(Self { url: url_of(local), stop, task })
    }

    /// Where clients find it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it has not been stopped, and neither has its runtime.
    pub(crate) async fn is_running(&self) -> bool {
        self.task.lock().await.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Disconnects all clients, and listens no more.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            // Fails if the runtime is being shut down, which stops it too.
            let _ = task.await;
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Listens on the first of the host's addresses that this machine has: who comes second must find
/// it taken, and not take the next.
async fn listen(address: &Address) -> std::io::Result<TcpListener> {
    let mut refused = None;
    for socket in tokio::net::lookup_host((address.host.as_str(), address.port)).await? {
        match TcpListener::bind(socket).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                refused = Some(error);
            }
            outcome => return outcome,
        }
    }
    Err(refused.unwrap_or_else(|| std::io::Error::other("the host has no address")))
}

fn url_of(local: SocketAddr) -> String {
    format!("zmq://{local}")
}

/// Not for secrets.
fn random() -> u64 {
    use std::hash::BuildHasher;
    std::hash::RandomState::new().hash_one(std::time::SystemTime::now())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(_) = clients.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) if clients.len() < MOST_CLIENTS => {
                clients.spawn(serving::serve(stream, peer, shared.clone(), stopped.clone()));
            }
            Ok((_, peer)) => {
                warn!("the hub has {MOST_CLIENTS} clients already, and turns {peer} away")
            }
            Err(error) => {
                // Too many open files, usually: some are closed sooner or later.
                debug!("the hub cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}
