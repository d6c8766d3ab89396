use msgflo::testing::Harness;
use uuid::Uuid;

use super::*;
use crate::images::Wanted;

const FLOWER: &[u8] = include_bytes!("../../tests/photos/flower.jpg");

async fn start(objects: Objects) -> Harness<ResizeImage> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let fetcher = Fetcher::new(1_000_000, false).unwrap();
    Harness::start(ResizeImage::new(objects, fetcher, 1_000_000)).await.unwrap()
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
        assert_eq!(objects.read(&result).await.unwrap().len() as u64, bytes);
    }
}

#[tokio::test]
async fn where_the_service_fails_the_order_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut resize = start(Objects::in_folder(folder.path()).unwrap()).await;
    let order = order();
    resize.send("in", Json(order.clone())).await.unwrap();
    let failed = outcome(&mut resize, "error").await;
    assert!(matches!(&failed, Outcome::Failed { error } if error.contains("again")), "{failed:?}");
    assert_eq!(resize.rejected::<Json<Order>>("in").await.unwrap().0, order);
}
