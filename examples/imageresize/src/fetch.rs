//! Images from the web, and from there only: what is at a private address is not for everybody
//! who can send a URL.

mod address;
mod retry;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::Utc;
use msgflo::Result;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response};
use url::{Host, Url};

use crate::images::Unusable;
pub use retry::NotFetched;

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 5;

/// Fetches images.
pub struct Fetcher {
    client: Client,
    max_bytes: u64,
    allow_private: bool,
}

impl Fetcher {
    /// Fetches up to `max_bytes`; from private addresses only if they are allowed.
    pub fn new(max_bytes: u64, allow_private: bool) -> Result<Self> {
        let follow = move |attempt: Attempt<'_>| {
            if attempt.previous().len() > MAX_REDIRECTS {
                return attempt.error(Unusable(format!("more than {MAX_REDIRECTS} redirects")));
            }
            match check(attempt.url(), allow_private) {
                Ok(()) => attempt.follow(),
                Err(unusable) => attempt.error(unusable),
            }
        };
        let mut client = Client::builder()
            .user_agent(concat!("imageresize/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            // A proxy would look names up by itself.
            .no_proxy()
            .redirect(Policy::custom(follow));
        if !allow_private {
            client = client.dns_resolver(PublicOnly);
        }
        Ok(Self { client: client.build().map_err(msgflo::Error::new)?, max_bytes, allow_private })
    }

    /// What is at a URL.
    pub async fn fetch(&self, url: &Url) -> Result<Bytes, NotFetched> {
        self.try_fetch(url).await.map_err(|error| error.of(url))
    }

    async fn try_fetch(&self, url: &Url) -> Result<Bytes, NotFetched> {
        check(url, self.allow_private)?;
        let mut response = self.client.get(url.clone()).send().await.map_err(reason)?;
        if !response.status().is_success() {
            return Err(NotFetched::answer(response.status(), response.headers(), Utc::now()));
        }
        self.read(&mut response).await
    }

    async fn read(&self, response: &mut Response) -> Result<Bytes, NotFetched> {
        let too_large = || Unusable(format!("it has more than {} bytes", self.max_bytes));
        if response.content_length().is_some_and(|bytes| bytes > self.max_bytes) {
            return Err(too_large().into());
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(reason)? {
            if (bytes.len() + chunk.len()) as u64 > self.max_bytes {
                return Err(too_large().into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

/// Whether a URL can be fetched, as far as it tells by itself.
pub fn check(url: &Url, allow_private: bool) -> Result<(), Unusable> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Unusable(format!("its scheme is `{}`, not http or https", url.scheme())));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    if allow_private || address::is_public(address) { Ok(()) } else { Err(private()) }
}

fn private() -> Unusable {
    Unusable(
        "it is at a private address (the service can be started with --allow-private-urls)".into(),
    )
}

/// Looks names up, and keeps to public addresses. As the connection is made to just these, a
/// name cannot point elsewhere between check and use.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                all.filter(|address| address::is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Box::from(private()));
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// The cause at the bottom, which is what tells something.
fn reason(error: reqwest::Error) -> NotFetched {
    if error.is_timeout() {
        return NotFetched::for_now(format!("it takes longer than {} s", TIMEOUT.as_secs()));
    }
    let mut cause: &dyn StdError = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // What is refused here is refused the next time; a connection may be had then.
    if cause.is::<Unusable>() || error.is_redirect() || error.is_builder() {
        NotFetched::ForGood(Unusable(cause.to_string()))
    } else {
        NotFetched::for_now(cause.to_string())
    }
}
