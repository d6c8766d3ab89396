//! The signals that ask a program to stop.

use msgflo_core::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, for a program that is more than a worker; [`run`](crate::run) has them.
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
}

impl StopSignals {
    /// From now on, the signals do not end the process any more.
    ///
    /// # Errors
    /// If the system does not let us listen.
    pub fn listen() -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when the next of them comes.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
