//! Readings of real brokers, with real participants at work.

use std::sync::Arc;
use std::time::Duration;

use msgflo::{Handle, Inport, Network, Outport, Participant, Settings};
use msgflo_guv::config::Role;
use msgflo_guv::reading::{BrokerSource, Reading, Source};
use msgflo_test_broker::{Mosquitto, RabbitMq, free_port};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Do jobs, two at a time, as long as it may
#[derive(Participant)]
#[participant(component = "test/Work")]
struct Work {
    #[inport(process = work, queue = "jobs", concurrency = 2)]
    jobs: Inport<String>,
    may: Arc<Semaphore>,
}

impl Work {
    fn allowed(jobs: usize) -> (Self, Arc<Semaphore>) {
        let may = Arc::new(Semaphore::new(jobs));
        (Self { jobs: Inport::default(), may: may.clone() }, may)
    }

    async fn work(&self, job: String) -> msgflo::Result<()> {
        self.may.acquire().await?.forget();
        if job == "bad" { Err(msgflo::Error::message("a bad job")) } else { Ok(()) }
    }
}

/// Have jobs done
#[derive(Participant, Default)]
#[participant(component = "test/Send")]
struct Send {
    #[outport]
    out: Outport<String>,
}

fn often() -> Settings {
    Settings { statistics_period: Duration::from_millis(300), ..Settings::default() }
}

fn role() -> Role {
    let mut role = Role::new("work");
    role.queue = "jobs".into();
    role
}

async fn start_sender(network: &Network) -> Handle<Send> {
    let sender = network.start_with("send", Send::default(), often()).await.unwrap();
    network.bind("send.OUT", "jobs").await.unwrap();
    sender
}

/// A network for one worker, as of a process of its own.
async fn start_worker(url: &str, jobs: usize) -> (Network, Arc<Semaphore>) {
    let network = msgflo::connect(url).await.unwrap();
    let (worker, may) = Work::allowed(jobs);
    network.start_with("work", worker, often()).await.unwrap();
    (network, may)
}

async fn send(sender: &Handle<Send>, jobs: usize) {
    for job in 0..jobs {
        let text = if job == 0 { "bad".to_owned() } else { job.to_string() };
        sender.out.send(text).await.unwrap();
    }
}

/// Reads until it is as it must become: some of it is told late.
async fn read_until(source: &BrokerSource, expected: impl Fn(&Reading) -> bool) -> Reading {
    let mut last = None;
    let read = async {
        loop {
            let reading = source.read(&role()).await;
            if let Ok(reading) = &reading
                && expected(reading)
            {
                return reading.clone();
            }
            last = Some(reading);
            sleep(Duration::from_millis(100)).await;
        }
    };
    let found = timeout(PATIENCE, read).await;
    found.unwrap_or_else(|_| panic!("it does not become what it must: {last:?}"))
}

fn is(waiting: u64, in_flight: u64) -> impl Fn(&Reading) -> bool {
    move |reading| (reading.waiting, reading.in_flight) == (waiting, Some(in_flight))
}

/// Some jobs are done, enough to be measured, two are in hand, and the rest waits.
async fn follow_jobs(url: &str, is_told: bool) -> Reading {
    let network = msgflo::connect(url).await.unwrap();
    let source = BrokerSource::listen(network.clone()).await;
    let (worker, may) = start_worker(url, 12).await;
    let sender = start_sender(&network).await;
    send(&sender, 26).await;
    let reading = read_until(&source, |reading| {
        is(12, 2)(reading)
            && reading.processing.is_some()
            && reading.finished >= Some(11)
            && reading.estimated.is_empty() == is_told
    });
    let reading = reading.await;
    assert_eq!(reading.consumers, Some(1));
    let times = reading.processing.unwrap();
    assert!(times.mean > 0.0 && times.percentile >= times.mean, "{times:?}");
    may.add_permits(100);
    let done = read_until(&source, |reading| is(0, 0)(reading) && reading.finished >= Some(25));
    let done = done.await;
    assert!(done.arrived <= Some(26) && done.arrived >= reading.arrived, "{done:?}");
    worker.shutdown().await.unwrap();
    let gone = read_until(&source, |reading| reading.consumers == Some(0)).await;
    assert_eq!(gone.waiting, 0, "{gone:?}");
    drop(source);
    network.shutdown().await.unwrap();
    done
}

#[tokio::test]
async fn rabbitmq_tells_what_waits_and_workers_the_rest() {
    let broker = RabbitMq::start().unwrap();
    let reading = follow_jobs(&broker.url(), false).await;
    assert_eq!((reading.arrived, reading.finished), (Some(26), Some(26)));
    assert!(reading.estimated.contains("what 1 workers tell"), "{reading:?}");
    assert!(reading.estimated.contains("arrived from what was finished"), "{reading:?}");
}

#[tokio::test]
async fn rabbitmq_tells_more_by_its_management_plugin() {
    let broker = RabbitMq::with_management().unwrap();
    let url = format!("{}?management={}", broker.url(), broker.management_url());
    let reading = follow_jobs(&url, true).await;
    assert_eq!(reading.estimated, "");
}

#[tokio::test]
async fn a_zmq_hub_tells_all() {
    let url = format!("zmq://127.0.0.1:{}", free_port().unwrap());
    let hub = msgflo::connect(&format!("{url}?hub=auto")).await.unwrap();
    let reading = follow_jobs(&url, true).await;
    assert_eq!((reading.arrived, reading.finished), (Some(26), Some(26)));
    hub.shutdown().await.unwrap();
}

#[tokio::test]
async fn on_mqtt_participants_tell_what_waits() {
    let broker = Mosquitto::start().unwrap();
    let reading = follow_jobs(&broker.url(), false).await;
    assert_eq!(reading.finished, Some(26));
    assert!(
        reading.estimated.starts_with("waiting and arrived: what 1 participants"),
        "{reading:?}"
    );
}

#[tokio::test]
async fn on_mqtt_jobs_wait_while_there_is_no_worker_and_workers_come_and_go() {
    let broker = Mosquitto::start().unwrap();
    let network = msgflo::connect(&broker.url()).await.unwrap();
    let source = BrokerSource::listen(network.clone()).await;
    let (worker, _may) = start_worker(&broker.url(), 3).await;
    let sender = start_sender(&network).await;
    send(&sender, 3).await;
    read_until(&source, |reading| reading.finished == Some(3) && is(0, 0)(reading)).await;
    worker.shutdown().await.unwrap();
    read_until(&source, |reading| reading.consumers == Some(0)).await;
    send(&sender, 10).await;
    let waiting = read_until(&source, is(10, 0)).await;
    assert_eq!((waiting.arrived, waiting.finished), (Some(13), Some(3)));
    // Another in its place, whose counts begin at 0.
    let (worker, may) = start_worker(&broker.url(), 4).await;
    let reading = read_until(&source, is(4, 2)).await;
    assert_eq!((reading.arrived, reading.finished), (Some(13), Some(7)));
    may.add_permits(100);
    read_until(&source, |reading| is(0, 0)(reading) && reading.finished == Some(13)).await;
    worker.shutdown().await.unwrap();
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn on_mqtt_a_queue_that_nobody_tells_of_is_an_error_and_not_empty() {
    let broker = Mosquitto::start().unwrap();
    let network = msgflo::connect(&broker.url()).await.unwrap();
    let source = BrokerSource::listen(network.clone()).await;
    let error = source.read(&role()).await.unwrap_err().to_string();
    for told in ["what waits in `jobs`", "mqtt://", "--statistics-period"] {
        assert!(error.contains(told), "{error}");
    }
    assert!(!error.contains(":guest@"), "{error}");
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_missing_queue_and_a_broker_that_is_gone_are_errors_in_time() {
    let mut broker = RabbitMq::start().unwrap();
    let network = msgflo::connect(&broker.url()).await.unwrap();
    let source = BrokerSource::listen(network.clone()).await;
    let error = source.read(&role()).await.unwrap_err().to_string();
    assert!(error.contains("cannot use queue `jobs`"), "{error}");
    let (worker, _) = start_worker(&broker.url(), 0).await;
    read_until(&source, is(0, 0)).await;
    broker.stop().unwrap();
    let error = timeout(PATIENCE, source.read(&role())).await.expect("an answer in time");
    let error = error.unwrap_err().to_string();
    for told in ["amqp://", "`jobs` within 10 s", "the connection is lost"] {
        assert!(error.contains(told), "{error}");
    }
    broker.start_again().unwrap();
    read_until(&source, |reading| reading.consumers == Some(1) && reading.in_flight.is_some())
        .await;
    worker.shutdown().await.unwrap();
    network.shutdown().await.unwrap();
}
