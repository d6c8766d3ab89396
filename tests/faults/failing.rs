//! What fails, and what kills: attempts are made though workers are killed meanwhile, and a message that
//! ends its process takes no other with it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use msgflo::transport::{Deliveries, Queue, Target};
use msgflo::{Message, Network, reserved};
use msgflo_test_broker::{Mosquitto, RabbitMq};
use tokio::time::timeout;

use crate::worker::Worker;

/// Longer than anything here takes; only a loss makes a test wait for it.
const DEADLINE: Duration = Duration::from_secs(120);
const MESSAGES: usize = 1_000;

async fn connect(url: &str, role: &str) -> (Network, Deliveries) {
    let network = msgflo::connect(url).await.unwrap();
    let transport = network.transport();
    let [inport, outport, end] = ["IN", "OUT", "END"].map(|port| format!("{role}.{port}"));
    transport.declare(&Queue::inport(&*inport)).await.unwrap();
    transport.declare(&Queue::outport(&*outport)).await.unwrap();
    transport.declare(&Queue::inport(&*end)).await.unwrap();
    network.bind(&outport, &end).await.unwrap();
    let outputs = transport.consume(&end, 500).await.unwrap();
    (network, outputs)
}

async fn next(deliveries: &mut Deliveries, what: &str) -> Message {
    let delivery = timeout(DEADLINE, deliveries.next()).await;
    let mut delivery = delivery.unwrap_or_else(|_| panic!("no more {what}")).unwrap().unwrap();
    let message = std::mem::take(&mut delivery.message);
    delivery.acknowledge();
    message
}

/// A thousand messages fail twice and then succeed, while workers are killed.
async fn what_fails_twice_comes_out_once(url: &str) {
    let (network, mut outputs) = connect(url, "retry").await;
    let transport = network.transport();
    stream::iter(0..MESSAGES)
        .map(|number| {
            let message = Message::new(number.to_string()).with_id(format!("message-{number}"));
            transport.publish(Target::Outport("retry.IN"), message)
        })
        .buffer_unordered(500)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    let arguments = ["--role", "retry", "--broker", url];
    let start = || Worker::start_at_all("retry", &arguments).unwrap();
    let mut workers = vec![start(), start()];
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    while ids.len() < MESSAGES {
        let message = next(&mut outputs, "outputs").await;
        let text = String::from_utf8(message.payload.to_vec()).unwrap();
        let id = message.id.map(|id| id.to_string()).unwrap_or_else(|| text.clone());
        ids.entry(text).or_default().insert(id);
        if ids.len() == 200 || ids.len() == 600 {
            workers.remove(0).kill();
            workers.push(start());
        }
    }
    // Whatever came out twice, came under the same id.
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    let different: HashSet<_> = ids.values().flatten().collect();
    assert_eq!(different.len(), MESSAGES);
    // No dead letter is before this one.
    let dead = transport.dead_letter_queue("retry.IN");
    transport.publish(Target::Inport(&dead), Message::new("end")).await.unwrap();
    let mut dead_letters = transport.consume(&dead, 10).await.unwrap();
    assert_eq!(next(&mut dead_letters, "dead letters").await.payload, "end");
    drop(workers);
    network.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_twice_comes_out_once_on_rabbitmq() {
    let broker = RabbitMq::start().unwrap();
    what_fails_twice_comes_out_once(&broker.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_twice_comes_out_once_on_mqtt() {
    let broker = Mosquitto::start().unwrap();
    what_fails_twice_comes_out_once(&broker.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_twice_comes_out_once_on_mqtt_5() {
    let broker = Mosquitto::start().unwrap();
    what_fails_twice_comes_out_once(&format!("{}?version=5", broker.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_twice_comes_out_once_on_zmq() {
    let hub = msgflo::zmq::Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    what_fails_twice_comes_out_once(hub.url()).await;
}

/// Among ten good messages, one aborts the process, which is started again each time.
async fn what_aborts_the_process_is_given_up(url: &str) {
    let (network, mut outputs) = connect(url, "patient").await;
    let transport = network.transport();
    for number in 0..11 {
        let text = if number == 4 { "abort".into() } else { format!("good {number}") };
        transport.publish(Target::Inport("patient.IN"), Message::new(text)).await.unwrap();
    }
    let mut dead_letters =
        transport.consume(&transport.dead_letter_queue("patient.IN"), 10).await.unwrap();
    let restart = async {
        loop {
            let arguments = ["--role", "patient", "--broker", url, "--max-deliveries", "4"];
            let arguments = arguments.map(str::to_owned);
            let worker = tokio::task::spawn_blocking(move || {
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                Worker::start_at_all("patient", &arguments)
            });
            let Some(mut worker) = worker.await.unwrap() else { continue };
            while !worker.has_ended() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let come_out = async {
        let mut good = HashSet::new();
        while good.len() < 10 {
            let message = next(&mut outputs, "outputs").await;
            good.insert(String::from_utf8(message.payload.to_vec()).unwrap());
        }
        next(&mut dead_letters, "dead letters").await
    };
    let dead = tokio::select! {
        () = restart => unreachable!("it goes on for ever"),
        dead = come_out => dead,
    };
    assert_eq!(dead.payload, "abort");
    if transport.abilities().headers {
        let error = dead.headers().get(reserved::ERROR).unwrap_or_default();
        assert!(error.contains("delivered 4 times and never settled"), "{error}");
    }
    network.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aborts_the_process_is_given_up_on_rabbitmq() {
    let broker = RabbitMq::start().unwrap();
    what_aborts_the_process_is_given_up(&broker.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aborts_the_process_is_given_up_on_mqtt() {
    let broker = Mosquitto::start().unwrap();
    what_aborts_the_process_is_given_up(&broker.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aborts_the_process_is_given_up_on_mqtt_5() {
    let broker = Mosquitto::start().unwrap();
    what_aborts_the_process_is_given_up(&format!("{}?version=5", broker.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aborts_the_process_is_given_up_on_zmq() {
    let hub = msgflo::zmq::Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    what_aborts_the_process_is_given_up(hub.url()).await;
}
