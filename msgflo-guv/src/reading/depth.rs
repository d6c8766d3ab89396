//! How much waits in a queue of which the broker does not tell: what was sent to it, less what workers
//! have received.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A message is on its way from sender to worker, and a report from either to us, for up to this time.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// How far back is remembered what was sent.
const REMEMBERED: usize = 1000;

/// What is counted of a queue's messages.
///
/// What was sent, less what was received, is off by a constant, the *drift*: messages of senders and
/// workers that were never heard of. It is between two bounds: when all workers have free capacity,
/// all that was sent is received; and no more can be received than was sent.
#[derive(Default)]
pub(super) struct Depth {
    /// All that is known to be sent.
    sent: u64,
    /// All that workers are known to be done with.
    settled: u64,
    drift: i128,
    /// What was known to be sent, and to be received, as it was told.
    senders: History,
    workers: History,
}

/// A number as it became, with the times.
#[derive(Default)]
struct History(VecDeque<(Instant, i128)>);

impl History {
    fn add(&mut self, number: i128, now: Instant) {
        self.0.push_back((now, number));
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }

    /// What it was a moment before.
    fn before(&self, time: Instant) -> Option<i128> {
        let time = time.checked_sub(ON_THE_WAY)?;
        self.0.iter().rev().find(|(told, _)| *told <= time).map(|(_, number)| *number)
    }
}

/// The workers of a queue, as each told of itself last.
pub(super) struct Workers {
    /// When the one was heard that is silent for longest.
    pub(super) heard: Instant,
    /// What they are processing.
    pub(super) in_flight: u64,
    /// Whether every one could take another message.
    pub(super) free: bool,
}

impl Depth {
    pub(super) fn sent(&mut self, more: u64, now: Instant) {
        self.sent = self.sent.saturating_add(more);
        self.senders.add(self.sent.into(), now);
    }

    pub(super) fn settled(&mut self, more: u64) {
        self.settled = self.settled.saturating_add(more);
    }

    /// Bounds the drift by what was heard so far: `senders` is when the sender was heard that is
    /// silent for longest.
    pub(super) fn correct(&mut self, workers: &Workers, senders: Option<Instant>, now: Instant) {
        let received = self.received(workers.in_flight);
        self.workers.add(received, now);
        if workers.free
            && let Some(sent) = self.senders.before(workers.heard)
        {
            self.drift = self.drift.max(sent - received);
        }
        if let Some(received) = senders.and_then(|heard| self.workers.before(heard)) {
            self.drift = self.drift.min(i128::from(self.sent) - received);
        }
    }

    /// How many messages wait, if `in_flight` are being processed.
    pub(super) fn waiting(&self, in_flight: u64) -> u64 {
        let waiting = i128::from(self.sent) - self.received(in_flight) - self.drift;
        waiting.clamp(0, u64::MAX.into()) as u64
    }

    fn received(&self, in_flight: u64) -> i128 {
        i128::from(self.settled) + i128::from(in_flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock(Instant);

    impl Clock {
        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }

        fn workers(&self, heard: u64, in_flight: u64, free: bool) -> Workers {
            Workers { heard: self.at(heard), in_flight, free }
        }
    }

    fn clock() -> Clock {
        // Well after the machine was started.
        Clock(Instant::now() + Duration::from_secs(1000))
    }

    #[test]
    fn what_waits_is_what_was_sent_and_not_received() {
        let (clock, mut depth) = (clock(), Depth::default());
        depth.sent(100, clock.at(10));
        depth.settled(30);
        depth.correct(&clock.workers(11, 5, false), Some(clock.at(10)), clock.at(12));
        assert_eq!(depth.waiting(5), 65);
    }

    #[test]
    fn it_is_never_below_zero() {
        let (clock, mut depth) = (clock(), Depth::default());
        depth.settled(10);
        depth.sent(4, clock.at(0));
        assert_eq!(depth.waiting(2), 0);
    }

    #[test]
    fn with_free_workers_what_was_sent_before_does_not_wait() {
        let (clock, mut depth) = (clock(), Depth::default());
        // The workers that were done with it are not known.
        depth.sent(1000, clock.at(0));
        assert_eq!(depth.waiting(0), 1000);
        depth.correct(&clock.workers(5, 1, true), Some(clock.at(0)), clock.at(20));
        assert_eq!(depth.waiting(1), 0);
        depth.sent(50, clock.at(30));
        assert_eq!(depth.waiting(1), 50);
        // One worker was heard before these came, and may have its hands full by now.
        depth.correct(&clock.workers(25, 1, true), Some(clock.at(30)), clock.at(35));
        assert_eq!(depth.waiting(1), 50);
    }

    #[test]
    fn foreign_messages_do_not_hide_those_that_come_later() {
        let (clock, mut depth) = (clock(), Depth::default());
        depth.sent(10, clock.at(0));
        // 500 of somebody else's are among them.
        depth.settled(510);
        depth.correct(&clock.workers(10, 0, true), Some(clock.at(0)), clock.at(10));
        depth.sent(0, clock.at(20));
        depth.correct(&clock.workers(19, 0, true), Some(clock.at(20)), clock.at(20));
        depth.sent(40, clock.at(30));
        assert_eq!(depth.waiting(0), 40);
    }

    #[test]
    fn a_sender_that_is_heard_later_than_the_workers_is_no_foreigner() {
        let (clock, mut depth) = (clock(), Depth::default());
        depth.sent(10, clock.at(0));
        // 20 more were sent and received since.
        depth.settled(30);
        depth.correct(&clock.workers(9, 0, true), Some(clock.at(0)), clock.at(9));
        assert_eq!(depth.waiting(0), 0);
        depth.sent(20, clock.at(10));
        assert_eq!(depth.waiting(0), 0);
        depth.sent(5, clock.at(20));
        assert_eq!(depth.waiting(0), 5);
    }
}
