//! Dropping what was seen before.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::Result;
use crate::processing::Context;

/// Tells messages that come again from new ones, by their identifiers: brokers deliver at least once.
///
/// ```
/// use msgflo_core::{Context, Deduplicate, Result};
///
/// # async fn charge(_: u32) -> Result<()> { Ok(()) }
/// struct Charge {
///     seen: Deduplicate,
/// }
///
/// impl Charge {
///     async fn charge(&self, cents: u32, context: Context) -> Result<()> {
///         if !self.seen.is_new(&context).await? {
///             return Ok(());
///         }
///         charge(cents).await?;
///         self.seen.remember(&context).await
///     }
/// }
/// let charge = Charge { seen: Deduplicate::in_memory(10_000) };
/// ```
///
/// A message is remembered when its work is done: one that failed is new when it comes again. Two copies
/// that are processed at the same moment are both new, and so is what comes without an identifier. What must
/// not happen twice under any circumstances belongs into the transaction in which the work is done: an
/// insert of [`Context::id`] into a table with a unique key.
pub struct Deduplicate<S = Window>(S);

/// Where identifiers are kept: implement it on a database, so that all workers share them.
#[async_trait]
pub trait Seen: Send + Sync {
    /// Whether the identifier is there.
    async fn contains(&self, id: &str) -> Result<bool>;

    /// Keeps the identifier. Old ones may be forgotten.
    async fn insert(&self, id: &str) -> Result<()>;
}

impl Deduplicate {
    /// Keeps the latest so many identifiers in this process.
    pub fn in_memory(window: usize) -> Self {
        Self(Window { window: window.max(1), ids: Mutex::default() })
    }
}

impl<S: Seen> Deduplicate<S> {
    /// Keeps identifiers where `seen` does.
    pub fn with(seen: S) -> Self {
        Self(seen)
    }

    /// Whether the message was not remembered. One without an identifier is always new.
    ///
    /// # Errors
    /// Those of the place where they are kept.
    pub async fn is_new(&self, context: &Context) -> Result<bool> {
        match context.id() {
            Some(id) => self.0.contains(id).await.map(|seen| !seen),
            None => Ok(true),
        }
    }

    /// Remembers the message.
    ///
    /// # Errors
    /// Those of the place where they are kept.
    pub async fn remember(&self, context: &Context) -> Result<()> {
        match context.id() {
            Some(id) => self.0.insert(id).await,
            None => Ok(()),
        }
    }
}

/// The latest identifiers, in memory.
pub struct Window {
    window: usize,
    ids: Mutex<Ids>,
}

#[derive(Default)]
struct Ids {
    known: HashSet<Arc<str>>,
    in_order: VecDeque<Arc<str>>,
}

#[async_trait]
impl Seen for Window {
    async fn contains(&self, id: &str) -> Result<bool> {
        Ok(self.ids.lock().unwrap_or_else(PoisonError::into_inner).known.contains(id))
    }

    async fn insert(&self, id: &str) -> Result<()> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let id: Arc<str> = id.into();
        if ids.known.insert(id.clone()) {
            ids.in_order.push_back(id);
            if ids.in_order.len() > self.window
                && let Some(oldest) = ids.in_order.pop_front()
            {
                ids.known.remove(&oldest);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_window_is_bounded() {
        let Deduplicate(window) = Deduplicate::in_memory(2);
        for id in ["a", "b", "b", "c"] {
            window.insert(id).await.unwrap();
        }
        let seen = |id| window.contains(id);
        assert!(!seen("a").await.unwrap());
        assert!(seen("b").await.unwrap() && seen("c").await.unwrap());
    }
}
