//! Names of queues as topics, and the topics that the transport keeps for itself.

use msgflo_core::transport::Edge;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// As many bytes as a topic can have.
const LONGEST: usize = 65_535;

/// What may stand in one level of a topic, and in a group's name.
const LEVEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// All topics of the transport's own begin with this.
pub(crate) const OWN: &str = "msgflo/#";
/// Records of seats, `msgflo/queues/QUEUE/SEAT`.
pub(crate) const SEATS: &str = "msgflo/queues/+/+";
/// Records of edges, `msgflo/edges/SOURCE/TARGET`.
pub(crate) const EDGES: &str = "msgflo/edges/+/+";
/// Records of the edges' routers, `msgflo/routes/SOURCE/TARGET`.
pub(crate) const ROUTES: &str = "msgflo/routes/+/+";

/// Records of how often messages were delivered, `msgflo/tallies/QUEUE/SEAT/MESSAGE`.
pub(crate) const TALLIES: &str = "msgflo/tallies/+/+/+";

/// Who has the seat whose record's topic this is? See [`crate::presence`].
pub(crate) const QUESTIONS: &str = "msgflo/questions";
/// It is had by who sends this.
pub(crate) const ANSWERS: &str = "msgflo/answers";

/// Where participants tell of their work. It is one of the topics that every user needs to have, as
/// Mosquitto 2.0.11 closes the connection of one who sends to another.
pub(crate) const STATISTICS: &str = "msgflo/statistics";

/// What names of seats begin with that are somebody's while he is away.
const RESERVED: &str = "session-";

/// Why a queue's name cannot be a topic.
pub(crate) fn check(queue: &str) -> Result<(), String> {
    let cannot = |why: &str| Err(format!("its name cannot be an MQTT topic: {why}"));
    if queue.is_empty() {
        return cannot("it is empty");
    }
    if let Some(wildcard) = queue.chars().find(|character| matches!(character, '+' | '#')) {
        return cannot(&format!("`{wildcard}` is a wildcard"));
    }
    if queue.contains('\0') {
        return cannot("there is a NUL in it");
    }
    if queue.starts_with('$') {
        return cannot("what begins with `$` is the broker's");
    }
    // Names derived from it are somewhat longer, and percent-encoded.
    if 3 * queue.len() + 100 > LONGEST {
        return cannot(&format!("{} bytes are too long", queue.len()));
    }
    Ok(())
}

pub(crate) fn encode(name: &str) -> String {
    utf8_percent_encode(name, LEVEL).to_string()
}

fn decode(level: &str) -> Option<String> {
    percent_decode_str(level).decode_utf8().ok().map(|name| name.into_owned())
}

/// A record that is kept on the broker as a retained message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    Seat {
        queue: String,
        seat: String,
    },
    Edge(Edge),
    Route(Edge),
    /// How often a message in a seat was delivered and never settled: see [`crate::tally`].
    Tally {
        queue: String,
        seat: String,
        message: String,
    },
}

impl Record {
    /// The seat of a queue that is made first, by whomever.
    pub(crate) fn first_seat(queue: &str) -> Self {
        Self::Seat { queue: queue.into(), seat: "first".into() }
    }

    /// The seat of a queue that is kept for a session.
    pub(crate) fn reserved_seat(queue: &str, session: &str) -> Self {
        Self::Seat { queue: queue.into(), seat: format!("{RESERVED}{session}") }
    }

    pub(crate) fn is_reserved(&self) -> bool {
        matches!(self, Self::Seat { seat, .. } if seat.starts_with(RESERVED))
    }

    pub(crate) fn topic(&self) -> String {
        let (kind, first, second) = match self {
            Self::Seat { queue, seat } => ("queues", queue, seat),
            Self::Edge(edge) => ("edges", &edge.source, &edge.target),
            Self::Route(edge) => ("routes", &edge.source, &edge.target),
            Self::Tally { queue, seat, message } => {
                let (queue, seat) = (encode(queue), encode(seat));
                return format!("msgflo/tallies/{queue}/{seat}/{}", encode(message));
            }
        };
        format!("msgflo/{kind}/{}/{}", encode(first), encode(second))
    }

    pub(crate) fn parse(topic: &str) -> Option<Self> {
        let mut levels = topic.strip_prefix("msgflo/")?.split('/');
        let (kind, first, second) =
            (levels.next()?, decode(levels.next()?)?, decode(levels.next()?)?);
        let edge = || Edge { source: first.clone(), target: second.clone() };
        match kind {
            "edges" => Some(Self::Edge(edge())),
            "routes" => Some(Self::Route(edge())),
            "queues" => Some(Self::Seat { queue: first, seat: second }),
            "tallies" => {
                let message = decode(levels.next()?)?;
                Some(Self::Tally { queue: first, seat: second, message })
            }
            _ => None,
        }
    }
}

/// Where a session sends itself a message, to see that it has received all that came before.
pub(crate) fn marker(client_id: &str) -> String {
    format!("msgflo/markers/{}", encode(client_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_from_their_topics() {
        let edge = Edge { source: "a/b #+%".into(), target: "ünï/in".into() };
        let seat = Record::Seat { queue: "a/b".into(), seat: "1f".into() };
        let tally =
            Record::Tally { queue: "a/b".into(), seat: "1f".into(), message: "7-0f".into() };
        for record in [seat, Record::Edge(edge.clone()), Record::Route(edge), tally] {
            assert_eq!(Record::parse(&record.topic()), Some(record));
        }
        assert_eq!(
            Record::parse("msgflo/queues/a%2Fb/1").unwrap().topic(),
            "msgflo/queues/a%2Fb/1"
        );
        for other in ["fbp", "msgflo/queues/a", "msgflo/other/a/b", "msgflo/queues/%FF/1"] {
            assert_eq!(Record::parse(other), None);
        }
    }

    #[test]
    fn what_is_no_topic_is_told() {
        for (queue, told) in [
            ("", "empty"),
            ("a/+/b", "`+` is a wildcard"),
            ("a/#", "`#` is a wildcard"),
            ("a\0", "NUL"),
            ("$SYS/a", "the broker's"),
            (&"x".repeat(30_000), "30000 bytes are too long"),
        ] {
            let why = check(queue).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
        assert_eq!(check("role.IN"), Ok(()));
        assert_eq!(check("/an/ünïcödé topic"), Ok(()));
    }
}
