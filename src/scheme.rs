//! Which transport a URL's scheme stands for.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use msgflo_core::{Error, Network, Result, Transport, memory};
use url::Url;

/// How long [`connect`] tries to reach the broker.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

type Connecting = Pin<Box<dyn Future<Output = Result<Arc<dyn Transport>>> + Send>>;
type Connector = Arc<dyn Fn(Url, Duration) -> Connecting + Send + Sync>;

static CONNECTORS: LazyLock<RwLock<HashMap<&'static str, Connector>>> =
    LazyLock::new(|| RwLock::new(built_in()));

fn built_in() -> HashMap<&'static str, Connector> {
    let mut connectors: HashMap<&'static str, Connector> = HashMap::new();
    connectors.insert("memory", Arc::new(|url, _| Box::pin(async move { memory::connect(&url) })));
    #[cfg(feature = "amqp")]
    for scheme in ["amqp", "amqps"] {
        let connector = |url, timeout| -> Connecting {
            Box::pin(async move { msgflo_amqp::connect(&url, timeout).await })
        };
        connectors.insert(scheme, Arc::new(connector));
    }
    #[cfg(feature = "mqtt")]
    for scheme in ["mqtt", "mqtts"] {
        let connector = |url, timeout| -> Connecting {
            Box::pin(async move { msgflo_mqtt::connect(&url, timeout).await })
        };
        connectors.insert(scheme, Arc::new(connector));
    }
    #[cfg(feature = "zmq")]
    {
        let connector = |url, timeout| -> Connecting {
            Box::pin(async move { msgflo_zmq::connect(&url, timeout).await })
        };
        connectors.insert("zmq", Arc::new(connector));
    }
    connectors
}

/// Makes URLs of a scheme connect through a transport from outside this crate.
///
/// ```
/// msgflo::register_transport("loop", |_url, _timeout| async {
///     msgflo::memory::connect(&"memory://loop".parse()?)
/// });
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// assert!(msgflo::connect("loop://anything").await.is_ok());
/// # });
/// ```
pub fn register_transport<F, R>(scheme: &'static str, connect: F)
where
    F: Fn(Url, Duration) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Arc<dyn Transport>>> + Send + 'static,
{
    let connector: Connector = Arc::new(move |url, timeout| Box::pin(connect(url, timeout)));
    CONNECTORS.write().unwrap_or_else(PoisonError::into_inner).insert(scheme, connector);
}

/// Connects to the broker that the URL names, trying for 30 s.
///
/// ```
/// # async fn example() -> msgflo::Result<()> {
/// let network = msgflo::connect("memory://").await?;
/// # network.shutdown().await }
/// ```
///
/// # Errors
/// If the URL's scheme is unknown or its feature is off, the broker cannot be reached in time, or
/// it refuses the connection.
pub async fn connect(url: &str) -> Result<Network> {
    connect_within(url, CONNECT_TIMEOUT).await
}

/// Connects to the broker that the URL names, trying for as long as `timeout`.
///
/// # Errors
/// As [`connect`].
pub async fn connect_within(url: &str, timeout: Duration) -> Result<Network> {
    let url = Url::parse(url).map_err(|error| {
        // The URL itself may hold a password, and is not shown.
        Error::invalid(format!(
            "the broker URL cannot be read ({error}); write it like amqp://user:password@host/vhost or memory://"
        ))
    })?;
    let connector = find(url.scheme())?;
    Ok(Network::new(connector(url, timeout).await?))
}

fn find(scheme: &str) -> Result<Connector> {
    let connectors = CONNECTORS.read().unwrap_or_else(PoisonError::into_inner);
    connectors.get(scheme).cloned().ok_or_else(|| {
        let mut known: Vec<_> = connectors.keys().map(|scheme| format!("{scheme}://")).collect();
        known.sort();
        Error::invalid(match scheme {
            "amqp" | "amqps" | "mqtt" | "mqtts" => format!(
                "{scheme}:// brokers need the cargo feature `{}` of msgflo, which this program was built without",
                scheme.trim_end_matches('s')
            ),
            "zmq" => "zmq:// hubs need the cargo feature `zmq` of msgflo, which this program was built without".into(),
            _ => format!("no transport for {scheme}:// brokers; there are {}", known.join(", ")),
        })
    })
}
