//! Times, as they are told and stored.

use chrono::{SecondsFormat, Utc};

/// Now, in UTC, as RFC 3339 with milliseconds: `2026-11-24T15:12:00.123Z`. As text, such times
/// compare as they do in time.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
