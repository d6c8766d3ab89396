//! Several processes, and a hub in one of them.

use std::collections::BTreeSet;
use std::time::Duration;

use msgflo::ErrorKind;
use msgflo::transport::Direction;
use msgflo::zmq::Hub;
use rustix::process::{Pid, Signal, kill_process};

use crate::network::{collect, declare, expect, receive, send, url, within};
use crate::worker::Worker;

/// Whoever comes first is the hub.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_process_is_the_hub_and_workers_share_its_queue() {
    let url = url("hub=auto");
    let workers: Vec<_> = (0..3).map(|_| Worker::start("repeat", &["--broker", &url])).collect();
    let network = msgflo::connect(&url).await.unwrap();
    let mut outputs = collect(&network, "repeat.OUT", "end").await;
    for number in 0..300 {
        send(&network, "repeat.IN", &number.to_string()).await;
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 300 {
        let delivery = receive(&mut outputs).await;
        seen.insert(String::from_utf8(delivery.message.payload.to_vec()).unwrap());
        delivery.acknowledge();
    }
    assert_eq!(network.statistics("repeat.IN").await.unwrap().consumers, 3);
    network.shutdown().await.unwrap();
    // The one with the hub goes first: the others must still be able to stop.
    for worker in workers {
        let (status, _) = worker.terminate();
        assert!(status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_takes_the_hub_over() {
    let url = url("hub=auto");
    let first = Worker::start("repeat", &["--broker", &url]);
    let second = Worker::start("repeat", &["--broker", &url]);
    // Whoever set the network up is gone when its edge is needed again.
    let setup = msgflo::connect(&url).await.unwrap();
    drop(collect(&setup, "repeat.OUT", "end").await);
    setup.shutdown().await.unwrap();
    let network = msgflo::connect(&url).await.unwrap();
    let mut outputs = network.transport().consume("end", 100).await.unwrap();
    send(&network, "repeat.IN", "before").await;
    expect(&mut outputs, "before").await;
    let mut connection = network.transport().connection();
    first.kill();
    within("a new hub", connection.wait_for(|now| now.reconnections > 0)).await.unwrap();
    // Queues, the edge and the consumers are there again, whoever has the hub now.
    send(&network, "repeat.IN", "after").await;
    loop {
        let delivery = receive(&mut outputs).await;
        let payload = delivery.message.payload.clone();
        delivery.acknowledge();
        if payload == "after" {
            break;
        }
        assert_eq!(payload, "before", "sent again, as the hub died before it heard that it came");
    }
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_had_in_hand_is_delivered_again() {
    let url = url("");
    let hub = Worker::start("zmq_hub", &[&url]);
    let network = msgflo::connect(&url).await.unwrap();
    let mut outputs = collect(&network, "repeat.OUT", "end").await;
    declare(&network, "repeat.IN", Direction::In).await;
    let worker = Worker::start("repeat", &["--broker", &url, "--concurrency", "50"]);
    for number in 0..500 {
        send(&network, "repeat.IN", &number.to_string()).await;
        if number == 250 {
            // Stopped, it takes what is delivered and does nothing with it.
            signal(&worker, Signal::STOP);
        }
    }
    worker.kill();
    let _heir = Worker::start("repeat", &["--broker", &url]);
    all(&mut outputs, 500).await;
    drop(hub);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_silent_worker_has_in_hand_is_delivered_again() {
    let url = url("timeout=1");
    let _hub = Worker::start("zmq_hub", &[&url]);
    let network = msgflo::connect(&url).await.unwrap();
    let mut outputs = collect(&network, "repeat.OUT", "end").await;
    let silent = Worker::start("repeat", &["--broker", &url]);
    // Its connection is there, but nobody is at home.
    signal(&silent, Signal::STOP);
    for number in 0..20 {
        send(&network, "repeat.IN", &number.to_string()).await;
    }
    let _heir = Worker::start("repeat", &["--broker", &url]);
    all(&mut outputs, 20).await;
    // It finds that it was given up, and comes back.
    signal(&silent, Signal::CONT);
    let back = async {
        while network.statistics("repeat.IN").await.unwrap().consumers < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the worker to come back", back).await;
    let (status, _) = silent.terminate();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_one_hub() {
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let Ok(hub) = Hub::bind(&format!("zmq://{host}:0")).await else {
            assert_eq!(host, "[::1]", "only IPv6 may be missing here");
            continue;
        };
        let port = hub.url().rsplit(':').next().unwrap();
        let url = format!("zmq://{host}:{port}");
        let error = Hub::bind(&url).await.err().unwrap();
        assert!(matches!(error.kind(), Some(ErrorKind::Refused { .. })), "{error}");
        assert!(error.to_string().contains("in use"), "{error}");
        // Who would start one, finds it.
        let network = msgflo::connect(&format!("{url}?hub=auto")).await.unwrap();
        declare(&network, "in", Direction::In).await;
        let other = msgflo::connect(&url).await.unwrap();
        assert_eq!(other.statistics("in").await.unwrap().waiting, 0);
        hub.stop().await;
        // And starts one now.
        let mut connection = network.transport().connection();
        within("a new hub", connection.wait_for(|now| now.reconnections > 0)).await.unwrap();
        assert_eq!(network.statistics("in").await.unwrap().waiting, 0);
    }
}

#[test]
fn a_hub_that_others_may_reach_warns() {
    for (host, warns) in [("0.0.0.0", true), ("127.0.0.1", false)] {
        let hub = Worker::start("zmq_hub", &[&format!("zmq://{host}:0")]);
        let (status, stderr) = hub.terminate();
        assert!(status.success());
        assert_eq!(stderr.contains("encrypts nothing"), warns, "{stderr}");
    }
}

#[tokio::test]
async fn no_hub_is_an_error_that_says_so() {
    let url = url("");
    let error = msgflo::connect_within(&url, Duration::from_millis(300)).await.err().unwrap();
    assert!(matches!(error.kind(), Some(ErrorKind::Unreachable { .. })), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

/// Until all numbers have come, however often.
async fn all(outputs: &mut msgflo::transport::Deliveries, count: usize) {
    let mut seen = BTreeSet::new();
    while seen.len() < count {
        let delivery = receive(outputs).await;
        let payload = String::from_utf8(delivery.message.payload.to_vec()).unwrap();
        seen.insert(payload.parse::<usize>().unwrap());
        delivery.acknowledge();
    }
}

fn signal(worker: &Worker, signal: Signal) {
    kill_process(Pid::from_raw(worker.id() as i32).unwrap(), signal).unwrap();
}
