//! What a broker and the workers tell of a role's queue.
//!
//! [`Source`] is where readings come from; [`BrokerSource`] asks the broker, and listens to what participants
//! tell of their work. [`Reports`] is what they told, and apart from any connection.

mod broker;
mod depth;
mod figures;
mod growing;
mod recent;
mod reports;

use async_trait::async_trait;
use msgflo::Result;

use crate::config::Role;
use crate::model::Processing;
pub use broker::BrokerSource;
pub use reports::{Inport, Reports, Work};

/// What is known of a role's queue at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that workers have and have not finished, if that is known.
    pub in_flight: Option<u64>,
    /// How many workers receive from the queue, if that is known.
    pub consumers: Option<u64>,
    /// How many jobs have come since some moment; it only grows. If that is known.
    pub arrived: Option<u64>,
    /// How many jobs were finished since some moment; it only grows. If that is known.
    pub finished: Option<u64>,
    /// How long jobs take, as the workers measured it lately.
    pub processing: Option<Processing>,
    /// What of this was estimated, and from what; empty if the broker told all of it.
    pub estimated: String,
}

/// Where readings come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads a role's queue.
    ///
    /// # Errors
    /// If the broker cannot be reached, has no such queue, or does not tell.
    async fn read(&self, role: &Role) -> Result<Reading>;
}
