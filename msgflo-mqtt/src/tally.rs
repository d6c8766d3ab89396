//! How often a message was delivered and never settled, as it ends the process each time, and which
//! attempt it is at. The broker tells only that a message may have been delivered before. So who delivers
//! such a message has the broker retain a record of how often, first; who settles it takes the record
//! away. What is delivered for the first time, and succeeds, has none.

use msgflo_core::{Message, reserved};
use tracing::{debug, warn};
use xxhash_rust::xxh3::Xxh3;

use crate::link::Link;
use crate::session::Received;
use crate::topic::Record;

/// What travels in no packet while a message stays in its seat.
const KEPT: [&str; 2] = [reserved::ATTEMPT, reserved::FIRST_FAILED];
/// Stands for what there is not.
const NOTHING: &str = "-";

/// What a record says.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    /// How often it was given to somebody and never settled; the last of them may go on.
    deliveries: u32,
    kept: [Option<String>; 2],
}

impl Tally {
    fn of(message: &Message, deliveries: u32) -> Self {
        let headers = message.headers();
        let kept = KEPT.map(|name| headers.get(name).filter(|it| !it.contains(' ')));
        Self { deliveries, kept: kept.map(|value| value.map(str::to_owned)) }
    }

    /// Also who wrote it.
    fn parse(says: &str) -> Option<(&str, Self)> {
        let mut words = says.split(' ');
        let (owner, deliveries) = (words.next()?, words.next()?.parse().ok()?);
        let kept = KEPT.map(|_| words.next().filter(|it| *it != NOTHING).map(str::to_owned));
        Some((owner, Self { deliveries, kept }))
    }

    fn to_text(&self, owner: &str) -> String {
        let [attempt, first_failed] =
            self.kept.each_ref().map(|value| value.as_deref().unwrap_or(NOTHING));
        format!("{owner} {} {attempt} {first_failed}", self.deliveries)
    }

    /// Which delivery the next one is. What comes again in the hands of who had it before has ended no
    /// process: the connection was lost.
    fn next(&self, is_ours: bool) -> u32 {
        if is_ours { self.deliveries.max(1) } else { self.deliveries.max(1).saturating_add(1) }
    }
}

/// The record for a message that a seat has. While it is unacknowledged, it keeps its packet identifier.
pub(crate) fn record(seat: &Record, received: &Received) -> Option<Record> {
    let Record::Seat { queue, seat } = seat else { return None };
    // The broker does not wait with it.
    if received.packet == 0 {
        return None;
    }
    let mut hash = Xxh3::new();
    hash.update(&(received.topic.len() as u64).to_le_bytes());
    hash.update(received.topic.as_bytes());
    hash.update(&received.message.payload);
    let message = format!("{}-{:016x}", received.packet, hash.digest());
    Some(Record::Tally { queue: queue.clone(), seat: seat.clone(), message })
}

/// Which delivery that of a message is that may have been delivered before. `is_back` is whether its
/// seat was ours before, and only the connection was lost. What it had in headers, it has again.
pub(crate) fn resume(link: &Link, record: &Record, is_back: bool, message: &mut Message) -> u32 {
    let records = link.records.borrow();
    let Some((owner, tally)) = records.get(record).and_then(Tally::parse) else {
        return Tally::default().next(is_back);
    };
    for (name, value) in KEPT.into_iter().zip(&tally.kept) {
        if let Some(value) = value {
            message.headers_mut().insert(name, value.clone());
        }
    }
    tally.next(link.is_ours(owner))
}

/// Returns when the broker knows how often a message is delivered, or does not want to.
pub(crate) async fn write(link: &Link, record: &Record, message: &Message, deliveries: u32) {
    let says = Tally::of(message, deliveries).to_text(&link.owner);
    if let Err(error) = link.retain(record, &says).await
        && !link.is_closing()
    {
        warn!("it is not counted how often a message is delivered: {error}");
    }
}

/// Whether something is to be known of a message that stays in its seat, though its delivery has ended.
pub(crate) fn is_needed(message: &Message) -> bool {
    message.headers().get(reserved::ATTEMPT).is_some()
}

/// It is settled. Nobody needs to wait for that.
pub(crate) async fn clear(link: &Link, record: &Record) {
    if let Err(error) = link.retain(record, "").await {
        debug!("{} stays: {error}", record.topic());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let plain = Tally::of(&Message::new("photo"), 3);
        assert_eq!(plain.to_text("me"), "me 3 - -");
        assert_eq!(Tally::parse("me 3 - -"), Some(("me", plain)));
        let at = "2026-01-01T00:00:00.000Z";
        let message = Message::new("photo")
            .with_header(reserved::ATTEMPT, "2")
            .with_header(reserved::FIRST_FAILED, at);
        let tried = Tally::of(&message, 0);
        assert_eq!(tried.to_text("me"), format!("me 0 2 {at}"));
        assert_eq!(Tally::parse(&tried.to_text("me")), Some(("me", tried)));
        assert_eq!(Tally::parse("me 7"), Some(("me", Tally { deliveries: 7, ..Tally::default() })));
        for other in ["", "free", "me x", "me -1 - -"] {
            assert_eq!(Tally::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_counted_are_processes_and_not_connections() {
        // written, by us: the next
        for (deliveries, is_ours, next) in
            [(0, true, 1), (0, false, 2), (1, false, 2), (2, true, 2), (2, false, 3)]
        {
            let tally = Tally { deliveries, ..Tally::default() };
            assert_eq!(tally.next(is_ours), next, "{deliveries}, ours: {is_ours}");
        }
    }

    #[test]
    fn a_record_is_of_one_message_in_one_seat() {
        let seat = |name: &str| Record::Seat { queue: "q".into(), seat: name.into() };
        let received = |packet, payload: &'static str| Received {
            topic: "q".into(),
            message: Message::new(payload),
            redelivered: true,
            packet,
        };
        let first = record(&seat("1"), &received(1, "a"));
        assert_eq!(first, record(&seat("1"), &received(1, "a")));
        for other in [
            record(&seat("2"), &received(1, "a")),
            record(&seat("1"), &received(2, "a")),
            record(&seat("1"), &received(1, "b")),
        ] {
            assert!(other.is_some() && other != first);
        }
        assert_eq!(record(&seat("1"), &received(0, "a")), None);
    }
}
