//! A limit on a request's body.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::refusal::Refusal;

/// How long the rest of a body that is too large is read.
const DRAIN: Duration = Duration::from_secs(10);

/// The body, which fails with [`TooLarge`] past `max` bytes.
///
/// Before it does, the rest is read and thrown away: most clients read no answer before they
/// have sent everything, and would only see the connection break. A client that waits for
/// `100 Continue` is refused before it sends anything.
pub fn limit(headers: &HeaderMap, body: Body, max: u64) -> Result<Body, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|bytes| bytes.to_str().ok()?.parse::<u64>().ok());
    if headers.contains_key(header::EXPECT) && announced.is_some_and(|bytes| bytes > max) {
        return Err(TooLarge(max).into());
    }
    let state = Some((body.into_data_stream(), 0));
    Ok(Body::from_stream(stream::try_unfold(state, move |state| async move {
        let Some((mut body, before)) = state else { return Ok(None) };
        let Some(chunk) = body.next().await else { return Ok(None) };
        let chunk = chunk?;
        let bytes = before + chunk.len() as u64;
        if bytes > max {
            drain(body).await;
            return Err(axum::Error::new(TooLarge(max)));
        }
        Ok(Some((chunk, Some((body, bytes)))))
    })))
}

async fn drain(mut body: BodyDataStream) {
    // A client that takes longer sees the connection break.
    let _ = timeout(DRAIN, async { while let Some(Ok(_)) = body.next().await {} }).await;
}

/// The body has more bytes than this.
#[derive(Debug)]
pub struct TooLarge(u64);

impl TooLarge {
    /// Finds it among an error's causes.
    pub fn cause_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(too_large) = error.downcast_ref() {
                return Some(too_large);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request is too large: at most {} bytes are taken", self.0)
    }
}

impl StdError for TooLarge {}

impl From<TooLarge> for Refusal {
    fn from(too_large: TooLarge) -> Self {
        (&too_large).into()
    }
}

impl From<&TooLarge> for Refusal {
    fn from(too_large: &TooLarge) -> Self {
        Self::too_large(too_large.to_string())
    }
}
