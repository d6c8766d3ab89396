//! The queues and edges that the hub has told of, to make them again if a new one knows of none.

use std::collections::BTreeSet;

use msgflo_core::transport::Direction;

use crate::frames::{BIND, DECLARE, Frames, Malformed, Received};

#[derive(Default)]
pub(crate) struct Topology {
    /// Of the hub that told it.
    instance: String,
    queues: BTreeSet<(bool, String)>,
    edges: BTreeSet<(String, String)>,
}

impl Topology {
    /// On a new connection to this hub: what it must be told.
    pub(crate) fn restore(&mut self, instance: &str) -> Vec<Frames> {
        if self.instance == instance {
            // It tells all there is; something may have gone meanwhile.
            self.queues.clear();
            self.edges.clear();
            return Vec::new();
        }
        self.instance = instance.into();
        let declare = self.queues.iter().map(|(inport, name)| {
            let direction = if *inport { Direction::In } else { Direction::Out };
            Frames::new(DECLARE, 0).direction(direction).text(name)
        });
        let bind = self
            .edges
            .iter()
            .map(|(source, target)| Frames::new(BIND, 0).text(source).text(target));
        declare.chain(bind).collect()
    }

    pub(crate) fn queue(&mut self, received: &mut Received) -> Result<(), Malformed> {
        let inport = received.direction()? == Direction::In;
        self.queues.insert((inport, received.name("queue")?));
        Ok(())
    }

    pub(crate) fn bound(&mut self, received: &mut Received) -> Result<(), Malformed> {
        self.edges.insert((received.name("source")?, received.name("target")?));
        Ok(())
    }

    pub(crate) fn unbound(&mut self, received: &mut Received) -> Result<(), Malformed> {
        self.edges.remove(&(received.name("source")?, received.name("target")?));
        Ok(())
    }
}
