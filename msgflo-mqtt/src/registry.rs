//! What every process knows of the network: records that the broker retains.

use std::collections::HashMap;

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

    /// All seats and routes that nobody has.
    pub(crate) fn free(&self) -> Vec<Record> {
        let free = self.0.iter().filter(|(_, says)| says.as_str() == FREE);
        free.map(|(record, _)| record.clone()).collect()
    }

    /// A seat that nobody has, always the same one first.
    pub(crate) fn free_seat(&self, queue: &str) -> Option<Record> {
        let free = self.seats(queue).filter(|(_, says)| says.as_str() == FREE);
        free.map(|(record, _)| record).min_by_key(|record| record.topic()).cloned()
    }

    /// Whether every seat that somebody had is given up, or was taken since.
    pub(crate) fn are_claimed_anew_in(&self, now: &Self) -> bool {
        self.0.iter().all(|(record, says)| {
            matches!(record, Record::Edge(_)) || says == FREE || now.get(record) != Some(says)
        })
    }

    fn seats(&self, name: &str) -> impl Iterator<Item = (&Record, &String)> {
        self.0.iter().filter(
            move |(record, _)| matches!(record, Record::Seat { queue, .. } if queue == name),
        )
    }

    /// All edges that are bound, or were and are not taken apart yet.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges: Vec<_> = self
            .0
            .keys()
            .filter_map(|record| match record {
                Record::Edge(edge) | Record::Route(edge) => Some(edge.clone()),
                Record::Seat { .. } => None,
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
