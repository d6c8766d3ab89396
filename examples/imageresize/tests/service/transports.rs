//! The same service on every transport, chosen by the URL alone.

use msgflo_test_broker::{Mosquitto, RabbitMq};

use crate::client::{Form, finished, result};
use crate::photos::{CHINA, FLOWER, ROCKET, assert_shows};
use crate::process::Service;
use crate::roles::{Roles, hub_url};

#[tokio::test]
async fn the_service_resizes_photos_on_every_transport() {
    let (rabbitmq, mosquitto) = (RabbitMq::start().unwrap(), Mosquitto::start().unwrap());
    for url in ["memory://".into(), rabbitmq.url(), mosquitto.url(), hub_url()] {
        // Shown if the test fails.
        println!("on {url}");
        if url.starts_with("memory:") {
            // Within one process, as the URL says.
            photos_are_resized(Service::start(&[]).url()).await;
        } else {
            let roles = Roles::on(url);
            let _workers = [roles.start("store", &[]), roles.resize(), roles.resize()];
            photos_are_resized(roles.web().url()).await;
        }
    }
}

async fn photos_are_resized(service: &str) {
    let photos = [("flower.jpg", FLOWER), ("china.jpg", CHINA), ("rocket.jpg", ROCKET)];
    let mut form = Form::new().field("width", "320");
    for (name, photo) in photos {
        form = form.file(name, photo);
    }
    let images = finished(&form.submit(service).await).await;
    assert_eq!(images.len(), photos.len());
    for (image, (name, photo)) in images.iter().zip(photos) {
        assert_eq!(image["name"], name);
        let original = image::load_from_memory(photo).unwrap();
        let resized = result(service, image).await;
        assert_eq!(resized.width(), 320);
        let height = f64::from(original.height()) * 320.0 / f64::from(original.width());
        assert_eq!(resized.height(), height.round() as u32);
        assert_shows(&resized, &original);
    }
}
