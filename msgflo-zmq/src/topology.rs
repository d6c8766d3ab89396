//! The queues and edges that the hub has told of, to make them again if a new one knows of none.

use std::collections::BTreeSet;

use msgflo_core::transport::Direction;

use crate::frames::{BIND, DECLARE, Frames, Malformed, PASSING, Received};

#[derive(Default)]
pub(crate) struct Topology {
    /// Of the hub that told it.
    instance: String,
    queues: BTreeSet<(bool, String)>,
    edges: BTreeSet<(String, String)>,
    /// The inports' queues of this client that end with its connection.
    passing: BTreeSet<String>,
}

impl Topology {
    /// From now on, this client sees to it that the queue is there.
    pub(crate) fn pass(&mut self, name: &str) {
        self.passing.insert(name.to_owned());
    }

    /// On a new connection to this hub: what it must be told.
    pub(crate) fn restore(&mut self, instance: &str) -> Vec<Frames> {
        let passing = self.passing.iter();
        let mut requests: Vec<_> = passing.map(|name| declare(Direction::In, name, true)).collect();
        if self.instance == instance {
            // It tells all there is; something may have gone meanwhile.
            self.queues.clear();
            self.edges.clear();
            return requests;
        }
        self.instance = instance.into();
        requests.extend(self.queues.iter().map(|(inport, name)| {
            let direction = if *inport { Direction::In } else { Direction::Out };
            declare(direction, name, false)
        }));
        let bind =
            |(source, target): &(String, String)| Frames::new(BIND, 0).text(source).text(target);
        requests.extend(self.edges.iter().map(bind));
        requests
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

fn declare(direction: Direction, name: &str, is_passing: bool) -> Frames {
    let declare = Frames::new(DECLARE, 0).direction(direction).text(name);
    if is_passing { declare.text(PASSING) } else { declare }
}
