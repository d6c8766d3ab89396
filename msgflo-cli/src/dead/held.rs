//! Dead letters in hand: taken from their queue to be looked at, and given back.

use std::time::Duration;

use msgflo::bytes::Bytes;
use msgflo::transport::{Deliveries, Delivery, Transport};
use msgflo::{ErrorKind, Result};
use tokio::time::timeout;

/// So many can be in hand at once.
pub const MOST: u16 = u16::MAX;
/// So long without a dead letter, and there are no more.
const QUIET: Duration = Duration::from_secs(2);
/// Where more must come: another has them in hand, or the machine is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// The dead letters of a queue.
pub struct Queue {
    deliveries: Deliveries,
    /// How many there were, where the broker tells.
    pub waiting: Option<u64>,
    taken: u64,
}

/// How many dead letters of a queue there are, where the broker tells.
///
/// # Errors
/// If there is no such queue.
pub async fn waiting(transport: &dyn Transport, dead: &str) -> Result<Option<u64>> {
    match transport.statistics(dead).await {
        Ok(statistics) => Ok(Some(statistics.waiting)),
        Err(error) if matches!(error.kind(), Some(ErrorKind::Unsupported { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Queue {
    /// The dead letters that wait, of which so many are wanted at most.
    pub async fn open(transport: &dyn Transport, dead: &str, most: u64) -> Result<Self> {
        let waiting = waiting(transport, dead).await?;
        // More is handed out to nobody else meanwhile.
        let most = most.min(waiting.unwrap_or(u64::MAX));
        let prefetch = u16::try_from(most).unwrap_or(MOST).max(1);
        let deliveries = transport.consume(dead, prefetch).await?;
        Ok(Self { deliveries, waiting, taken: 0 })
    }

    /// The next, with its place among them, of those that were there when it was opened, as far as that can
    /// be known. `None` if there are no more, or the broker hands out no more before some are settled.
    pub async fn next(&mut self) -> Result<Option<(u64, Delivery)>> {
        let patience = match self.waiting {
            Some(waiting) if self.taken >= waiting => return Ok(None),
            Some(_) => PATIENCE,
            None => QUIET,
        };
        match timeout(patience, self.deliveries.next()).await {
            Ok(Some(delivery)) => {
                self.taken += 1;
                delivery.map(|delivery| Some((self.taken, delivery)))
            }
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// How many are known to be there and were not taken.
    pub fn left(&self) -> u64 {
        self.waiting.map_or(0, |waiting| waiting.saturating_sub(self.taken))
    }
}

/// Given back in their order when it is dropped.
#[derive(Default)]
pub struct Held(Vec<(u64, Delivery)>);

impl Held {
    pub fn add(&mut self, place: u64, mut delivery: Delivery) {
        // The broker has it still; many large ones would not fit here.
        delivery.message.payload = Bytes::new();
        self.0.push((place, delivery));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_full(&self) -> bool {
        self.0.len() >= usize::from(MOST)
    }
}

impl Drop for Held {
    /// The last first: each may go to the front of its queue.
    fn drop(&mut self) {
        self.0.sort_by_key(|(place, _)| *place);
        while self.0.pop().is_some() {}
    }
}
