//! The signals that ask a program to stop.

use msgflo_core::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP, for a program that is more than a worker; [`run`](crate::run) has them.
///
/// ```no_run
/// # async fn example(network: msgflo::Network) -> msgflo::Result<()> {
/// let mut stop = msgflo::StopSignals::listen()?;
/// // … start participants …
/// stop.next().await;
/// network.shutdown().await
/// # }
/// ```
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl StopSignals {
    /// From now on, the signals do not end the process any more.
    ///
    /// # Errors
    /// If the system does not let us listen.
    pub fn listen() -> Result<Self> {
        let listen = |kind| signal(kind);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Returns when the next of them comes.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
