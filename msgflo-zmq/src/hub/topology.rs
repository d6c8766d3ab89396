//! What all clients are told of: queues and edges. A client that finds a new hub makes them again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use msgflo_core::transport::Direction;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::frames::{BOUND, Frames, QUEUE, UNBOUND};

/// How many queues there may be, and as many edges.
const MOST: usize = 65_536;

#[derive(Default)]
pub(super) struct Topology(Mutex<State>);

#[derive(Default)]
struct State {
    queues: BTreeSet<(bool, String)>,
    edges: BTreeSet<(String, String)>,
    listeners: Vec<UnboundedSender<Frames>>,
}

impl State {
    fn tell(&mut self, change: &Frames) {
        self.listeners.retain(|listener| listener.send(change.clone()).is_ok());
    }
}

impl Topology {
    /// All there is, and then what changes.
    pub(super) fn subscribe(&self) -> UnboundedReceiver<Frames> {
        let (sender, receiver) = unbounded_channel();
        let mut state = self.lock();
        let queues = state.queues.iter().map(|(inport, name)| queue(*inport, name));
        let edges = state.edges.iter().map(|(source, target)| edge(BOUND, source, target));
        for known in queues.chain(edges) {
            // The receiver is here.
            let _ = sender.send(known);
        }
        state.listeners.retain(|listener| !listener.is_closed());
        state.listeners.push(sender);
        receiver
    }

    /// Whether there is room for one more queue and edge.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.queues.len() < MOST && state.edges.len() < MOST
    }

    pub(super) fn declared(&self, direction: Direction, name: &str) {
        let mut state = self.lock();
        let inport = direction == Direction::In;
        if state.queues.insert((inport, name.to_owned())) {
            state.tell(&queue(inport, name));
        }
    }

    /// The outports that lead to an inport, whether it is there at the moment or not.
    pub(super) fn sources(&self, target: &str) -> Vec<String> {
        let state = self.lock();
        let leads = state.edges.iter().filter(|(_, inport)| inport == target);
        leads.map(|(source, _)| source.clone()).collect()
    }

    pub(super) fn bound(&self, source: &str, target: &str) {
        let mut state = self.lock();
        if state.edges.insert((source.to_owned(), target.to_owned())) {
            state.tell(&edge(BOUND, source, target));
        }
    }

    pub(super) fn unbound(&self, source: &str, target: &str) {
        let mut state = self.lock();
        if state.edges.remove(&(source.to_owned(), target.to_owned())) {
            state.tell(&edge(UNBOUND, source, target));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn queue(inport: bool, name: &str) -> Frames {
    let direction = if inport { Direction::In } else { Direction::Out };
    Frames::new(QUEUE, 0).direction(direction).text(name)
}

fn edge(command: &'static str, source: &str, target: &str) -> Frames {
    Frames::new(command, 0).text(source).text(target)
}
