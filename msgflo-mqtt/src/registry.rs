//! What every process knows of the network: records that the broker retains.

use std::collections::{HashMap, HashSet};

use msgflo_core::transport::Edge;

use crate::topic::Record;

/// What the record of a seat or a route says while nobody has it.
pub(crate) const FREE: &str = "free";
/// What the record of an edge says.
pub(crate) const BOUND: &str = "bound";

/// Records and what they say. A record that says nothing is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records(HashMap<Record, String>);

impl Records {
    pub(crate) fn set(&mut self, record: Record, says: &[u8]) {
        match std::str::from_utf8(says) {
            Ok("") | Err(_) => self.0.remove(&record),
            Ok(says) => self.0.insert(record, says.into()),
        };
    }

    pub(crate) fn get(&self, record: &Record) -> Option<&str> {
        self.0.get(record).map(String::as_str)
    }

    pub(crate) fn has(&self, record: &Record) -> bool {
        self.0.contains_key(record)
    }

    /// Whether somebody has declared the queue.
    pub(crate) fn has_queue(&self, name: &str) -> bool {
        self.seats(name).next().is_some()
    }

    /// A seat that nobody has and nobody comes back to, always the same one first.
    pub(crate) fn free_seat(&self, queue: &str) -> Option<Record> {
        let free = self.seats(queue).filter(|seat| self.get(seat) == Some(FREE));
        free.filter(|seat| !seat.is_reserved()).min_by_key(|seat| seat.topic()).cloned()
    }

    /// A queue's seats, whoever has them.
    pub(crate) fn seats(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.0
            .keys()
            .filter(move |record| matches!(record, Record::Seat { queue, .. } if queue == name))
    }

    /// Records of how often a seat's messages were delivered.
    pub(crate) fn tallies(&self, of: &Record) -> impl Iterator<Item = &Record> {
        let of = match of {
            Record::Seat { queue, seat } => Some((queue, seat)),
            _ => None,
        };
        self.0.keys().filter(move |record| match record {
            Record::Tally { queue, seat, .. } => of == Some((queue, seat)),
            _ => false,
        })
    }

    /// The edges that begin at a topic.
    pub(crate) fn edges_from(&self, topic: &str) -> HashSet<Edge> {
        let bound = self.0.keys().filter_map(|record| match record {
            Record::Edge(edge) if edge.source == topic => Some(edge.clone()),
            _ => None,
        });
        bound.collect()
    }

    /// All edges that are bound.
    pub(crate) fn bound(&self) -> Vec<Edge> {
        self.edges().into_iter().filter(|edge| self.has(&Record::Edge(edge.clone()))).collect()
    }

    /// All edges that are bound, or were and are not taken apart yet.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges: Vec<_> = self
            .0
            .keys()
            .filter_map(|record| match record {
                Record::Edge(edge) | Record::Route(edge) => Some(edge.clone()),
                Record::Seat { .. } | Record::Tally { .. } => None,
            })
            .collect();
        edges.sort_by(|one, other| (&one.source, &one.target).cmp(&(&other.source, &other.target)));
        edges.dedup();
        edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_free_taken_or_gone() {
        let seat = |seat: &str| Record::Seat { queue: "q".into(), seat: seat.into() };
        let mut records = Records::default();
        assert!(!records.has_queue("q"));
        records.set(seat("1"), b"somebody");
        records.set(seat("3"), FREE.as_bytes());
        records.set(seat("2"), FREE.as_bytes());
        assert!(records.has_queue("q") && !records.has_queue("other"));
        assert_eq!(records.free_seat("q"), Some(seat("2")));
        records.set(seat("2"), b"");
        assert_eq!(records.free_seat("q"), Some(seat("3")));
        assert_eq!(records.get(&seat("1")), Some("somebody"));
    }
}
