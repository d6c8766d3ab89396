//! `hub=auto`: the hub that a process starts because nobody else has.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use tokio::sync::Mutex;
use tracing::info;

use crate::address::Address;
use crate::hub::Hub;

type HostAndPort = (String, u16);

/// All connections of this process share its hubs.
static HUBS: LazyLock<Mutex<HashMap<HostAndPort, Weak<Hub>>>> = LazyLock::new(Default::default);

/// The hub of this process, if it has that address, or can have it. Who cannot listen there,
/// connects to who can.
pub(crate) async fn hub(address: &Address) -> Option<Arc<Hub>> {
    let mut hubs = HUBS.lock().await;
    let endpoint = (address.host.clone(), address.port);
    if let Some(hub) = hubs.get(&endpoint).and_then(Weak::upgrade)
        && hub.is_running().await
    {
        return Some(hub);
    }
    // Refused if somebody else listens there, or the address is another machine's.
    let hub = Arc::new(Hub::listen(address).await.ok()?);
    info!("no hub at {}: this process is the hub now", address.shown);
    hubs.insert(endpoint, Arc::downgrade(&hub));
    Some(hub)
}
