//! What becomes of a message: decided here alone, for every transport, and without doing anything.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result, Verdict};

/// How often a message is tried, and when it is given up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How often a message is tried before it becomes a dead letter: 1 or more.
    pub attempts: u32,
    /// How long it waits between two attempts.
    pub backoff: Backoff,
    /// An attempt that takes longer has failed.
    pub timeout: Option<Duration>,
    /// A message that was delivered so often and never settled, as it ends the process each time, is a
    /// dead letter. 0 is never.
    pub max_deliveries: u32,
}

/// One attempt, and no limit to its time.
pub const DEFAULT_ATTEMPTS: u32 = 1;
/// [`Policy::backoff`] where there are attempts and nothing else is said.
pub const DEFAULT_BACKOFF: Backoff =
    Backoff { shortest: Duration::from_secs(1), longest: Duration::from_secs(300) };
/// [`Policy::max_deliveries`] where nothing else is said, as with RabbitMQ's quorum queues.
pub const DEFAULT_MAX_DELIVERIES: u32 = 20;
/// The longest pause between two attempts: brokers count milliseconds in 32 bits.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 24 * 3600);

/// From so many deliveries on, a message is suspected to end the process: nothing else runs beside it.
const SUSPICIOUS: u32 = 3;
/// A suspect is put off for so long, doubled each time, so that what was delivered together with it is
/// done before it comes again.
const PUT_OFF: Duration = Duration::from_millis(500);
const PUT_OFF_LONGEST: Duration = Duration::from_secs(10);

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: DEFAULT_ATTEMPTS,
            backoff: DEFAULT_BACKOFF,
            timeout: None,
            max_deliveries: DEFAULT_MAX_DELIVERIES,
        }
    }
}

/// The pause between two attempts: doubled each time, from the shortest to the longest, with jitter.
///
/// ```
/// use msgflo_core::Backoff;
///
/// let backoff: Backoff = "1s..5m".parse().unwrap();
/// assert_eq!(backoff.longest().as_secs(), 300);
/// assert!("5s".parse::<Backoff>().is_ok());
/// assert!("5m..1s".parse::<Backoff>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
}

impl Backoff {
    /// # Errors
    /// If the shortest pause is longer than the longest, or that is over 24 days.
    pub fn new(shortest: Duration, longest: Duration) -> Result<Self> {
        if shortest > longest {
            return Err(Error::invalid(format!(
                "a backoff of {shortest:?} to {longest:?} is upside down: write the shorter pause first, like 1s..5m"
            )));
        }
        if longest > LONGEST_PAUSE {
            return Err(Error::invalid(format!(
                "a backoff of up to {longest:?} is too long: 24 days are the most"
            )));
        }
        Ok(Self { shortest, longest })
    }

    /// What the derive has checked.
    #[doc(hidden)]
    pub const fn checked(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest }
    }

    /// The pause before the second attempt, and the least of all.
    pub fn shortest(&self) -> Duration {
        self.shortest
    }

    /// The longest pause.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The pause behind an attempt (1, 2, …). `chance` is from 0 to 1: between half and all of the pause.
    fn pause(&self, attempt: u32, chance: f64) -> Duration {
        let doubled =
            self.shortest.saturating_mul(1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let pause = doubled.min(self.longest).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        pause.max(self.shortest)
    }
}

impl FromStr for Backoff {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
        Self::new(parse_duration(shortest)?, parse_duration(longest)?)
    }
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.shortest))?;
        if self.longest > self.shortest {
            write!(f, "..{}", humantime::format_duration(self.longest))?;
        }
        Ok(())
    }
}

/// Reads a time like `500ms`, `60s`, `5m`, `1h 30m`.
///
/// # Errors
/// If it has no unit, or is none.
pub fn parse_duration(text: &str) -> Result<Duration> {
    humantime::parse_duration(text.trim()).map_err(|error| {
        Error::invalid(format!(
            "`{text}` is not a time ({error}): write it like 500ms, 60s, 5m or 1h"
        ))
    })
}

/// What to do with a message whose attempt failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Another attempt, with this number, after so long.
    Retry {
        attempt: u32,
        after: Duration,
    },
    DeadLetter,
    /// Back to the queue, as if it had not been tried.
    Release,
}

/// What to do with a message that has come, before it is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Admission {
    Run,
    /// With nothing else in flight: it may end the process.
    RunAlone,
    /// Send it again, with so many deliveries counted, and have it come after so long.
    PutOff {
        deliveries: u32,
        after: Duration,
    },
    /// It was delivered so often, and never settled.
    Poison {
        deliveries: u32,
    },
}

/// What is known of how often a message was delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Delivered {
    /// How often, this time included.
    pub(crate) deliveries: u32,
    /// Whether the count is with the broker. Else it is in a header, and must be written there before
    /// the message is tried.
    pub(crate) is_counted: bool,
    /// Whether it may have been delivered since the count was written.
    pub(crate) redelivered: bool,
}

impl Policy {
    /// Whether all of it can be.
    pub(crate) fn check(&self) -> Result<()> {
        if self.attempts == 0 {
            return Err(Error::invalid("0 attempts would process nothing: give 1 or more"));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Error::invalid(
                "a timeout of 0 would let nothing succeed: give more, or none",
            ));
        }
        Ok(())
    }

    /// After an attempt (1, 2, …) that failed. `chance` gives a number from 0 to 1.
    pub(crate) fn decide(
        &self,
        verdict: Option<Verdict>,
        attempt: u32,
        chance: impl FnOnce() -> f64,
    ) -> Decision {
        match verdict {
            Some(Verdict::Release) => Decision::Release,
            Some(Verdict::Permanent) => Decision::DeadLetter,
            _ if attempt >= self.attempts => Decision::DeadLetter,
            Some(Verdict::RetryAfter(after)) => {
                Decision::Retry { attempt: attempt + 1, after: after.min(LONGEST_PAUSE) }
            }
            None => Decision::Retry {
                attempt: attempt + 1,
                after: self.backoff.pause(attempt, chance()),
            },
        }
    }

    /// Before an attempt.
    pub(crate) fn admit(&self, delivered: Delivered) -> Admission {
        let Delivered { deliveries, is_counted, redelivered } = delivered;
        if self.max_deliveries == 0 {
            return Admission::Run;
        }
        // This delivery is one of them, and has not gone wrong yet.
        if deliveries > self.max_deliveries {
            return Admission::Poison { deliveries: deliveries - 1 };
        }
        if redelivered && !is_counted {
            let after = match deliveries {
                // A lost connection does this, too.
                0..=2 => Duration::ZERO,
                more => put_off(more),
            };
            return Admission::PutOff { deliveries: deliveries - 1, after };
        }
        if deliveries >= SUSPICIOUS { Admission::RunAlone } else { Admission::Run }
    }
}

/// How long a message waits that was delivered so often and never settled, before it is delivered
/// again: what was delivered together with it is done by then. For transports that count deliveries.
pub fn put_off(deliveries: u32) -> Duration {
    if deliveries < SUSPICIOUS {
        return Duration::ZERO;
    }
    let doubled = PUT_OFF.saturating_mul(1 << (deliveries - SUSPICIOUS).min(10));
    doubled.min(PUT_OFF_LONGEST)
}

/// Whether a message that was delivered so often is to be in a consumer's hands alone. For transports
/// that count deliveries.
pub fn is_suspicious(deliveries: u32) -> bool {
    deliveries >= SUSPICIOUS
}

#[cfg(test)]
mod tests;
