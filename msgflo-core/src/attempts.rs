//! Trying to reach a broker until it answers or the time is up.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{info, warn};

use crate::pauses::Pauses;
use crate::{ErrorKind, Result};

/// The last attempt gets this long too: clients do not like to be broken off at once.
const SHORTEST: Duration = Duration::from_secs(1);

/// After so long, it is told that it takes long.
const SILENCE: Duration = Duration::from_secs(5);

/// Why an attempt to connect failed.
#[derive(Debug)]
pub enum Failure {
    /// The broker does not want us, and will not at the next attempt: why, and what to check.
    Denied(String),
    /// It may be better at the next attempt.
    Failed(String),
}

/// Tries to connect, with longer and longer pauses, until `patience` is over, with a line at
/// info level for each attempt, and a warning after 5 s. `attempt` is told how long it may take at most.
///
/// # Errors
/// At once what is denied; else what the last attempt failed at, when the time is up.
pub async fn try_to_connect<C, F>(
    url: &str,
    patience: Duration,
    mut attempt: impl FnMut(Duration) -> F,
) -> Result<C>
where
    F: Future<Output = Result<C, Failure>>,
{
    let started = Instant::now();
    let mut is_told = false;
    let mut pauses = Pauses::default();
    let left = || patience.saturating_sub(started.elapsed());
    for number in 1u32.. {
        let reason = match attempt(left().max(SHORTEST)).await {
            Ok(connection) => return Ok(connection),
            Err(Failure::Denied(reason)) => {
                return Err(ErrorKind::Refused { url: url.into(), reason }.into());
            }
            Err(Failure::Failed(reason)) => reason,
        };
        if left().is_zero() {
            return Err(
                ErrorKind::Unreachable { url: url.into(), timeout: patience, reason }.into()
            );
        }
        let pause = pauses.longer().min(left());
        // Not at once: who starts a participant together with its broker need not be alarmed.
        if !is_told && started.elapsed() > SILENCE {
            is_told = true;
            warn!("cannot connect to {url} yet: {reason}; it is tried for {:.0?} more", left());
        }
        info!("cannot connect to {url} (attempt {number}): {reason}; again in {pause:.1?}");
        sleep(pause).await;
    }
    unreachable!("attempts are only bounded by time")
}
