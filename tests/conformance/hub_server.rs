//! A hub that a case has for itself: it stops it, and starts it again.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use msgflo::zmq::Hub;
use msgflo_test_broker::free_port;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A hub on a runtime of its own, as if it were a process of its own, behind a door through which
/// its clients come: closing the door cuts their connections.
pub struct HubServer {
    address: SocketAddr,
    door: Option<Door>,
    running: Option<(Runtime, Hub)>,
}

struct Door {
    runtime: Runtime,
    _task: JoinHandle<()>,
}

impl HubServer {
    pub fn start() -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut server = Self { address, door: None, running: None };
        server.start_again()?;
        Ok(server)
    }

    pub fn start_again(&mut self) -> io::Result<()> {
        let runtime = runtime()?;
        let hub = runtime.block_on(Hub::bind("zmq://127.0.0.1:0"));
        let hub = hub.map_err(|error| io::Error::other(error.to_string()))?;
        let behind = hub.url().trim_start_matches("zmq://").to_owned();
        self.running = Some((runtime, hub));
        self.open(behind)
    }

    pub fn url(&self) -> String {
        format!("zmq://{}", self.address)
    }

    fn open(&mut self, behind: String) -> io::Result<()> {
        let runtime = runtime()?;
        let listener = runtime.block_on(TcpListener::bind(self.address))?;
        let task = runtime.spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let behind = behind.clone();
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(behind).await?;
                    copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        self.door = Some(Door { runtime, _task: task });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(door) = self.door.take() {
            door.runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }

    /// In order.
    pub fn stop(&mut self) {
        if let Some((runtime, hub)) = self.running.take() {
            runtime.block_on(hub.stop());
        }
        self.close();
    }

    /// Without a chance to finish anything.
    pub fn kill(&mut self) {
        if let Some((runtime, _hub)) = self.running.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
        self.close();
    }

    pub fn cut_connections(&mut self) -> io::Result<()> {
        self.close();
        let behind = self.running.as_ref().map(|(_, hub)| hub.url().to_owned());
        self.open(behind.unwrap_or_default().trim_start_matches("zmq://").to_owned())
    }
}

impl Drop for HubServer {
    /// A case drops it on its own runtime, which must not wait for this one.
    fn drop(&mut self) {
        let runtimes = [
            self.door.take().map(|door| door.runtime),
            self.running.take().map(|(runtime, _)| runtime),
        ];
        runtimes.into_iter().flatten().for_each(Runtime::shutdown_background);
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build()
}
