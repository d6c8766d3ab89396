use msgflo::statistics::OutportStatistics;

use super::*;

const WINDOW: Duration = Duration::from_secs(120);

/// Reports with a clock that is set by hand, in seconds.
struct Told {
    reports: Reports,
    start: Instant,
}

impl Told {
    fn new() -> Self {
        let start = Instant::now() + Duration::from_secs(1000);
        Self { reports: Reports::new(start), start }
    }

    fn at(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    fn hear(&mut self, seconds: f64, statistics: Statistics) {
        let now = self.at(seconds);
        self.reports.hear(statistics, now);
    }

    fn work(&self, seconds: f64) -> Option<Work> {
        self.reports.work("q", WINDOW, self.at(seconds))
    }

    fn waiting(&self, seconds: f64) -> u64 {
        self.work(seconds).unwrap().waiting
    }
}

fn participant(id: &str) -> Statistics {
    Statistics {
        id: id.into(),
        role: "role".into(),
        component: "Component".into(),
        interval: 10.0,
        heartbeat: 30.0,
        ..Statistics::default()
    }
}

/// Of a worker with two hands that has done this much since its start.
fn worker(id: &str, settled: u64, in_flight: u64) -> Statistics {
    let inport = InportStatistics {
        id: "in".into(),
        queue: "q".into(),
        concurrency: 2,
        in_flight,
        received: settled + in_flight,
        acknowledged: settled,
        ..InportStatistics::default()
    };
    Statistics { inports: vec![inport], ..participant(id) }
}

fn sender(id: &str, queue: &str, sent: u64) -> Statistics {
    let outport = OutportStatistics { id: "out".into(), queue: queue.into(), sent };
    Statistics { outports: vec![outport], ..participant(id) }
}

fn times(mut statistics: Statistics, count: u64, seconds: f64) -> Statistics {
    let took = Duration::from_secs_f64(seconds);
    (0..count).for_each(|_| statistics.inports[0].processing.record(took));
    statistics
}

#[test]
fn nothing_is_known_of_a_queue_that_nobody_tells_of() {
    let mut told = Told::new();
    assert_eq!(told.work(0.0), None);
    told.hear(1.0, sender("s", "elsewhere", 10));
    assert_eq!(told.work(2.0), None);
}

#[test]
fn what_was_sent_and_not_received_waits() {
    let mut told = Told::new();
    told.hear(1.0, sender("s", "q", 0));
    told.hear(2.0, worker("w", 0, 0));
    told.hear(11.0, sender("s", "q", 100));
    told.hear(12.0, worker("w", 30, 2));
    let work = told.work(13.0).unwrap();
    assert_eq!((work.waiting, work.in_flight, work.finished), (68, 2, 30));
    assert_eq!((work.workers, work.senders, work.capacity), (1, 1, 2));
    assert_eq!((work.sent, work.received), (100, 32));
}

#[test]
fn edges_lead_what_is_sent_to_other_queues() {
    let mut told = Told::new();
    told.hear(1.0, sender("s", "out", 40));
    assert_eq!(told.work(1.0), None);
    let edge = |source: &str| Edge { source: source.into(), target: "q".into() };
    let now = told.at(2.0);
    told.reports.set_edges([edge("out")], now);
    // Perhaps too many, but never too few.
    assert_eq!(told.waiting(3.0), 40);
    told.hear(4.0, sender("s", "out", 50));
    told.hear(4.0, sender("t", "other", 7));
    assert_eq!(told.waiting(5.0), 50);
    let now = told.at(6.0);
    told.reports.set_edges([edge("out"), edge("other")], now);
    assert_eq!((told.waiting(6.0), told.work(6.0).unwrap().senders), (57, 2));
    // What is sent when the edge is gone, does not arrive.
    let now = told.at(7.0);
    told.reports.set_edges([edge("other")], now);
    told.hear(8.0, sender("s", "out", 90));
    assert_eq!(told.waiting(9.0), 57);
}

#[test]
fn workers_that_begin_again_count_on() {
    let mut told = Told::new();
    told.hear(1.0, sender("s", "q", 0));
    told.hear(1.0, worker("one", 0, 0));
    told.hear(10.0, sender("s", "q", 100));
    told.hear(10.0, Statistics { last: true, ..worker("one", 40, 0) });
    assert_eq!((told.waiting(11.0), told.work(11.0).unwrap().workers), (60, 0));
    // The next in its place has an id of its own, and totals that begin at 0.
    told.hear(20.0, worker("two", 10, 2));
    let work = told.work(21.0).unwrap();
    assert_eq!((work.waiting, work.finished, work.workers), (48, 50, 1));
    // One that keeps its id, too.
    told.hear(30.0, worker("two", 5, 2));
    let work = told.work(31.0).unwrap();
    assert_eq!((work.waiting, work.finished), (43, 55));
}

#[test]
fn a_worker_that_dies_gives_back_what_it_had_in_hand() {
    let mut told = Told::new();
    told.hear(1.0, sender("s", "q", 0));
    told.hear(1.0, worker("w", 0, 0));
    told.hear(10.0, sender("s", "q", 20));
    told.hear(10.0, worker("w", 5, 2));
    assert_eq!(told.waiting(11.0), 13);
    told.hear(80.0, sender("s", "q", 20));
    // Two and a half heartbeats later.
    let work = told.work(90.0).unwrap();
    assert_eq!((work.waiting, work.in_flight, work.workers, work.finished), (15, 0, 0, 5));
}

#[test]
fn when_nobody_is_heard_any_more_nothing_is_known() {
    let mut told = Told::new();
    told.hear(1.0, sender("s", "q", 20));
    told.hear(2.0, worker("w", 5, 0));
    assert!(told.work(60.0).is_some());
    assert_eq!(told.work(80.0), None);
    assert_eq!(told.reports.inports(told.at(80.0)), []);
}

#[test]
fn idle_workers_show_that_nothing_waits() {
    let mut told = Told::new();
    // 900 were processed by workers that ended before we came.
    told.hear(1.0, sender("s", "q", 1000));
    told.hear(1.5, worker("w", 100, 0));
    assert_eq!(told.waiting(2.0), 900);
    told.hear(31.0, sender("s", "q", 1000));
    told.hear(32.0, worker("w", 100, 1));
    assert_eq!(told.waiting(33.0), 0);
    told.hear(41.0, sender("s", "q", 1010));
    told.hear(42.0, worker("w", 101, 2));
    assert_eq!(told.waiting(43.0), 8);
}

#[test]
fn one_idle_worker_of_two_shows_nothing() {
    let mut told = Told::new();
    told.hear(1.0, sender("s", "q", 0));
    told.hear(2.0, worker("busy", 0, 0));
    told.hear(2.0, worker("idle", 0, 0));
    told.hear(10.0, sender("s", "q", 20));
    for seconds in [12.0, 22.0, 32.0] {
        told.hear(seconds, worker("busy", 0, 2));
        told.hear(seconds + 0.5, worker("idle", 10, 0));
        told.hear(seconds + 1.0, sender("s", "q", 20));
        assert_eq!(told.waiting(seconds + 2.0), 8);
    }
}

#[test]
fn what_strangers_send_does_not_hide_ours() {
    let mut told = Told::new();
    told.hear(0.0, sender("s", "q", 0));
    told.hear(1.0, worker("w", 0, 0));
    told.hear(11.0, worker("w", 500, 0));
    told.hear(13.0, sender("s", "q", 0));
    told.hear(21.0, worker("w", 500, 0));
    told.hear(23.0, sender("s", "q", 30));
    assert_eq!(told.waiting(24.0), 30);
}

#[test]
fn who_was_there_before_us_starts_no_burst() {
    let mut told = Told::new();
    told.hear(1.0, Statistics { uptime: 5000.0, ..sender("s", "q", 70_000) });
    told.hear(1.0, Statistics { uptime: 5000.0, ..worker("w", 70_000, 0) });
    let work = told.work(2.0).unwrap();
    assert_eq!((work.sent, work.received, work.finished, work.waiting), (0, 0, 0, 0));
    told.hear(11.0, Statistics { uptime: 5010.0, ..sender("s", "q", 70_004) });
    told.hear(11.0, Statistics { uptime: 5010.0, ..worker("w", 70_003, 1) });
    let work = told.work(12.0).unwrap();
    assert_eq!((work.sent, work.received, work.finished, work.waiting), (4, 4, 3, 0));
}

#[test]
fn processing_times_are_those_of_all_workers_lately() {
    let mut told = Told::new();
    told.hear(0.0, times(worker("old", 1000, 0), 1000, 30.0));
    told.hear(200.0, times(worker("one", 300, 0), 300, 1.0));
    told.hear(205.0, times(worker("two", 100, 0), 100, 3.0));
    let work = told.work(210.0).unwrap();
    assert_eq!(work.processing.count(), 400);
    assert!((work.processing.mean() - 1.5).abs() < 1e-9);
    // 300 and 100 in 10 s each.
    assert!((work.rate - 40.0).abs() < 1e-9, "{}", work.rate);
}

#[test]
fn neither_participants_nor_queues_fill_the_memory() {
    let mut told = Told::new();
    for number in 0..MOST + 100 {
        let mut statistics = sender(&format!("s{number}"), &format!("q{number}"), 1);
        statistics.heartbeat = 1e9;
        told.reports.hear(statistics, told.start);
    }
    assert_eq!((told.reports.participants.len(), told.reports.queues.len()), (MOST, MOST));
    told.hear(3601.0, sender("s", "q0", 1));
    assert_eq!(told.reports.participants.len(), 1);
}
