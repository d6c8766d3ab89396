//! The roles as processes of their own, on a real RabbitMQ, and on ZeroMQ with the hub in one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use msgflo_test_broker::{RabbitMq, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::client::{Form, finished, result, submit_urls, until};
use crate::photos::{CHINA, FLOWER, assert_shows};
use crate::process::Process;

struct Roles {
    url: String,
    _broker: Option<RabbitMq>,
    folder: TempDir,
}

impl Roles {
    fn on_rabbitmq() -> Self {
        let broker = RabbitMq::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { url: broker.url(), _broker: Some(broker), folder }
    }

    /// Nothing but these processes: the first one is the hub.
    fn on_zeromq() -> Self {
        let url = format!("zmq://127.0.0.1:{}?hub=auto", free_port().unwrap());
        Self { url, _broker: None, folder: tempfile::tempdir().unwrap() }
    }

    fn start(&self, role: &str, arguments: &[&str]) -> Process {
        let data = self.folder.path().to_str().unwrap();
        let mut all = vec![role, "--broker", &self.url, "--data", data];
        all.extend(arguments);
        Process::start(&all)
    }

    fn web(&self) -> Process {
        self.start("web", &["--listen", "127.0.0.1:0"])
    }

    fn resize(&self) -> Process {
        self.start("resize", &["--concurrency", "1", "--allow-private-urls"])
    }
}

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

#[tokio::test]
async fn a_killed_worker_s_image_is_done_by_another_on_rabbitmq() {
    a_killed_worker_s_image_is_done_by_another(Roles::on_rabbitmq()).await;
}

#[tokio::test]
async fn a_killed_worker_s_image_is_done_by_another_on_zeromq() {
    a_killed_worker_s_image_is_done_by_another(Roles::on_zeromq()).await;
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

#[tokio::test]
async fn roles_start_in_any_order_on_rabbitmq() {
    roles_start_in_any_order(Roles::on_rabbitmq()).await;
}

#[tokio::test]
async fn roles_start_in_any_order_on_zeromq() {
    roles_start_in_any_order(Roles::on_zeromq()).await;
}

#[tokio::test]
async fn what_was_in_a_hub_that_died_is_sent_again() {
    let roles = Roles::on_zeromq();
    let hub = roles.start("store", &[]);
    let web = roles.web();
    let job = Form::new().file("flower.jpg", FLOWER).field("width", "64").submit(web.url()).await;
    let orders = msgflo::connect(&roles.url).await.unwrap();
    // The order is in the hub, and nobody has taken it yet.
    while orders.statistics("resize.IN").await.unwrap().waiting == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    orders.shutdown().await.unwrap();
    hub.kill();
    let _store = roles.start("store", &[]);
    let _resize = roles.resize();
    let images = finished(&job).await;
    assert_eq!(result(web.url(), &images[0]).await.width(), 64);
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
