//! MsgFlo on MQTT 3.1.1 brokers such as Mosquitto.

mod address;
mod consumer;
mod inbox;
mod link;
mod registry;
mod router;
mod seat;
mod session;
mod tls;
mod topic;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use msgflo_core::{Result, Transport};
use url::Url;

use address::Address;
use link::Link;
use transport::Mqtt;

/// Connects, and stays connected: see [`Transport`].
///
/// While the broker cannot be reached, it is tried again until `timeout` is over, with a line at
/// info level for each attempt.
///
/// # Errors
/// At once if the broker refuses user or password, or the URL is wrong; after `timeout` if it
/// cannot be reached.
pub async fn connect(url: &Url, timeout: Duration) -> Result<Arc<dyn Transport>> {
    let link = Link::connect(Address::parse(url)?, timeout).await?;
    Ok(Arc::new(Mqtt::new(link)))
}
