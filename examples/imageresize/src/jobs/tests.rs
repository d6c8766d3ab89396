use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::format::Format;
use crate::images::Wanted;
use crate::messages::{Order, Outcome, Report, Source};

struct Fixture {
    jobs: Jobs,
    order: Order,
    folder: TempDir,
}

async fn one_image() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let jobs = Jobs::open(folder.path()).unwrap();
    let (job, image) = (Uuid::new_v4(), Uuid::new_v4());
    let source = Source::Object(format!("originals/{image}"));
    let order = Order { job, image, source, wanted: Wanted::default() };
    jobs.add(job, vec![NewImage { name: None, order: order.clone() }]).await.unwrap();
    Fixture { jobs, order, folder }
}

impl Fixture {
    async fn record(&self, second: u32, outcome: Outcome) {
        let at = format!("2026-11-24T15:12:{second:02}.000Z");
        let Order { job, image, .. } = self.order;
        self.jobs.record(Report { job, image, at, outcome }).await.unwrap();
    }

    async fn image(&self) -> Image {
        self.jobs.image(self.order.image).await.unwrap().unwrap()
    }
}

fn done() -> Outcome {
    let (format, warning) = (Format::Png, Some("a part".into()));
    Outcome::Done { result: "r".into(), width: 2, height: 1, format, bytes: 7, warning }
}

fn failed() -> Outcome {
    Outcome::Failed { error: "no".into() }
}

#[tokio::test]
async fn reports_may_repeat_and_come_late() {
    let fixture = one_image().await;
    fixture.record(1, Outcome::Processing).await;
    fixture.record(2, Outcome::Processing).await;
    assert_eq!(fixture.image().await.state, State::Processing);
    fixture.record(3, done()).await;
    let image = fixture.image().await;
    assert_eq!((image.state, image.width, image.bytes), (State::Done, Some(2), Some(7)));
    assert_eq!(image.warning.as_deref(), Some("a part"));
    assert_eq!(image.started.as_deref(), Some("2026-11-24T15:12:01.000Z"));
    assert_eq!(image.finished.as_deref(), Some("2026-11-24T15:12:03.000Z"));
    for late in [Outcome::Processing, failed(), done()] {
        fixture.record(4, late).await;
        assert_eq!(fixture.image().await, image);
    }
}

#[tokio::test]
async fn what_failed_may_be_done_after_all() {
    let fixture = one_image().await;
    fixture.record(1, failed()).await;
    let image = fixture.image().await;
    assert_eq!((image.state, image.error.as_deref()), (State::Failed, Some("no")));
    assert!(fixture.jobs.job(fixture.order.job).await.unwrap().unwrap().finished.is_some());
    fixture.record(2, Outcome::Processing).await;
    assert_eq!(fixture.image().await.state, State::Failed);
    fixture.record(3, done()).await;
    assert_eq!((fixture.image().await.state, fixture.image().await.error), (State::Done, None));
}

#[tokio::test]
async fn a_job_ends_when_all_of_it_was_finished_for_long_enough() {
    let Fixture { jobs, order, folder: _folder } = one_image().await;
    let (job, second) = (Uuid::new_v4(), Uuid::new_v4());
    let mut of_two = Vec::new();
    for image in [Uuid::new_v4(), second] {
        of_two.push(NewImage { name: None, order: Order { job, image, ..order.clone() } });
    }
    jobs.add(job, of_two).await.unwrap();
    let record = async |image, at: &str, outcome| {
        jobs.record(Report { job, image, at: at.into(), outcome }).await.unwrap();
    };
    let old = async |time: &str| jobs.finished_before(time.into(), 9).await.unwrap();
    record(order.image, "2026-11-24T10:00:00.000Z", done()).await;
    record(second, "2026-11-24T12:00:00.000Z", failed()).await;

    let first = expiry::Finished { job: order.job, images: vec![order.image] };
    assert_eq!(old("2026-11-24T10:00:00.000Z").await, []);
    // One image of the other job is not finished.
    assert_eq!(old("2026-12-31T00:00:00.000Z").await, [first]);
    jobs.forget(order.job).await.unwrap();
    assert!(jobs.job(order.job).await.unwrap().is_none());
    assert_eq!(old("2026-12-31T00:00:00.000Z").await, []);
    assert_eq!(jobs.job(job).await.unwrap().unwrap().images.len(), 2);
}

#[tokio::test]
async fn a_report_on_an_unknown_image_is_an_error() {
    let fixture = one_image().await;
    let mut order = fixture.order.clone();
    order.image = Uuid::new_v4();
    let error = fixture.jobs.record(order.report(done())).await.unwrap_err();
    assert!(error.to_string().contains("the same --data"), "{error}");
}

#[tokio::test]
async fn orders_are_sent_until_the_broker_has_them() {
    let Fixture { jobs, order, folder } = one_image().await;
    assert_eq!(jobs.unsent(9).await.unwrap(), std::slice::from_ref(&order));
    // Another process sees the same.
    let other = Jobs::open(folder.path()).unwrap();
    other.mark_sent(&other.unsent(9).await.unwrap()).await.unwrap();
    assert_eq!(jobs.unsent(9).await.unwrap(), []);
    jobs.send_unfinished_again().await.unwrap();
    assert_eq!(jobs.unsent(9).await.unwrap(), std::slice::from_ref(&order));
    jobs.record(order.report(done())).await.unwrap();
    jobs.mark_sent(&[order]).await.unwrap();
    jobs.send_unfinished_again().await.unwrap();
    assert_eq!(jobs.unsent(9).await.unwrap(), []);
}

#[tokio::test]
async fn the_version_changes_when_another_connection_writes() {
    let fixture = one_image().await;
    let other = Jobs::open(fixture.folder.path()).unwrap();
    let before = other.version().await.unwrap();
    assert_eq!(other.version().await.unwrap(), before);
    fixture.record(1, Outcome::Processing).await;
    assert_ne!(other.version().await.unwrap(), before);
}

#[test]
fn processes_may_open_it_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| Jobs::open(folder.path()).unwrap());
        }
    });
}

#[test]
fn messages_are_as_other_languages_expect_them() {
    let id = Uuid::nil();
    let wanted = Wanted { width: Some(640), height: None, format: Some(Format::Webp) };
    let source = Source::Url("https://example.com/a.jpg".parse().unwrap());
    let order = Order { job: id, image: id, source, wanted };
    let expected = json!({ "job": id, "image": id, "source": { "url": "https://example.com/a.jpg" },
        "width": 640, "format": "webp" });
    assert_eq!(serde_json::to_value(&order).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Order>(expected).unwrap(), order);
    let report = Report { job: id, image: id, at: "now".into(), outcome: failed() };
    let expected = json!({ "job": id, "image": id, "at": "now", "state": "failed", "error": "no" });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
}
