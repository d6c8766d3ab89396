//! Times, as they are told and stored.

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};

/// Now, in UTC, as RFC 3339 with milliseconds: `2026-11-24T15:12:00.123Z`. As text, such times
/// compare as they do in time.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// So long ago, in the same way. `None` if that is before there were times.
pub fn before(ago: Duration) -> Option<String> {
    let time = Utc::now().checked_sub_signed(TimeDelta::from_std(ago).ok()?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
