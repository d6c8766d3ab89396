//! `msgflo replay`: dead letters back into their queue.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt;
use msgflo::transport::{Copies, Delivery, Direction, Target, Transport};
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
        let moved = move_back(transport, &dead, queue, limit, waiting.is_some()).await?;
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

async fn move_back(
    transport: &dyn Transport,
    dead: &str,
    queue: &str,
    limit: u64,
    is_known: bool,
) -> Result<u64> {
    if limit == 0 {
        return Ok(0);
    }
    // Where nobody knows how many there were at the start, it is told what comes meanwhile.
    let mut arrivals = match is_known {
        true => None,
        false => Some(Arrivals::new(transport.tap(dead, Direction::Out).await?)),
    };
    let prefetch = if is_known { PREFETCH } else { u16::MAX };
    let mut deliveries = transport.consume(dead, prefetch).await?;
    let mut moved = 0;
    // Released at the end.
    let mut held: Vec<Delivery> = Vec::new();
    while moved < limit
        && let Ok(Some(delivery)) = timeout(QUIET, deliveries.next()).await
    {
        let delivery = delivery?;
        if arrivals.as_mut().is_some_and(|arrivals| arrivals.take(&delivery.message.payload)) {
            held.push(delivery);
            continue;
        }
        transport.publish(Target::Inport(queue), delivery.message.clone()).await?;
        delivery.acknowledge();
        moved += 1;
    }
    Ok(moved)
}

/// Dead letters that came since the start, and how often each.
struct Arrivals {
    copies: Copies,
    payloads: HashMap<Vec<u8>, u64>,
}

impl Arrivals {
    fn new(copies: Copies) -> Self {
        Self { copies, payloads: HashMap::new() }
    }

    /// Whether such a message has come, more often than it was taken. If there was one like it
    /// before, that is left instead, which comes to the same.
    fn take(&mut self, payload: &[u8]) -> bool {
        while let Some(Some(Ok(message))) = self.copies.next().now_or_never() {
            *self.payloads.entry(message.payload.to_vec()).or_default() += 1;
        }
        let Some(count) = self.payloads.get_mut(payload) else { return false };
        *count -= 1;
        if *count == 0 {
            self.payloads.remove(payload);
        }
        true
    }
}
