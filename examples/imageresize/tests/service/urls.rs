//! Images from the web; here, from a server on this machine.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use crate::client::{finished, result, submit_urls};
use crate::photos::{CHINA, FLOWER};
use crate::process::Service;

/// A site with images. It stops with the test's runtime. Returns its port.
async fn site() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Router::new()
        .route("/flower.jpg", get(|| async { FLOWER }))
        .route("/china.jpg", get(|| async { CHINA }))
        .route("/moved", get(|| async { Redirect::permanent("/flower.jpg") }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/passwd", get(|| async { Redirect::temporary("file:///etc/passwd") }))
        .route("/letter", get(|| async { "Dear Sir or Madam" }))
        .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    tokio::spawn(async move { axum::serve(listener, site).await });
    port
}

#[tokio::test]
async fn images_are_fetched() {
    let port = site().await;
    let at = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    let service = Service::start(&["--allow-private-urls", "--max-body", "150k"]);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let failures = [
        (at("missing.jpg"), "404 Not Found"),
        (at("broken"), "500 Internal Server Error"),
        (at("china.jpg"), "more than 150000 bytes"),
        (at("round"), "more than 5 redirects"),
        (at("passwd"), "307 Temporary Redirect"),
        (at("letter"), "not an image"),
        (format!("http://127.0.0.1:{free}/"), "refused"),
        ("http://no-such-host.invalid/".to_owned(), "cannot fetch http://no-such-host.invalid/:"),
    ];
    let mut images = vec![
        json!({ "url": at("flower.jpg"), "width": 640 }),
        json!({ "url": at("moved"), "height": 50, "format": "png" }),
    ];
    images.extend(failures.iter().map(|(url, _)| json!({ "url": url, "width": 64 })));
    let job = submit_urls(service.url(), images.into()).await;

    let images = finished(&job).await;
    assert_eq!(images[0]["name"], at("flower.jpg"));
    assert_eq!(result(service.url(), &images[0]).await.width(), 640);
    assert_eq!(result(service.url(), &images[1]).await.height(), 50);
    assert_eq!(images[1]["format"], "png");
    for (image, (url, sentence)) in images[2..].iter().zip(failures) {
        assert_eq!(image["state"], "failed", "{image}");
        let error = image["error"].as_str().unwrap();
        assert!(error.contains(sentence), "{url}: `{error}` does not say `{sentence}`");
    }
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let port = site().await;
    let service = Service::start(&[]);
    let hosts = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0"];
    let mut urls: Vec<_> =
        hosts.iter().map(|host| format!("http://{host}:{port}/flower.jpg")).collect();
    urls.extend(["http://169.254.169.254/latest/meta-data", "http://10.0.0.1/"].map(Into::into));
    let images: Vec<_> = urls.iter().map(|url| json!({ "url": url, "width": 64 })).collect();
    for image in finished(&submit_urls(service.url(), images.into()).await).await {
        assert_eq!(image["state"], "failed", "{image}");
        let error = image["error"].as_str().unwrap();
        assert!(error.contains("private address"), "{error}");
    }
}
