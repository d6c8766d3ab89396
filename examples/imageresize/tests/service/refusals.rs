//! What cannot be done is said in a sentence, and all else goes on.

use image::ImageFormat;
use serde_json::Value;

use crate::client::{Form, finished, get, http, json, post, result};
use crate::photos::{FLOWER, bomb, encoded};
use crate::process::Service;

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let service = Service::start(&[]);
    let url = service.url();
    let flower = || Form::new().file("flower.jpg", FLOWER);
    let with = |name, value| flower().field(name, value);
    let forms = [
        (flower(), "neither width nor height"),
        (with("width", "0"), "width must be a whole number of pixels from 1 to 16383, not `0`"),
        (with("height", "0"), "height must be"),
        (with("width", "-5"), "not `-5`"),
        (with("width", "wide"), "not `wide`"),
        (with("width", "320.5"), "not `320.5`"),
        (with("width", "1000000"), "not `1000000`"),
        (with("width", "99999999999999999999"), "not `99999999999999999999`"),
        (with("width", "320").field("format", "tiff"), "jpeg, png or webp, not `tiff`"),
        (with("width", "320").field("quality", "9"), "no field `quality`"),
        (with("width", &"9".repeat(500)), "too long"),
        (Form::new().field("width", "320"), "no image"),
    ];
    for (form, sentence) in forms {
        assert_refused(form.post(url).await, 400, sentence).await;
    }

    let bodies = [
        ("application/json", "", 400, "not a job"),
        ("application/json", "{\"images\":", 400, "not a job"),
        ("application/json", r#"{"images":[]}"#, 400, "no image"),
        ("application/json", r#"{"images":[{"url":"x","width":1}]}"#, 400, "images[0]: `x`"),
        ("application/json", r#"{"images":[{"url":"file:///etc/passwd","width":1}]}"#, 400, "http"),
        ("application/json", r#"{"images":[{"url":"http://x/","width":0}]}"#, 400, "not `0`"),
        ("application/json", r#"{"images":[{"url":"http://x/"}]}"#, 400, "neither width nor"),
        ("application/json", r#"{"images":[{"url":"http://x/","widht":9}]}"#, 400, "`widht`"),
        ("multipart/form-data", "x", 400, "boundary"),
        ("multipart/form-data; boundary=x", "--x\r\nnonsense", 400, "cannot be read"),
        ("text/plain", "flower", 415, "multipart/form-data"),
    ];
    for (content_type, body, status, sentence) in bodies {
        assert_refused(post(url, content_type, body).await, status, sentence).await;
    }

    let nowhere = "3f5f6a0c-9f62-4a53-8d0e-6d5b54a3e1aa";
    for path in ["jobs/7".to_owned(), format!("jobs/{nowhere}"), format!("jobs/{nowhere}/events")] {
        assert_refused(get(&format!("{url}/{path}")).await, 404, "there is no job").await;
    }
    for path in ["images/7".to_owned(), format!("images/{nowhere}")] {
        assert_refused(get(&format!("{url}/{path}")).await, 404, "there is no image").await;
    }
    assert_refused(get(&format!("{url}/admin")).await, 404, "nothing at /admin").await;
    let delete = http().delete(format!("{url}/jobs")).send().await.unwrap();
    assert_refused(delete, 405, "DELETE").await;

    // Nothing of what was refused is kept.
    let originals = service.folder().join("data/objects/originals");
    let left = || std::fs::read_dir(&originals).map_or(0, Iterator::count);
    let deadline = std::time::Instant::now() + crate::process::PATIENCE;
    while left() > 0 {
        assert!(std::time::Instant::now() < deadline, "{} originals are left", left());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn assert_refused(response: reqwest::Response, status: u16, sentence: &str) {
    let (got, body) = (response.status(), json(response).await);
    assert_eq!(got, status, "{body}");
    let error = body["error"].as_str().unwrap();
    assert!(error.contains(sentence), "`{error}` does not say `{sentence}`");
}

#[tokio::test]
async fn images_that_cannot_be_read_fail_and_the_others_do_not() {
    let service = Service::start(&[]);
    let png = encoded(&image::load_from_memory(FLOWER).unwrap(), ImageFormat::Png);
    let bad: [(&str, &[u8], &str); 7] = [
        ("letter.jpg", b"Dear Sir or Madam, this is a letter.", "not an image"),
        ("empty.jpg", b"", "empty"),
        ("half.jpg", &FLOWER[..FLOWER.len() / 2], "cut off"),
        ("half.png", &png[..png.len() / 2], "cut off"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        ("animation.gif", b"GIF89a\x01\0\x01\0\0\0\0;", "damaged or cut off"),
        ("bomb.png", &bomb(20_000), "20000 x 20000 pixels: at most 100 million"),
    ];
    let mut form = Form::new().file("first.jpg", FLOWER);
    for (name, bytes, _) in bad {
        form = form.file(name, bytes);
    }
    let job = form.file("last.jpg", FLOWER).field("width", "64").submit(service.url()).await;

    let images = finished(&job).await;
    assert_eq!(images.len(), 9);
    result(service.url(), &images[0]).await;
    result(service.url(), &images[8]).await;
    for (image, (name, _, sentence)) in images[1..].iter().zip(bad) {
        assert_eq!(image["name"], name);
        assert_eq!(image["state"], "failed", "{image}");
        assert_eq!(image["result"], Value::Null);
        let error = image["error"].as_str().unwrap();
        assert!(error.contains(sentence), "{name}: `{error}` does not say `{sentence}`");
        let at = format!("{}/images/{}", service.url(), image["id"].as_str().unwrap());
        assert_refused(get(&at).await, 404, sentence).await;
    }
}

#[tokio::test]
async fn results_that_are_too_large_fail() {
    let service = Service::start(&["--max-pixels", "1M"]);
    for (side, sentence) in [("width", "2000 x 1334"), ("height", "2998 x 2000")] {
        let job = Form::new().file("flower.jpg", FLOWER).field(side, "2000");
        let images = finished(&job.submit(service.url()).await).await;
        let error = images[0]["error"].as_str().unwrap();
        assert!(error.contains(sentence) && error.contains("at most 1 million"), "{error}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let service = Service::start(&["--max-body", "1M"]);
    let large = vec![b'x'; 20_000_000];
    let form = Form::new().file("large.jpg", &large).field("width", "64");
    assert_refused(form.post(service.url()).await, 413, "at most 1000000 bytes").await;
    let json = format!("{{\"images\": \"{}\"}}", "x".repeat(2_000_000));
    let response = post(service.url(), "application/json", json).await;
    assert_refused(response, 413, "at most 1000000 bytes").await;

    let job = Form::new().file("flower.jpg", FLOWER).field("width", "64");
    let images = finished(&job.submit(service.url()).await).await;
    result(service.url(), &images[0]).await;
}
