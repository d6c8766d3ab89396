//! `msgflo replay`: dead letters back into their queue.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt;
use msgflo::transport::{Delivery, Direction, Target, Transport};
use msgflo::{ErrorKind, Result};
use tokio::time::timeout;

use crate::broker::Broker;

/// So long without a dead letter, and there are no more.
const QUIET: Duration = Duration::from_secs(2);
/// How many are in hand at once, where their number is known before.
const PREFETCH: u16 = 10;

/// Move dead letters back into the queue that they failed in
///
/// Each is acknowledged when the queue has it, so that none is lost; if this is interrupted, one may
/// be there twice. What fails again meanwhile is not moved again: it stays among the dead letters.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo replay --queue resize.IN --dry-run
  msgflo replay --queue resize.IN --count 1")]
pub struct Replay {
    #[command(flatten)]
    broker: Broker,
    /// The inport's queue, as in `msgflo ps`
    #[arg(long)]
    queue: String,
    /// Move so many at most
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Only tell how many there are
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub async fn run(self) -> Result<()> {
        self.broker.with(async |network| self.replay(&**network.transport()).await).await
    }

    async fn replay(&self, transport: &dyn Transport) -> Result<()> {
        let (queue, dead) = (&self.queue, transport.dead_letter_queue(&self.queue));
        let waiting = match transport.statistics(&dead).await {
            Ok(statistics) => Some(statistics.waiting),
            Err(error) if matches!(error.kind(), Some(ErrorKind::Unsupported { .. })) => None,
            Err(error) => return Err(error),
        };
        let limit = self.count.unwrap_or(u64::MAX).min(waiting.unwrap_or(u64::MAX));
        if self.dry_run {
            let (at_least, found) = match waiting {
                Some(_) => ("", limit),
                // The broker hands out no more before some are settled.
                None => ("at least ", count(transport, &dead, limit).await?),
            };
            println!("{at_least}{} would be moved from `{dead}` to `{queue}`", messages(found));
            return Ok(());
        }
        let moved = match waiting {
            Some(_) => move_first(transport, &dead, queue, limit).await?,
            None => move_all(transport, &dead, queue, limit).await?,
        };
        println!("{} moved from `{dead}` to `{queue}`", messages(moved));
        Ok(())
    }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".into() } else { format!("{count} messages") }
}

async fn count(transport: &dyn Transport, dead: &str, limit: u64) -> Result<u64> {
    let mut deliveries = transport.consume(dead, u16::MAX).await?;
    // Released at the end.
    let mut held: Vec<Delivery> = Vec::new();
    while (held.len() as u64) < limit
        && let Ok(Some(delivery)) = timeout(QUIET, deliveries.next()).await
    {
        held.push(delivery?);
    }
    Ok(held.len() as u64)
}

/// Moves the first so many: what fails again comes behind them.
async fn move_first(transport: &dyn Transport, dead: &str, queue: &str, limit: u64) -> Result<u64> {
    let mut moved = 0;
    if limit == 0 {
        return Ok(moved);
    }
    let mut deliveries = transport.consume(dead, PREFETCH).await?;
    while moved < limit
        && let Ok(Some(delivery)) = timeout(QUIET, deliveries.next()).await
    {
        move_one(transport, queue, delivery?).await?;
        moved += 1;
    }
    Ok(moved)
}

/// Moves all, where nobody knows how many there are. Of those that are like one that was moved, a tap
/// tells how many have come since: so many have failed again, and stay.
async fn move_all(transport: &dyn Transport, dead: &str, queue: &str, limit: u64) -> Result<u64> {
    let mut copies = transport.tap(dead, Direction::Out).await?;
    let mut arrived: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut deliveries = transport.consume(dead, u16::MAX).await?;
    let (mut moved, mut seen) = (0, HashSet::new());
    // Released at the end.
    let mut doubtful: Vec<Delivery> = Vec::new();
    while moved < limit {
        match timeout(QUIET, deliveries.next()).await {
            Ok(Some(delivery)) => {
                let delivery = delivery?;
                if seen.insert(delivery.message.payload.to_vec()) {
                    move_one(transport, queue, delivery).await?;
                    moved += 1;
                } else {
                    doubtful.push(delivery);
                }
            }
            Ok(None) => break,
            // By now, the tap has told of all that are in doubt.
            Err(_) => {
                while let Some(Some(Ok(message))) = copies.next().now_or_never() {
                    *arrived.entry(message.payload.to_vec()).or_default() += 1;
                }
                let mut failed_again = arrived.clone();
                let old = |delivery: &mut Delivery| match failed_again
                    .get_mut(&delivery.message.payload[..])
                {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        false
                    }
                    _ => true,
                };
                let old: Vec<_> = doubtful.extract_if(.., old).collect();
                if old.is_empty() {
                    break;
                }
                for delivery in old.into_iter().take((limit - moved) as usize) {
                    move_one(transport, queue, delivery).await?;
                    moved += 1;
                }
            }
        }
    }
    Ok(moved)
}

/// Acknowledged when it is there, it is nowhere missing.
async fn move_one(transport: &dyn Transport, queue: &str, delivery: Delivery) -> Result<()> {
    transport.publish(Target::Inport(queue), delivery.message.clone()).await?;
    delivery.acknowledge();
    Ok(())
}
