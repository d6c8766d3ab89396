//! Shows jobs in flight on [statuspage.io](https://developer.statuspage.io/): a point of a role's
//! `metric` on the page `statuspage`, as guv does it.

use std::time::{Duration, SystemTime};

use msgflo::{Error, Result};
use serde_json::{Value, json};
use url::Url;

use crate::config::Role;
use crate::http::{self, PATIENCE, Request};
use crate::secret::Secret;

/// Somebody who may write to pages.
#[derive(Clone, Debug)]
pub struct Statuspage {
    token: Secret,
    page: Option<String>,
    url: Url,
    timeout: Duration,
}

/// What is posted.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Where to.
    pub url: Url,
    /// JSON: the time in whole seconds since 1970, and the value.
    pub body: Value,
}

impl Statuspage {
    /// With an API token.
    pub fn new(token: Secret) -> Self {
        #[allow(clippy::expect_used)] // It is a constant.
        let url = Url::parse("https://api.statuspage.io/v1").expect("a URL");
        Self { token, page: None, url, timeout: PATIENCE }
    }

    /// With the token from `STATUSPAGE_API_TOKEN`, and the page from `STATUSPAGE_ID` for the roles
    /// that name none; `None` if there is no token.
    pub fn from_environment() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let statuspage = Self::new(variable("STATUSPAGE_API_TOKEN")?.into());
        Some(Self { page: variable("STATUSPAGE_ID"), ..statuspage })
    }

    /// The page of the roles that name none.
    pub fn with_page(mut self, page: impl Into<String>) -> Self {
        self.page = Some(page.into());
        self
    }

    /// Asks another server than `https://api.statuspage.io/v1`.
    pub fn with_url(mut self, url: Url) -> Self {
        self.url = url;
        self
    }

    /// Waits so long for an answer. 10 s by default.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The point for so many jobs; `None` if the role has no metric or no page.
    pub fn point(&self, role: &Role, jobs: u64, at: SystemTime) -> Option<Point> {
        let metric = role.metric.as_deref().filter(|metric| !metric.is_empty())?;
        let page = role.statuspage.as_deref().or(self.page.as_deref());
        let page = page.filter(|page| !page.is_empty())?;
        let mut url = self.url.clone();
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty().extend(["pages", page, "metrics", metric, "data"]);
        drop(path);
        let time = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let body = json!({ "data": { "timestamp": time.as_secs(), "value": jobs } });
        Some(Point { url, body })
    }

    /// Posts the jobs that a role has now, waiting and in flight, if it has a metric. A failure is a
    /// warning in the log: scaling goes on.
    pub async fn report(&self, role: &Role, jobs: u64) {
        if let Err(error) = self.post(role, jobs).await {
            tracing::warn!(role = role.name, "{error}");
        }
    }

    /// Posts the jobs that a role has now, if it has a metric.
    ///
    /// # Errors
    /// If statuspage.io cannot be reached, or refuses the point.
    pub async fn post(&self, role: &Role, jobs: u64) -> Result<()> {
        let Some(Point { url, body }) = self.point(role, jobs, SystemTime::now()) else {
            return Ok(());
        };
        let cannot = |why| {
            Error::message(format!("cannot post a metric of role `{}` to {url}: {why}", role.name))
        };
        let answer = http::send(Request {
            method: "POST",
            url: url.to_string(),
            headers: vec![
                ("Authorization", format!("OAuth {}", &*self.token)),
                ("Content-Type", "application/json".into()),
            ],
            body: Some(body),
            authorities: None,
            patience: self.timeout,
        })
        .await
        .map_err(cannot)?;
        let advice = match answer.status {
            200..=299 => return Ok(()),
            401 | 403 => "is STATUSPAGE_API_TOKEN right, and of a user of that page?",
            404 => "are `statuspage` and `metric` the page's and the metric's identifiers?",
            420 | 429 => {
                "it takes one request in a second for a token; a longer `pollinterval` needs fewer"
            }
            _ => "it will be tried again",
        };
        let (status, excerpt) = (answer.status, answer.excerpt());
        Err(cannot(format!("it answered {status}: {excerpt}; {advice}")))
    }
}
