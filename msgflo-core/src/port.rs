//! The field of a participant that receives.

use std::fmt;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use crate::{ErrorKind, Result};

/// Where a participant receives. `#[inport(process = method)]` names the method that each
/// message is handed to.
pub struct Inport<P> {
    link: Option<InportLink<P>>,
    carries: PhantomData<fn(P)>,
}

struct InportLink<P> {
    id: String,
    hidden: bool,
    feed: Feed<P>,
}

type Feed<P> = Box<dyn Fn(P) -> BoxFuture<'static, Result<()>> + Send + Sync>;

impl<P> Inport<P> {
    pub(crate) fn connect(
        &mut self,
        id: &str,
        hidden: bool,
        feed: impl Fn(P) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static,
    ) {
        self.link = Some(InportLink { id: id.into(), hidden, feed: Box::new(feed) });
    }

    /// Hands a value to a `hidden` inport: this is how a source, such as an HTTP server or a
    /// timer, feeds itself. Returns what the inport's method returned.
    ///
    /// # Errors
    /// Those of the method; and if the port is not hidden (it has a queue, through which
    /// workers share what is sent to it) or its participant was not started.
    pub async fn send(&self, value: P) -> Result<()> {
        match &self.link {
            None => Err(not_started("inport").into()),
            Some(link) if !link.hidden => Err(crate::Error::invalid(format!(
                "inport `{0}` has a queue: send to that, or make `{0}` hidden",
                link.id
            ))),
            Some(link) => (link.feed)(value).await,
        }
    }
}

impl<P> Default for Inport<P> {
    fn default() -> Self {
        Self { link: None, carries: PhantomData }
    }
}

impl<P> fmt::Debug for Inport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.link.as_ref().map(|link| link.id.as_str());
        f.debug_tuple("Inport").field(&id.unwrap_or("not connected")).finish()
    }
}

pub(crate) fn not_started(what: &str) -> ErrorKind {
    ErrorKind::Closed(format!(
        "this {what} is not connected: its participant must be started first, with `msgflo::run` or `network.start`"
    ))
}
