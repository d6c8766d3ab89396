//! KEDA: it asks how many workers to have, and the cluster runs them.
//!
//! This is a server of KEDA's [external scaler protocol](https://keda.sh/docs/latest/concepts/external-scalers/).
//! A role's metric has the number of workers as its value, and 1 as its target for each of them, so
//! that the horizontal pod autoscaler runs exactly as many.
//!
//! | call | answer |
//! |---|---|
//! | `IsActive` | whether any worker is wanted |
//! | `StreamIsActive` | that, at once and whenever it changes |
//! | `GetMetricSpec` | one metric, with the role's name; target 1 |
//! | `GetMetrics` | the workers that are wanted |
//! | `StreamMetricSpec` | not implemented, since a target never changes; KEDA does without |
//!
//! `role` in the trigger's metadata says which role is meant; else it has the `ScaledObject`'s name.
//! As long as nothing was decided for a role, its calls fail with `UNAVAILABLE`, and a stream waits:
//! KEDA leaves the workers as they are then. The server has no TLS; it is for within the cluster.

mod message;
mod service;
mod wanted;

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use msgflo::{Error, Result};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use self::wanted::Wanted;
use crate::backend::Backend;
use crate::config::Role;

/// The port that the manifests in `docs/autoscaling/keda` use.
pub const PORT: u16 = 6570;

/// How long calls that are under way may take when the server stops.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// How often a connection that is silent is tried.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A server that KEDA asks. It ends when this is dropped.
#[derive(Debug)]
pub struct Keda {
    wanted: watch::Sender<Wanted>,
    address: SocketAddr,
    server: Mutex<Option<JoinHandle<Result<(), tonic::transport::Error>>>>,
}

impl Keda {
    /// Serves on an address, such as `0.0.0.0:6570`; port 0 takes a free one. KEDA may
    /// ask for these roles, and others that are scaled later. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub fn start(address: SocketAddr, roles: &[&Role]) -> Result<Self> {
        let cannot = |error: std::io::Error| {
            Error::message(format!(
                "cannot listen for KEDA on {address}: {error}; is something else there?"
            ))
        };
        let incoming = TcpIncoming::bind(address).map_err(cannot)?.with_nodelay(Some(true));
        let address = incoming.local_addr().map_err(cannot)?;
        let (wanted, mut watching) = watch::channel(Wanted::new(roles));
        let service = service::external_scaler(watching.clone());
        let server = Server::builder().http2_keepalive_interval(Some(KEEPALIVE));
        let closing = async move {
            // If the sender is gone, so is the backend.
            let _ = watching.wait_for(Wanted::is_closing).await;
        };
        let serving = server.serve_with_incoming_shutdown(service, incoming, closing);
        let server = Mutex::new(Some(tokio::spawn(serving)));
        Ok(Self { wanted, address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls, ends the streams, and waits for the calls that are under way, 5 s at most.
    ///
    /// # Errors
    /// If the server had failed.
    pub async fn stop(&self) -> Result<()> {
        self.wanted.send_modify(Wanted::close);
        let Some(mut server) = self.server.lock().await.take() else { return Ok(()) };
        match tokio::time::timeout(LAST_CALLS, &mut server).await {
            Ok(ended) => ended?.map_err(Error::new),
            Err(_) => {
                server.abort();
                Ok(())
            }
        }
    }
}

impl Drop for Keda {
    fn drop(&mut self) {
        self.wanted.send_modify(Wanted::close);
    }
}

#[async_trait]
impl Backend for Keda {
    /// What was wanted last: only the cluster knows what runs.
    async fn workers(&self, roles: &[&Role]) -> Vec<Result<Option<u32>>> {
        let wanted = self.wanted.borrow();
        roles.iter().map(|role| Ok(wanted.workers(&role.name).flatten())).collect()
    }

    async fn scale(&self, changes: &[(&Role, u32)]) -> Vec<Result<()>> {
        if self.wanted.borrow().is_closing() {
            let stopped = || Error::message("the server for KEDA is stopped");
            return changes.iter().map(|_| Err(stopped())).collect();
        }
        self.wanted.send_modify(|wanted| {
            changes.iter().for_each(|(role, workers)| wanted.set(&role.name, *workers));
        });
        changes.iter().map(|_| Ok(())).collect()
    }
}
