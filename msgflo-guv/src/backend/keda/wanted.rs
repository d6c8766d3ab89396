//! How many workers each role is to have.

use std::collections::BTreeMap;

use crate::config::Role;

/// What was decided last, for each role that there is.
#[derive(Debug)]
pub(super) struct Wanted {
    workers: BTreeMap<String, Option<u32>>,
    closing: bool,
}

impl Wanted {
    pub(super) fn new(roles: &[&Role]) -> Self {
        let workers = roles.iter().map(|role| (role.name.clone(), None)).collect();
        Self { workers, closing: false }
    }

    pub(super) fn set(&mut self, role: &str, workers: u32) {
        self.workers.insert(role.into(), Some(workers));
    }

    /// `None` if there is no such role, `Some(None)` if nothing was decided for it.
    pub(super) fn workers(&self, role: &str) -> Option<Option<u32>> {
        self.workers.get(role).copied()
    }

    pub(super) fn is_active(&self, role: &str) -> Option<bool> {
        self.workers(role).flatten().map(|workers| workers > 0)
    }

    pub(super) fn roles(&self) -> Vec<&str> {
        self.workers.keys().map(String::as_str).collect()
    }

    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }
}
