//! What a client of the hub says of its deliveries.

use std::time::Duration;

use msgflo_core::transport::Settlement;

use super::client::{Answer, Client};
use crate::extras;
use crate::frames::{Malformed, Received};

/// No message waits longer, in milliseconds: 10 years.
const LONGEST_DELAY: u64 = 10 * 365 * 24 * 3600 * 1000;

impl Client {
    pub(super) fn settle(
        &mut self,
        received: &mut Received,
        settlement: Settlement,
    ) -> Result<Answer, Malformed> {
        let mut tags = received.numbers("tags")?;
        let extras = received.optional().filter(|_| settlement == Settlement::Rejected);
        if extras.is_some() && tags.len() > 1 {
            return Err("extras belong to one delivery, and there are several tags".into());
        }
        let Some(unsettled) = self.unsettled.get_mut(&received.number) else {
            return Err(format!("nothing of {} is unsettled", received.number));
        };
        let mut malformed = None;
        if settlement == Settlement::Released {
            // The last first: each goes to the front of its queue.
            tags.sort_unstable_by(|one, other| other.cmp(one));
        }
        for tag in tags {
            match (unsettled.remove(&tag), &settlement) {
                (Some(delivery), Settlement::Acknowledged) => delivery.acknowledge(),
                (Some(delivery), Settlement::Rejected) => {
                    let told = extras
                        .as_ref()
                        .map(|extras| extras::replaced(&delivery.message, extras).map(Box::new));
                    match told.transpose() {
                        Ok(None) => delivery.reject(),
                        Ok(Some(dead)) => delivery.settle_as(Settlement::DeadLettered(dead)),
                        // Without a reason, it is still one.
                        Err(reason) => {
                            delivery.reject();
                            malformed = Some(reason);
                        }
                    }
                }
                (Some(delivery), _) => drop(delivery),
                (None, _) => malformed = Some(format!("delivery {tag} is not unsettled")),
            }
        }
        if unsettled.is_empty() {
            self.unsettled.remove(&received.number);
        }
        malformed.map_or(Ok(Answer::None), Err)
    }

    /// A message that is to come again later, as the client says it is now.
    pub(super) fn retry(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let tag = received.number("tag")?;
        let after = Duration::from_millis(received.number("delay")?.min(LONGEST_DELAY));
        let extras = received.optional();
        let Some(unsettled) = self.unsettled.get_mut(&received.number) else {
            return Err(format!("nothing of {} is unsettled", received.number));
        };
        let Some(delivery) = unsettled.remove(&tag) else {
            return Err(format!("delivery {tag} is not unsettled"));
        };
        if unsettled.is_empty() {
            self.unsettled.remove(&received.number);
        }
        let replaced = extras.map(|extras| extras::replaced(&delivery.message, &extras));
        let (message, outcome) = match replaced.transpose() {
            Ok(message) => (message, Ok(Answer::None)),
            // It comes again as it was.
            Err(reason) => (None, Err(reason)),
        };
        let message = message.unwrap_or_else(|| delivery.message.clone());
        delivery.settle_as(Settlement::Delayed(Box::new(message), after));
        outcome
    }
}
