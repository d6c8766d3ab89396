//! What becomes of jobs when the service stops.

use std::time::{Duration, Instant};

use crate::client::{Form, finished, get, result, until};
use crate::photos::{CHINA, FLOWER};
use crate::process::{PATIENCE, Service};

async fn long_job(service: &Service) -> String {
    let mut form = Form::new().field("width", "300");
    for _ in 0..12 {
        form = form.file("china.jpg", CHINA);
    }
    form.submit(service.url()).await
}

fn path(job: &str) -> String {
    job[job.find("/jobs/").unwrap()..].to_owned()
}

async fn done(job: &str) {
    let one_done = |job: &serde_json::Value| {
        job["images"].as_array().unwrap().iter().any(|image| image["state"] == "done")
    };
    until(job, one_done).await;
}

#[tokio::test]
async fn a_killed_service_goes_on_where_it_was() {
    let service = Service::start(&["--concurrency", "1"]);
    let job = long_job(&service).await;
    done(&job).await;
    let service = service.kill_and_restart(&["--concurrency", "2"]);
    let images = finished(&format!("{}{}", service.url(), path(&job))).await;
    assert_eq!(images.len(), 12);
    for image in &images {
        assert_eq!(result(service.url(), image).await.width(), 300);
    }
}

#[tokio::test]
async fn finished_jobs_are_deleted_after_their_time_and_a_restart() {
    let service = Service::start(&["--keep", "forever"]);
    let job = Form::new().file("flower.jpg", FLOWER).field("width", "64");
    let job = job.submit(service.url()).await;
    let image = finished(&job).await.remove(0);
    let files = |service: &Service| {
        let count = |folder| {
            let folder = service.folder().join("data/objects").join(folder);
            std::fs::read_dir(folder).map_or(0, Iterator::count)
        };
        count("originals") + count("results")
    };
    assert_eq!(files(&service), 2);

    let service = service.terminate_and_restart(&["--keep", "24h"]);
    let job = format!("{}{}", service.url(), path(&job));
    let at = |service: &Service| format!("{}{}", service.url(), image["result"].as_str().unwrap());
    assert_eq!(get(&job).await.status(), 200);
    assert_eq!(get(&at(&service)).await.status(), 200);

    let service = service.kill_and_restart(&["--keep", "1ms"]);
    let job = format!("{}{}", service.url(), path(&job));
    let deadline = Instant::now() + PATIENCE;
    while get(&job).await.status() != 404 {
        assert!(Instant::now() < deadline, "the job is not deleted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get(&at(&service)).await.status(), 404);
    assert_eq!(files(&service), 0);
}

#[tokio::test]
async fn a_service_that_is_asked_to_stop_does_and_keeps_all() {
    let service = Service::start(&["--concurrency", "1"]);
    let early = Form::new().file("flower.jpg", FLOWER).field("width", "64");
    let early = early.submit(service.url()).await;
    let before = finished(&early).await;
    let late = long_job(&service).await;
    // Whoever follows a job must not keep the service from stopping.
    let events = get(&format!("{late}/events")).await;
    done(&late).await;

    let service = service.terminate_and_restart(&[]);
    assert!(events.text().await.is_ok());
    assert_eq!(finished(&format!("{}{}", service.url(), path(&early))).await, before);
    assert_eq!(result(service.url(), &before[0]).await.width(), 64);
    for image in finished(&format!("{}{}", service.url(), path(&late))).await {
        result(service.url(), &image).await;
    }
}
