//! Workers that share work.

use std::time::Instant;

use msgflo::{Definition, PortDefinition};

use super::Participant;

/// Everybody with one role and one component.
pub struct Role<'a> {
    /// What the worker announced that was heard last.
    pub definition: &'a Definition,
    /// All of them, in order of their ids.
    pub workers: Vec<&'a Participant>,
}

impl<'a> Role<'a> {
    /// Nothing without workers.
    pub(super) fn new(workers: Vec<&'a Participant>) -> Option<Self> {
        let last = workers.iter().max_by_key(|worker| worker.heard)?;
        Some(Self { definition: &last.definition, workers })
    }

    pub fn name(&self) -> &'a str {
        &self.definition.role
    }

    /// How many workers are not late.
    pub fn present(&self, now: Instant) -> usize {
        self.workers.iter().filter(|worker| !worker.is_late(now)).count()
    }

    /// The inports that others can send to.
    pub fn inports(&self) -> impl Iterator<Item = &'a PortDefinition> {
        self.definition.inports.iter().filter(|port| port_is_open(port))
    }
}

/// Whether others can use it: hidden ports have no queue.
fn port_is_open(port: &PortDefinition) -> bool {
    port.queue.as_ref().is_some_and(|queue| !queue.is_empty())
}
