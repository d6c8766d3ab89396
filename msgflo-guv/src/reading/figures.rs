//! A reading, of what a broker told and what those told who work.

use msgflo::transport::QueueStatistics;

use super::{Reading, Work};
use crate::model::Processing;

/// Where the broker tells what waits. `arrived` is a sum that may shrink, unless the broker told it.
pub(super) fn told(told: &QueueStatistics, work: Option<&Work>, percentile: f64) -> Reading {
    let mut estimated = Vec::new();
    let work = work.filter(|work| work.workers > 0);
    let silent = told.consumers.saturating_sub(work.map_or(0, |work| work.workers));
    let in_flight = told.unsettled.or(work.map(|work| work.in_flight));
    let finished = told.settled.or(work.map(|work| work.finished));
    let arrived = told
        .arrived
        .or_else(|| Some(finished?.saturating_add(in_flight?).saturating_add(told.waiting)));
    if let Some(work) = work {
        let from = match silent {
            0 => format!("what {} workers tell", work.workers),
            _ => format!("what {} of {} workers tell", work.workers, told.consumers),
        };
        if told.unsettled.is_none() {
            estimated.push(format!("in flight and finished from {from}"));
        }
        if told.arrived.is_none() {
            estimated.push("arrived from what was finished, is in flight and waits".into());
        }
    }
    Reading {
        waiting: told.waiting,
        in_flight,
        consumers: Some(told.consumers),
        arrived,
        finished,
        processing: work.and_then(|work| Processing::measured(&work.processing, percentile)),
        estimated: estimated.join("; "),
    }
}

/// Where the broker tells nothing.
pub(super) fn estimated(work: &Work, queue: &str, percentile: f64) -> Reading {
    let Work { workers, senders, capacity, in_flight, .. } = *work;
    let (waiting, arrived, estimated) = if senders > 0 {
        let estimated = format!(
            "waiting and arrived: what {senders} participants say that they sent to `{queue}`, less what {workers} workers \
             received; messages of others are not seen before they are received"
        );
        (work.waiting, work.sent, estimated)
    } else {
        // Else the governor would never find out that more are needed.
        let is_full = workers > 0 && in_flight >= capacity;
        let estimated = format!(
            "waiting: nobody who sends to `{queue}` tells of it, so as many as {workers} workers have in hand are taken to wait \
             if these have no free capacity, and none otherwise; arrived: what they received"
        );
        (if is_full { in_flight } else { 0 }, work.received, estimated)
    };
    Reading {
        waiting,
        in_flight: Some(in_flight),
        consumers: Some(workers),
        arrived: Some(arrived),
        finished: Some(work.finished),
        processing: Processing::measured(&work.processing, percentile),
        estimated,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use msgflo::statistics::Durations;

    use super::*;

    fn work() -> Work {
        let mut processing = Durations::default();
        (0..10).for_each(|_| processing.record(Duration::from_secs(2)));
        Work {
            workers: 2,
            senders: 1,
            capacity: 4,
            in_flight: 3,
            sent: 50,
            received: 33,
            finished: 30,
            waiting: 17,
            processing,
            ..Work::default()
        }
    }

    #[test]
    fn what_the_broker_tells_goes_first() {
        let all = QueueStatistics {
            waiting: 7,
            consumers: 2,
            unsettled: Some(4),
            arrived: Some(100),
            settled: Some(89),
        };
        let reading = told(&all, Some(&work()), 99.0);
        assert_eq!((reading.waiting, reading.in_flight), (7, Some(4)));
        assert_eq!((reading.arrived, reading.finished), (Some(100), Some(89)));
        assert_eq!((reading.consumers, &*reading.estimated), (Some(2), ""));
        let processing = reading.processing.unwrap();
        assert_eq!((processing.mean, processing.stddev), (2.0, 0.0));
        assert!((processing.percentile - 2.0).abs() < 0.05);
    }

    #[test]
    fn what_it_does_not_tell_workers_do() {
        let some = QueueStatistics { waiting: 7, consumers: 3, ..QueueStatistics::default() };
        let reading = told(&some, Some(&work()), 99.0);
        assert_eq!((reading.in_flight, reading.finished), (Some(3), Some(30)));
        assert_eq!(reading.arrived, Some(40));
        assert!(reading.estimated.contains("2 of 3 workers"), "{}", reading.estimated);
        let alone = told(&some, None, 99.0);
        assert_eq!((alone.waiting, alone.consumers), (7, Some(3)));
        assert_eq!((alone.in_flight, alone.arrived, alone.processing), (None, None, None));
    }

    #[test]
    fn few_measured_jobs_are_not_believed() {
        let mut few = work();
        few.processing = Durations::default();
        few.processing.record(Duration::from_secs(9));
        assert_eq!(estimated(&few, "q", 99.0).processing, None);
    }

    #[test]
    fn where_no_sender_tells_full_workers_are_a_sign_that_something_waits() {
        let with_senders = estimated(&work(), "q", 99.0);
        assert_eq!((with_senders.waiting, with_senders.arrived), (17, Some(50)));
        let alone = Work { senders: 0, ..work() };
        let reading = estimated(&alone, "q", 99.0);
        assert_eq!((reading.waiting, reading.arrived), (0, Some(33)));
        assert!(reading.estimated.contains("nobody who sends to `q` tells"));
        let full = Work { in_flight: 4, ..alone };
        assert_eq!(estimated(&full, "q", 99.0).waiting, 4);
    }
}
