//! What runs workers.

pub mod heroku;
pub mod keda;
pub mod kubernetes;
pub mod process;

use async_trait::async_trait;
use msgflo::Result;

use crate::config::Role;

/// Starts and stops workers.
#[async_trait]
pub trait Backend: Send + Sync {
    /// How many workers each role has, those that boot included, in the order of `roles`; `None` if
    /// the backend does not know yet.
    async fn workers(&self, roles: &[&Role]) -> Vec<Result<Option<u32>>>;

    /// Makes each role have so many workers, and tells how that went, in the order of `changes`.
    /// Returns when the backend has accepted it; workers boot and end later.
    async fn scale(&self, changes: &[(&Role, u32)]) -> Vec<Result<()>>;
}
