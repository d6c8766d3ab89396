//! How participants are run.

use std::time::Duration;

use serde_json::Value;

use crate::policy::Policy;
use crate::{Error, Result};

/// How a participant is run; [`Settings::default`] is what [`Network::start`](crate::Network::start) takes.
///
/// ```
/// # use msgflo_core::Settings;
/// let one_at_a_time = Settings { concurrency: 1, ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many messages of an inport are processed at once, and so also how many the broker
    /// hands out before the first is acknowledged. An inport's own `concurrency` goes first.
    pub concurrency: u16,
    /// Participants not heard of for this long count as late: announcements are sent every
    /// `discovery_period / 2.2`.
    pub discovery_period: Duration,
    /// How often the participant tells how long its messages took, while there are any: see
    /// [`statistics`](crate::statistics). While there are none, it tells so every third time. Zero is never.
    pub statistics_period: Duration,
    /// Initial information packets: inport and value, processed before any message.
    pub iips: Vec<(String, Value)>,
    /// How often messages are tried, and when they are given up. What an inport says itself goes
    /// first.
    pub policy: Policy,
    /// How many messages of one inport are processed at once, whatever it says itself.
    pub port_concurrency: Vec<(String, u16)>,
}

/// [`Settings::concurrency`] where nothing else is said: enough for quick messages not to wait for
/// the broker's round trips (measured on RabbitMQ: 1 gives 1,300 messages a second, 10 gives 6,300,
/// 64 gives 14,400), and few enough for slow ones to be shared with workers that come later.
pub const DEFAULT_CONCURRENCY: u16 = 10;

/// [`Settings::discovery_period`] where nothing else is said: 60 s, as in msgflo-nodejs.
pub const DEFAULT_DISCOVERY_PERIOD: Duration = Duration::from_secs(60);

/// [`Settings::statistics_period`] where nothing else is said: some 0.1 messages a second for each
/// participant that is at work, of 1 to 3 KB.
pub const DEFAULT_STATISTICS_PERIOD: Duration = Duration::from_secs(10);

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: DEFAULT_CONCURRENCY,
            discovery_period: DEFAULT_DISCOVERY_PERIOD,
            statistics_period: DEFAULT_STATISTICS_PERIOD,
            iips: Vec::new(),
            policy: Policy::default(),
            port_concurrency: Vec::new(),
        }
    }
}

pub(crate) fn check(settings: &Settings) -> Result<()> {
    settings.policy.check()?;
    let ports = settings.port_concurrency.iter().map(|(_, concurrency)| *concurrency);
    if ports.chain([settings.concurrency]).any(|concurrency| concurrency == 0) {
        return Err(Error::invalid("a concurrency of 0 would process nothing: give 1 or more"));
    }
    if settings.discovery_period < Duration::from_millis(100) {
        return Err(Error::invalid("a discovery period under 0.1 s would flood the broker"));
    }
    let statistics = settings.statistics_period;
    if !statistics.is_zero() && statistics < Duration::from_millis(100) {
        return Err(Error::invalid(
            "a statistics period under 0.1 s would flood the broker; 0 sends none",
        ));
    }
    Ok(())
}
