//! What the API does when all is well.

use image::{DynamicImage, GenericImageView, ImageFormat, RgbaImage};
use reqwest::Response;
use serde_json::Value;

use crate::client::{Form, finished, get, http, result};
use crate::photos::{CHINA, FLOWER, ROCKET, assert_shows, encoded, sideways};
use crate::process::Service;

fn decoded(photo: &[u8]) -> DynamicImage {
    image::load_from_memory(photo).unwrap()
}

/// As `curl -F image=@photo.jpg -F width=320` sends it: the file first.
#[tokio::test]
async fn a_photo_comes_out_320_pixels_wide() {
    let service = Service::start(&[]);
    assert!(service.url().starts_with("http://127.0.0.1:"));
    let job = Form::new().file("flower.jpg", FLOWER).field("width", "320");
    let job = job.submit(service.url()).await;

    let images = finished(&job).await;
    let [flower] = &images[..] else { panic!("{images:?}") };
    assert_eq!(flower["name"], "flower.jpg");
    assert_eq!(flower["error"], Value::Null);
    assert_eq!(flower["format"], "jpeg");
    let times = ["created", "started", "finished"].map(|time| flower[time].as_str().unwrap());
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.iter().all(|time| time.len() == 24 && time.ends_with('Z')), "{times:?}");

    let small = result(service.url(), flower).await;
    assert_eq!(small.dimensions(), (320, 214));
    assert_shows(&small, &decoded(FLOWER));

    let at = format!("{}{}", service.url(), flower["result"].as_str().unwrap());
    let response = get(&at).await;
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    let tag = response.headers()["etag"].clone();
    let again = http().get(&at).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn several_photos_become_several_results() {
    let service = Service::start(&[]);
    for (format, media_type) in [("png", "image/png"), ("webp", "image/webp")] {
        let job = Form::new()
            .field("height", "100")
            .field("format", format)
            .file("flower.jpg", FLOWER)
            .file("china.jpg", CHINA)
            .file("rocket.jpg", ROCKET);
        let images = finished(&job.submit(service.url()).await).await;
        assert_eq!(images.len(), 3);
        for (image, original) in images.iter().zip([FLOWER, CHINA, ROCKET]) {
            assert_eq!(image["format"], format);
            let at = format!("{}{}", service.url(), image["result"].as_str().unwrap());
            assert_eq!(get(&at).await.headers()["content-type"], media_type);
            let small = result(service.url(), image).await;
            assert_eq!(small.dimensions(), (150, 100));
            assert_shows(&small, &decoded(original));
        }
    }
}

#[tokio::test]
async fn both_sides_are_filled() {
    let service = Service::start(&[]);
    let job = Form::new().file("china.jpg", CHINA).field("width", "120").field("height", "120");
    let images = finished(&job.submit(service.url()).await).await;
    let square = result(service.url(), &images[0]).await;
    assert_eq!(square.dimensions(), (120, 120));
    assert_shows(&square, &decoded(CHINA).crop_imm(106, 0, 427, 427));
}

#[tokio::test]
async fn a_photo_taken_sideways_comes_out_upright() {
    let service = Service::start(&[]);
    let job = Form::new().file("sideways.jpg", &sideways(ROCKET)).field("width", "100");
    let images = finished(&job.submit(service.url()).await).await;
    let upright = result(service.url(), &images[0]).await;
    assert_eq!(upright.dimensions(), (100, 150));
    assert_shows(&upright, &decoded(ROCKET).rotate90());
}

#[tokio::test]
async fn transparency_comes_out_as_it_was() {
    let service = Service::start(&[]);
    let mut photo: RgbaImage = decoded(FLOWER).to_rgba8();
    for (x, _, pixel) in photo.enumerate_pixels_mut() {
        pixel.0[3] = if x < 320 { 0 } else { 255 };
    }
    let png = encoded(&photo.into(), ImageFormat::Png);
    let job = Form::new().file("cut-out.png", &png).field("width", "64");
    let images = finished(&job.submit(service.url()).await).await;
    assert_eq!(images[0]["format"], "png");
    let small = result(service.url(), &images[0]).await.to_rgba8();
    assert_eq!(small.get_pixel(10, 20).0[3], 0);
    assert_eq!(small.get_pixel(50, 20).0[3], 255);
}

#[tokio::test]
async fn of_an_animation_the_first_frame_is_resized_and_the_job_says_so() {
    let service = Service::start(&[]);
    let mut gif = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
    for photo in [ROCKET, FLOWER] {
        let frame = decoded(photo).thumbnail(64, 64).into_rgba8();
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    let job = Form::new().file("two.gif", &gif).file("one.jpg", ROCKET).field("width", "32");
    let images = finished(&job.submit(service.url()).await).await;
    assert_eq!(images[0]["format"], "png");
    assert!(images[0]["warning"].as_str().unwrap().contains("first frame only"), "{images:?}");
    assert_eq!(images[1]["warning"], Value::Null);
    assert_shows(&result(service.url(), &images[0]).await, &decoded(ROCKET));
}

#[tokio::test]
async fn events_tell_how_far_a_job_is() {
    let service = Service::start(&["--concurrency", "1"]);
    let mut form = Form::new().field("width", "200");
    for _ in 0..4 {
        form = form.file("china.jpg", CHINA);
    }
    let job = form.submit(service.url()).await;

    let response = get(&format!("{job}/events")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    // The stream ends with the job.
    let events = events(response).await;
    assert!(events.len() > 1, "{events:?}");
    let (last, earlier) = events.split_last().unwrap();
    assert!(earlier.iter().all(|job| job["finished"].is_null()));
    assert!(last["finished"].is_string());
    let done = |job: &Value| {
        let images = job["images"].as_array().unwrap();
        images.iter().filter(|image| image["state"] == "done").count()
    };
    assert_eq!(done(last), 4);
    assert!(events.iter().map(done).is_sorted());
    // Told a second time, after all is over, it is the same.
    assert_eq!(self::events(get(&format!("{job}/events")).await).await, std::slice::from_ref(last));
}

/// All of a stream's events.
async fn events(response: Response) -> Vec<Value> {
    let stream = response.text().await.unwrap();
    let events = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    events.map(|data| serde_json::from_str(data).unwrap()).collect()
}
