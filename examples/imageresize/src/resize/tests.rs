use std::time::Duration;

use msgflo::testing::Harness;
use uuid::Uuid;

use super::*;
use crate::images::Wanted;

const FLOWER: &[u8] = include_bytes!("../../tests/photos/flower.jpg");

async fn start(objects: Objects) -> Harness<ResizeImage> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let fetcher = Fetcher::new(1_000_000, false).unwrap();
    let memory = Memory::new(64 << 20);
    Harness::start(ResizeImage::new(objects, fetcher, memory, 1_000_000)).await.unwrap()
}

fn order() -> Order {
    let (job, image) = (Uuid::new_v4(), Uuid::new_v4());
    let wanted = Wanted { width: Some(64), ..Wanted::default() };
    Order { job, image, source: Source::Object(objects::original(image)), wanted }
}

async fn outcome(resize: &mut Harness<ResizeImage>, outport: &str) -> Outcome {
    resize.receive::<Json<Report>>(outport).await.unwrap().0.outcome
}

#[tokio::test]
async fn an_image_comes_out_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::in_folder(folder.path()).unwrap();
    let mut resize = start(objects.clone()).await;
    let order = order();
    objects.write(&objects::original(order.image), FLOWER).await.unwrap();
    // Twice, as it may be delivered twice.
    for _ in 0..2 {
        resize.send("in", Json(order.clone())).await.unwrap();
        assert_eq!(outcome(&mut resize, "out").await, Outcome::Processing);
        let done = outcome(&mut resize, "out").await;
        let Outcome::Done { result, width: 64, height: 43, bytes, .. } = done else {
            panic!("{done:?}")
        };
        assert_eq!(objects.read(&result).await.unwrap().unwrap().len() as u64, bytes);
    }
}

#[test]
fn failures_are_told_of_after_the_last_attempt() {
    let inport = ResizeImage::component().inports.into_iter().find(|port| port.id == "in").unwrap();
    assert_eq!(inport.attempts, Some(ATTEMPTS));
    let origin = |after| Trouble::Origin { reason: "busy".into(), after };
    let service = || Trouble::Service(msgflo::Error::message("full"));
    let unusable = || Trouble::Image(Unusable("torn".into()));
    // What is told, and whether the order is kept; nothing before the last attempt.
    let cases = [
        (unusable(), false, Some(("torn", false))),
        (unusable(), true, Some(("torn", false))),
        (origin(None), false, None),
        (origin(Some(Duration::from_secs(7))), false, None),
        (origin(None), true, Some(("busy (asked 5 times)", false))),
        (Trouble::Gone, false, Some(("the image is no longer kept; send it again", true))),
        (service(), false, None),
        (
            service(),
            true,
            Some(("the service could not keep the image; send it again later", true)),
        ),
    ];
    for (trouble, is_last, expected) in cases {
        let ended = trouble.end(&order(), is_last).ok();
        let ended = ended.as_ref().map(|(error, ended)| (error.as_str(), ended.is_err()));
        assert_eq!(ended, expected);
    }
}

#[tokio::test]
async fn an_image_that_needs_too_much_memory_is_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::in_folder(folder.path()).unwrap();
    let fetcher = Fetcher::new(1_000_000, false).unwrap();
    let resize = ResizeImage::new(objects.clone(), fetcher, Memory::new(3 << 20), 1_000_000);
    let mut resize = Harness::start(resize).await.unwrap();
    let order = order();
    objects.write(&objects::original(order.image), FLOWER).await.unwrap();
    resize.send("in", Json(order)).await.unwrap();
    let failed = outcome(&mut resize, "error").await;
    let Outcome::Failed { error } = failed else { panic!("{failed:?}") };
    assert!(error.contains("MiB of memory") && error.contains("has 3"), "{error}");
}

#[tokio::test]
async fn where_the_original_is_gone_the_order_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut resize = start(Objects::in_folder(folder.path()).unwrap()).await;
    let order = order();
    resize.send("in", Json(order.clone())).await.unwrap();
    let failed = outcome(&mut resize, "error").await;
    assert!(matches!(&failed, Outcome::Failed { error } if error.contains("again")), "{failed:?}");
    assert_eq!(resize.rejected::<Json<Order>>("in").await.unwrap().0, order);
}
