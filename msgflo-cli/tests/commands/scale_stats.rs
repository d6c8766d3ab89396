//! `msgflo scale stats`.

use std::sync::Arc;
use std::time::Duration;

use msgflo::{Inport, Json, Network, Outport, Participant, Settings};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::brokers::Broker;
use crate::program::{PATIENCE, msgflo};
use crate::terminal::Terminal;

/// Do jobs one at a time, as long as it may
#[derive(Participant, Default)]
#[participant(component = "test/Work")]
struct Work {
    #[inport(process = work, queue = "jobs", concurrency = 1)]
    jobs: Inport<Json<i32>>,
    may: May,
}

#[derive(Clone)]
struct May(Arc<Semaphore>);

impl Default for May {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Work {
    async fn work(&self, Json(number): Json<i32>) -> msgflo::Result<()> {
        self.may.0.acquire().await?.forget();
        if number < 0 { Err(msgflo::Error::message("too small")) } else { Ok(()) }
    }
}

/// Have jobs done
#[derive(Participant, Default)]
#[participant(component = "test/Send")]
struct Send {
    #[outport]
    out: Outport<Json<i32>>,
}

fn often() -> Settings {
    Settings { statistics_period: Duration::from_millis(500), ..Settings::default() }
}

/// Somebody who sends jobs, and one who may do so many of them.
async fn start(network: &Network, jobs: &[i32], may: usize) -> May {
    let worker = Work::default();
    let allowed = worker.may.clone();
    allowed.0.add_permits(may);
    network.start_with("work", worker, often()).await.unwrap();
    let sender = network.start_with("send", Send::default(), often()).await.unwrap();
    network.bind("send.OUT", "jobs").await.unwrap();
    for job in jobs {
        sender.out.send(Json(*job)).await.unwrap();
    }
    allowed
}

#[tokio::test]
async fn what_is_waiting_in_flight_and_done_is_told_on_every_broker() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        let jobs = [1, -1, 2, 3, 4, 5, 6, 7, 8, 9];
        let may = start(&network, &jobs, 4).await;
        let stats = ["scale", "stats", "--broker", broker.url(), "--wait", "5"];
        let told = msgflo(&[&stats[..], &["--json"]].concat()).await.ok();
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["inports"].as_array().unwrap().len(), 1, "{told}");
        let inport = &told["inports"][0];
        assert_eq!((&inport["role"], &inport["port"]), (&"work".into(), &"jobs".into()));
        assert_eq!((&inport["workers"], &inport["in_flight"]), (&1.into(), &1.into()), "{told}");
        assert_eq!(inport["waiting"], 5, "{told}");
        let from = &inport["waiting_from"];
        let is_mqtt = broker.url().starts_with("mqtt");
        assert_eq!(from, if is_mqtt { "participants" } else { "broker" }, "{told}");
        assert_eq!(inport["waiting_note"].is_string(), is_mqtt, "{told}");

        let text = msgflo(&stats).await.ok();
        let row = text.lines().find(|line| line.starts_with("work ")).expect("a line");
        assert!(row.ends_with(if is_mqtt { " ~5" } else { " 5" }), "{text}");
        assert!(text.starts_with("ROLE  PORT  WORKERS  JOBS/S  MEAN"), "{text}");
        may.0.add_permits(jobs.len());
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn times_of_what_is_done_while_it_listens_are_measured() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        let worker = Work::default();
        let may = worker.may.clone();
        network.start_with("work", worker, often()).await.unwrap();
        let sender = network.start_with("send", Send::default(), often()).await.unwrap();
        network.bind("send.OUT", "jobs").await.unwrap();
        let stats = ["scale", "stats", "--broker", broker.url(), "--wait", "10", "--json"];
        let jobs = async {
            // One of them is refused.
            for job in -1.. {
                may.0.add_permits(1);
                sender.out.send(Json(job)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let told = tokio::select! {
            told = msgflo(&stats) => told.ok(),
            () = jobs => unreachable!("they go on"),
        };
        let told: Value = serde_json::from_str(&told).unwrap();
        let inport = &told["inports"][0];
        let number = |name: &str| inport[name].as_f64().unwrap_or_else(|| panic!("{name}: {told}"));
        assert!(number("count") >= 5.0, "{told}");
        assert!(number("jobs_per_second") > 0.0, "{told}");
        assert!(number("mean") > 0.0 && number("mean") < 10.0, "{told}");
        assert!(number("p50") <= number("p90") && number("p90") <= number("p99"), "{told}");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_the_configuration_says_is_beside_what_is_measured() {
    let broker = Broker::zmq().await;
    let network = broker.connect().await;
    let may = start(&network, &[1, 2, 3], 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guv.yaml");
    let text = "resize: { queue: jobs, processing: 7, stddev: 2.5 }\nother: { processing: 1 }\n";
    std::fs::write(&file, text).unwrap();
    let stats = ["scale", "stats", file.to_str().unwrap(), "--broker", broker.url(), "--wait", "5"];
    let told = msgflo(&[&stats[..], &["--json"]].concat()).await.ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    let inport = &told["inports"][0];
    assert_eq!((&inport["file_processing"], &inport["file_stddev"]), (&7.0.into(), &2.5.into()));
    assert_eq!(told["unheard"], serde_json::json!(["other"]));
    let finished = msgflo(&stats).await;
    assert!(finished.stderr.contains("the queue of role other"), "{finished:?}");
    let text = finished.ok();
    assert!(text.lines().next().unwrap().ends_with("FILE MEAN  FILE STDDEV"), "{text}");
    assert!(text.contains("7.00 s") && text.contains("2.50 s"), "{text}");
    may.0.add_permits(10);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn nobody_to_tell_is_an_empty_list_and_a_reason() {
    let broker = Broker::rabbitmq();
    let stats = ["scale", "stats", "--broker", broker.url(), "--wait", "0.5"];
    let finished = msgflo(&stats).await;
    assert!(finished.stderr.contains("nobody on amqp://"), "{finished:?}");
    assert!(finished.stderr.contains("--statistics-period is 0"), "{finished:?}");
    assert!(!finished.stderr.contains("guest:guest"), "{finished:?}");
    assert_eq!(finished.ok(), "");
    let error = msgflo(&["scale", "stats", "--wait", "soon"]).await.failed(2);
    assert!(error.contains("write it like 30 or 0.5"), "{error}");
}

#[tokio::test]
async fn control_c_ends_the_listening_and_shows_what_is_known() {
    let broker = Broker::zmq().await;
    let network = broker.connect().await;
    let mut terminal = Terminal::new(80, 20);
    let mut child = terminal.run(&["scale", "stats", "--broker", broker.url(), "--wait", "600"]);
    terminal.shows("listening for 600 s, Ctrl-C ends it").await;
    // It listens: what is told at the start of a worker is heard.
    let may = start(&network, &[1, 2, 3], 1).await;
    let mut copies = msgflo::statistics::listen(&**network.transport()).await.unwrap();
    let settled = async {
        loop {
            let copy = copies.next().await.unwrap().unwrap();
            let told = msgflo::statistics::Statistics::from_payload(&copy.payload).unwrap();
            if told.inports.iter().any(|inport| inport.settled() == 1) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("the worker tells of its work");
    terminal.press("\u{3}");
    terminal.shows("WAITING").await;
    terminal.shows("work").await;
    assert!(terminal.ended(&mut child).await.success());
    may.0.add_permits(10);
    network.shutdown().await.unwrap();
}
