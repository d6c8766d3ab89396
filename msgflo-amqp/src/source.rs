//! What is received until the link is closed, as a stream.

use std::future::Future;

use futures_util::stream::{self, Stream};
use msgflo_core::{ErrorKind, Result};

/// Gives one item after the other, across connections.
pub(crate) trait Source: Send + 'static {
    type Item: Send;

    /// The next item. An error is final.
    fn next(&mut self) -> impl Future<Output = Result<Self::Item>> + Send;
}

/// A source's items. When the link is closed, they end; any other error is the last of them.
pub(crate) fn items<S: Source>(source: S) -> impl Stream<Item = Result<S::Item>> + Send {
    stream::unfold(Some(source), |source| async {
        let mut source = source?;
        match source.next().await {
            Ok(item) => Some((Ok(item), Some(source))),
            Err(error) if matches!(error.kind(), Some(ErrorKind::Closed(_))) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}
