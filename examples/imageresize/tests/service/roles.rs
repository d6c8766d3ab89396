//! The roles as processes of their own, on a real RabbitMQ, a real Mosquitto, and on ZeroMQ with
//! the hub in one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use msgflo::transport::Queue;
use msgflo_test_broker::{Mosquitto, RabbitMq, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::client::{Form, finished, get as get_url, result, submit_urls, until};
use crate::photos::{CHINA, FLOWER, assert_shows};
use crate::process::{PATIENCE, Process};

/// The roles' processes on one broker, with one data folder.
pub struct Roles {
    url: String,
    folder: TempDir,
}

impl Roles {
    pub fn on(url: impl Into<String>) -> Self {
        Self { url: url.into(), folder: tempfile::tempdir().unwrap() }
    }

    pub fn start(&self, role: &str, arguments: &[&str]) -> Process {
        let data = self.folder.path().to_str().unwrap();
        let mut all = vec![role, "--broker", &self.url, "--data", data];
        all.extend(arguments);
        Process::start(&all)
    }

    pub fn web(&self) -> Process {
        self.start("web", &["--listen", "127.0.0.1:0"])
    }

    pub fn resize(&self) -> Process {
        self.start("resize", &["--concurrency", "1", "--allow-private-urls"])
    }
}

/// Nothing but the processes: the first one is the hub.
pub fn hub_url() -> String {
    format!("zmq://127.0.0.1:{}?hub=auto", free_port().unwrap())
}

/// Makes a scenario a test on each broker, `SCENARIO::rabbitmq` and so on.
macro_rules! on_each_broker {
    ($($scenario:ident),+ $(,)?) => {$(
        mod $scenario {
            use super::*;

            #[tokio::test]
            async fn rabbitmq() {
                let broker = RabbitMq::start().unwrap();
                super::$scenario(Roles::on(broker.url())).await;
            }

            #[tokio::test]
            async fn mosquitto() {
                let broker = Mosquitto::start().unwrap();
                super::$scenario(Roles::on(broker.url())).await;
            }

            #[tokio::test]
            async fn zeromq() {
                super::$scenario(Roles::on(hub_url())).await;
            }
        }
    )+};
}

on_each_broker![a_killed_worker_s_image_is_done_by_another, roles_start_in_any_order];

fn in_state(job: &Value, state: &str) -> usize {
    job["images"].as_array().unwrap().iter().filter(|image| image["state"] == state).count()
}

/// A site whose first answer never comes. Tells when it is asked for it.
async fn site() -> (String, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/flower.jpg", listener.local_addr().unwrap());
    let asked = Arc::new(Notify::new());
    let (count, tell) = (Arc::new(AtomicUsize::new(0)), asked.clone());
    let answer = move || {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        tell.notify_one();
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            FLOWER
        }
    };
    let site = Router::new().route("/flower.jpg", get(answer));
    tokio::spawn(async move { axum::serve(listener, site).await });
    (url, asked)
}

async fn a_killed_worker_s_image_is_done_by_another(roles: Roles) {
    let store = roles.start("store", &[]);
    let web = roles.web();
    let first = roles.resize();

    let (photo, asked) = site().await;
    let job = submit_urls(web.url(), json!([{ "url": photo, "width": 64 }])).await;
    asked.notified().await;
    until(&job, |job| in_state(job, "processing") == 1).await;
    first.kill();
    let _second = roles.resize();
    let images = finished(&job).await;
    assert_eq!(result(web.url(), &images[0]).await.width(), 64);

    // Two share what is to be done; one is killed while both are at it.
    let third = roles.resize();
    let mut form = Form::new().field("width", "400");
    for _ in 0..10 {
        form = form.file("china.jpg", CHINA);
    }
    let job = form.submit(web.url()).await;
    until(&job, |job| in_state(job, "processing") == 2 || in_state(job, "done") > 4).await;
    third.kill();
    let original = image::load_from_memory(CHINA).unwrap();
    let images = finished(&job).await;
    assert_eq!(images.len(), 10);
    for image in &images {
        assert_shows(&result(web.url(), image).await, &original);
    }
    assert!(store.terminate().success());
    assert!(web.terminate().success());
}

async fn roles_start_in_any_order(roles: Roles) {
    let web = roles.web();
    let job = Form::new().file("flower.jpg", FLOWER).field("width", "64").submit(web.url()).await;
    // What was taken is not forgotten with the process that took it.
    web.kill();
    let web = roles.web();
    let job = format!("{}{}", web.url(), &job[job.find("/jobs/").unwrap()..]);
    let _resize = roles.resize();
    let _store = roles.start("store", &[]);
    let images = finished(&job).await;
    assert_eq!(result(web.url(), &images[0]).await.width(), 64);
}

#[tokio::test]
async fn the_service_is_ready_while_it_has_its_broker() {
    let mut broker = Mosquitto::start().unwrap();
    let web = Roles::on(broker.url()).web();
    let status =
        async |path: &str| get_url(&format!("{}{path}", web.url())).await.status().as_u16();
    let becomes = async |expected: u16| {
        let deadline = Instant::now() + PATIENCE;
        while status("/readyz").await != expected {
            assert!(Instant::now() < deadline, "/readyz does not become {expected}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(status("/healthz").await, 200);
    };
    becomes(200).await;
    broker.kill();
    becomes(503).await;
    broker.start_again().unwrap();
    becomes(200).await;
}

#[tokio::test]
async fn what_was_in_a_hub_that_died_is_sent_again() {
    let roles = Roles::on(hub_url());
    let hub = roles.start("store", &[]);
    let web = roles.web();
    let job = Form::new().file("flower.jpg", FLOWER).field("width", "64").submit(web.url()).await;
    let orders = msgflo::connect(&roles.url).await.unwrap();
    // The order is in the hub, and nobody has taken it yet.
    while orders.statistics("resize.IN").await.unwrap().waiting == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    orders.shutdown().await.unwrap();
    hub.kill();
    let _store = roles.start("store", &[]);
    let _resize = roles.resize();
    let images = finished(&job).await;
    assert_eq!(result(web.url(), &images[0]).await.width(), 64);
}

#[tokio::test]
async fn what_an_mqtt_broker_has_forgotten_is_sent_again() {
    let mut broker = Mosquitto::start().unwrap();
    let roles = Roles::on(broker.url());
    let _store = roles.start("store", &[]);
    let web = roles.web();
    let witness = msgflo::connect(&roles.url).await.unwrap();
    let queue = Queue::inport("witness").persistent(false);
    witness.transport().declare(&queue).await.unwrap();
    let mut orders = witness.transport().consume("witness", 1).await.unwrap();
    witness.bind("web.RESIZE", "witness").await.unwrap();
    let job = Form::new().file("flower.jpg", FLOWER).field("width", "64").submit(web.url()).await;
    // The order is in the broker, and nobody has taken it yet.
    orders.next().await.unwrap().unwrap().acknowledge();
    witness.shutdown().await.unwrap();
    broker.kill();
    let stored = broker.folder().join("mosquitto.db");
    if stored.exists() {
        std::fs::remove_file(stored).unwrap();
    }
    broker.start_again().unwrap();
    let _resize = roles.resize();
    let images = finished(&job).await;
    assert_eq!(result(web.url(), &images[0]).await.width(), 64);
}
