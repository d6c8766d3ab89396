//! A governor on a real RabbitMQ that goes away and comes back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use msgflo::transport::{Queue, Target};
use msgflo::{Message, Network};
use msgflo_guv::backend::process::Process;
use msgflo_guv::config::{Model, Role};
use msgflo_guv::governor::{Brokers, Event, Fault, Governor};
use msgflo_guv::metrics::Metrics;
use msgflo_test_broker::{RabbitMq, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::workplace::{PATIENCE, Workplace, until};

/// Polled often; two waiting jobs need a worker, and estimates are not remembered.
fn role() -> Role {
    let mut role = Role::new("resize");
    role.model = Model::Proportional;
    role.queue = "resize.IN".into();
    (role.minimum, role.maximum) = (0, 5);
    (role.processing, role.stddev, role.deadline) = (1.0, 0.0, 3.0);
    (role.pollinterval, role.history) = (0.05, 0.0);
    role
}

async fn declare(network: &Network) {
    let queue = Queue::inport("resize.IN");
    network.transport().declare(&queue).await.unwrap();
}

async fn send(network: &Network, count: usize) {
    for _ in 0..count {
        let to = Target::Inport("resize.IN");
        network.transport().publish(to, Message::new("a job")).await.unwrap();
    }
}

/// What a governor told, in the order in which it did.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn hear(&self, event: &Event<'_>) {
        let line = match event {
            Event::Scaled(change, outcome) => format!("scaled to {}: {outcome:?}", change.to),
            Event::Notice(notice) if notice.over => format!("over: {}", notice.text),
            Event::Notice(notice) if notice.fault == Fault::Reading => {
                format!("reading: {}", notice.text)
            }
            Event::Notice(notice) => format!("other: {}", notice.text),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn until(&self, what: &str) {
        let is_told = || self.lines().iter().any(|line| line.contains(what));
        until(is_told, || format!("`{what}` in {:#?}", self.lines())).await;
    }
}

#[tokio::test]
async fn the_queue_and_the_broker_may_come_later_and_go_meanwhile() {
    let mut rabbitmq = RabbitMq::start().unwrap();
    let url = rabbitmq.url();
    rabbitmq.kill();

    let place = Workplace::new();
    place.go();
    let commands = HashMap::from([("resize".into(), place.command())]);
    let backend = Arc::new(Process::new(commands, |_, how| panic!("{how}")));
    let (told, metrics) = (Told::default(), Metrics::new());
    let (hear, count) = (told.clone(), metrics.clone());
    let mut governor = Governor::new(backend.clone(), move |role, event| {
        hear.hear(event);
        count.observe(role, event);
    });
    let mut brokers = Brokers::default();
    metrics.add(&role());
    governor.add(role(), brokers.source(&url));
    let server = metrics.listen("127.0.0.1:0").await.unwrap();
    let address = server.address();
    let story = async {
        // Not there yet.
        told.until("cannot connect").await;
        rabbitmq.start_again().unwrap();
        // There, and without the queue.
        told.until("cannot use queue `resize.IN`").await;
        let network = msgflo::connect(&url).await.unwrap();
        declare(&network).await;
        told.until("over: its queue can be read again").await;
        assert_eq!(told.lines().len(), 3, "{:#?}", told.lines());

        send(&network, 3).await;
        told.until("scaled to 2").await;
        place.until("started", 2).await;
        // Until the next poll.
        until(|| metric(&metrics, "booting_workers") == 2.0, || metrics.text()).await;
        let scrape = scrape(address).await;
        for line in [
            "msgflo_guv_waiting_jobs{role=\"resize\"} 3.0",
            "msgflo_guv_estimated_workers{role=\"resize\"} 2.0",
            "msgflo_guv_wanted_workers{role=\"resize\"} 2.0",
            "msgflo_guv_actual_workers{role=\"resize\"} 2.0",
            "msgflo_guv_booting_workers{role=\"resize\"} 2.0",
            "msgflo_guv_changes_total{role=\"resize\",direction=\"down\"} 0",
        ] {
            assert!(scrape.lines().any(|other| other == line), "{line} in {scrape}");
        }

        // Killed: the workers stay, however long it takes.
        rabbitmq.kill();
        told.until("is lost").await;
        until(
            || metric(&metrics, "errors_total{role=\"resize\",kind=\"unreachable\"}") > 10.0,
            || metrics.text(),
        )
        .await;
        assert_eq!(place.count("asked"), 0);
        assert!(metric(&metrics, "since_reading_seconds{role=\"resize\"}") > 0.0);
        let lost = told.lines().len();
        rabbitmq.start_again().unwrap();
        until(|| told.lines().len() > lost, || "nothing".into()).await;
        assert!(told.lines()[lost].starts_with("over: "), "{:#?}", told.lines());

        // It goes on: nobody has done the jobs, and now they are gone.
        let mut jobs = network.transport().consume("resize.IN", 10).await.unwrap();
        for _ in 0..3 {
            jobs.next().await.unwrap().unwrap().acknowledge();
        }
        told.until("scaled to 0").await;
        place.until("finished", 2).await;
        assert_eq!(told.lines().len(), lost + 2, "{:#?}", told.lines());
        let _ = network.shutdown().await;
    };
    tokio::select! {
        () = governor.run() => panic!("it ended"),
        ended = server.run() => panic!("{ended:?}"),
        finished = tokio::time::timeout(PATIENCE * 3, story) => finished.unwrap(),
    }
    brokers.shutdown().await;
    backend.stop().await;
}

fn metric(metrics: &Metrics, name: &str) -> f64 {
    let text = metrics.text();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = lines.find(|line| line.contains(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

async fn scrape(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: application/openmetrics-text"), "{answer}");
    answer
}

#[tokio::test]
async fn one_broker_that_does_not_answer_holds_up_no_role_on_another() {
    let rabbitmq = RabbitMq::start().unwrap();
    let network = msgflo::connect(&rabbitmq.url()).await.unwrap();
    declare(&network).await;
    send(&network, 3).await;
    // Takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("amqp://guest:guest@{}/", silent.local_addr().unwrap());
    let nobody = format!("amqp://guest:guest@127.0.0.1:{}/", free_port().unwrap());

    let place = Workplace::new();
    place.go();
    let commands = ["resize", "first", "second"].map(|role| (role.to_owned(), place.command()));
    let backend = Arc::new(Process::new(HashMap::from(commands), |_, how| panic!("{how}")));
    let told = Told::default();
    let hear = told.clone();
    let mut governor = Governor::new(backend.clone(), move |_, event| hear.hear(event));
    let mut brokers = Brokers::default();
    for (name, url) in [("first", &silent), ("second", &nobody), ("resize", &rabbitmq.url())] {
        let mut role = role();
        role.name = name.into();
        governor.add(role, brokers.source(url));
    }
    tokio::select! {
        () = governor.run() => panic!("it ended"),
        _ = place.until("started", 2) => {}
    }
    assert_eq!(backend.processes(), 2);
    brokers.shutdown().await;
    backend.stop().await;
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = Metrics::new().listen(&address).await.err().unwrap().to_string();
    assert!(error.contains(&address) && error.contains("in use"), "{error}");
}
