//! Workers that were started and take no jobs yet.

use std::collections::VecDeque;

/// When each of them is thought to be ready, the one that was started first in front.
#[derive(Debug, Default)]
pub(super) struct Booting(VecDeque<f64>);

impl Booting {
    pub(super) fn start(&mut self, count: u32, ready_at: f64) {
        self.0.extend((0..count).map(|_| ready_at));
    }

    /// Backends stop those that came last.
    pub(super) fn stop(&mut self, count: u32) {
        self.0.truncate(self.0.len().saturating_sub(count as usize));
    }

    /// Takes out those whose time is over.
    pub(super) fn pass(&mut self, now: f64) {
        self.0.retain(|ready_at| *ready_at > now);
    }

    /// No more than so many can be booting: the others are seen at work, or are gone.
    pub(super) fn at_most(&mut self, count: u64) {
        while self.0.len() as u64 > count {
            self.0.pop_front();
        }
    }

    /// How long each still takes, in seconds.
    pub(super) fn remaining(&self, now: f64) -> Vec<f64> {
        self.0.iter().map(|ready_at| ready_at - now).collect()
    }
}
