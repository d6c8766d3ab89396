//! Whether what was not fetched may be fetched later.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use crate::images::Unusable;

/// Why an image was not fetched.
#[derive(Debug)]
pub enum NotFetched {
    /// To ask again would change nothing.
    ForGood(Unusable),
    /// It may be there later: after so long, where its origin says so.
    ForNow { reason: String, after: Option<Duration> },
}

/// Nobody waits longer for an image, whatever its origin says.
const LONGEST: Duration = Duration::from_secs(3600);

impl NotFetched {
    pub fn for_now(reason: String) -> Self {
        Self::ForNow { reason, after: None }
    }

    /// From an answer that is no success.
    pub fn answer(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let reason = format!("the answer is {status}");
        let is_passing = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if !is_passing {
            return Self::ForGood(Unusable(reason));
        }
        let after = headers.get(RETRY_AFTER).and_then(|value| time(value.to_str().ok()?, now));
        match after {
            Some(after) if after > LONGEST => Self::ForGood(Unusable(format!(
                "{reason}, to ask again in {} s, which is too long to wait",
                after.as_secs()
            ))),
            after => Self::ForNow { reason, after },
        }
    }

    /// With the URL before the reason.
    pub fn of(self, url: &Url) -> Self {
        let named = |reason: String| format!("cannot fetch {url}: {reason}");
        match self {
            Self::ForGood(Unusable(reason)) => Self::ForGood(Unusable(named(reason))),
            Self::ForNow { reason, after } => Self::ForNow { reason: named(reason), after },
        }
    }
}

impl From<Unusable> for NotFetched {
    fn from(unusable: Unusable) -> Self {
        Self::ForGood(unusable)
    }
}

/// A number of seconds, or a date.
fn time(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    // A date that is past is now.
    Some((date.to_utc() - now).to_std().unwrap_or_default())
}
