//! Sending a message in place of a delivery: to the dead letters, or to come again later.

use std::sync::Weak;
use std::time::Duration;

use msgflo_core::transport::{Settlement, Target};
use msgflo_core::{ErrorKind, Message};
use tracing::warn;

use crate::acknowledgement::Answer;
use crate::connection::Link;
use crate::publisher;
use crate::topology::dead_letter_name;

/// Returns what the broker is to be told of the delivery; nothing, if it comes again by itself.
pub(crate) async fn resend(
    link: Weak<Link>,
    queue: &str,
    settlement: Settlement,
) -> Option<Answer> {
    let link = link.upgrade()?;
    match settlement {
        Settlement::Acknowledged => Some(Answer::Acknowledge),
        Settlement::Rejected => Some(Answer::Reject),
        Settlement::DeadLettered(message) => {
            let dead = dead_letter_name(queue);
            match publisher::publish(&link, Target::Outport(&dead), *message).await {
                Ok(()) => Some(Answer::Acknowledge),
                Err(error) if is_closed(&error) => None,
                Err(error) => {
                    warn!("a dead letter of `{queue}` goes without its reasons: {error}");
                    Some(Answer::Reject)
                }
            }
        }
        Settlement::Delayed(message, after) => delay(&link, queue, *message, after).await,
        _ => Some(Answer::Release),
    }
}

async fn delay(link: &Link, queue: &str, message: Message, after: Duration) -> Option<Answer> {
    let target = Target::Inport(queue);
    let mut sent = match after {
        Duration::ZERO => publisher::publish(link, target, message.clone()).await,
        after => publisher::publish_later(link, target, message.clone(), after).await,
    };
    if let Err(error) = &sent
        && !is_closed(error)
        && !after.is_zero()
    {
        warn!("a message of `{queue}` waits in this process for its next attempt: {error}");
        tokio::time::sleep(after).await;
        sent = publisher::publish(link, target, message).await;
    }
    match sent {
        Ok(()) => Some(Answer::Acknowledge),
        Err(error) if is_closed(&error) => None,
        Err(error) => {
            warn!("a message of `{queue}` is tried again at once, as it cannot wait: {error}");
            Some(Answer::Release)
        }
    }
}

fn is_closed(error: &msgflo_core::Error) -> bool {
    matches!(error.kind(), Some(ErrorKind::Closed(_)))
}
