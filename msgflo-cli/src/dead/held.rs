//! Dead letters in hand: taken from their queue to be looked at, and given back.

use std::time::Duration;

use msgflo::transport::{Deliveries, Delivery, Transport};
use msgflo::{ErrorKind, Result};
use tokio::time::timeout;

/// So long without a dead letter, and there are no more.
const QUIET: Duration = Duration::from_secs(2);

/// The dead letters of a queue.
pub struct Queue {
    deliveries: Deliveries,
    /// How many there were, where the broker tells.
    pub waiting: Option<u64>,
    taken: u64,
}

impl Queue {
    pub async fn open(transport: &dyn Transport, dead: &str) -> Result<Self> {
        let waiting = match transport.statistics(dead).await {
            Ok(statistics) => Some(statistics.waiting),
            Err(error) if matches!(error.kind(), Some(ErrorKind::Unsupported { .. })) => None,
            Err(error) => return Err(error),
        };
        let deliveries = transport.consume(dead, u16::MAX).await?;
        Ok(Self { deliveries, waiting, taken: 0 })
    }

    /// The next that was there when it was opened, as far as that can be known; `None` if there are no
    /// more, or the broker hands out no more before some are settled.
    pub async fn next(&mut self) -> Result<Option<Delivery>> {
        if self.waiting.is_some_and(|waiting| self.taken >= waiting) {
            return Ok(None);
        }
        match timeout(QUIET, self.deliveries.next()).await {
            Ok(Some(delivery)) => {
                self.taken += 1;
                delivery.map(Some)
            }
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// Takes up to so many.
    pub async fn take(&mut self, most: usize) -> Result<Held> {
        let mut held = Held(Vec::new());
        while held.0.len() < most
            && let Some(delivery) = self.next().await?
        {
            held.0.push(delivery);
        }
        Ok(held)
    }
}

/// Given back when it is dropped.
pub struct Held(pub Vec<Delivery>);

impl Drop for Held {
    /// The last first: each may go to the front of its queue.
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}
