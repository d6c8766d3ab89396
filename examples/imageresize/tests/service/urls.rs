//! Images from the web; here, from a server on this machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use serde_json::{Value, json};
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

/// A site that counts how often it was asked for each path.
async fn moody_site() -> (String, Arc<Mutex<HashMap<String, usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(HashMap::new()));
    let counted = asked.clone();
    let answer = move |uri: Uri| {
        let count = {
            let mut counted = counted.lock().unwrap();
            let count: &mut usize = counted.entry(uri.path().to_owned()).or_default();
            *count += 1;
            *count
        };
        let busy = (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], "busy");
        async move {
            match uri.path() {
                "/busy-twice.jpg" if count <= 2 => busy.into_response(),
                "/broken-once.jpg" if count == 1 => StatusCode::BAD_GATEWAY.into_response(),
                "/always-busy.jpg" => busy.into_response(),
                "/forbidden.jpg" => StatusCode::FORBIDDEN.into_response(),
                _ => FLOWER.into_response(),
            }
        }
    };
    let site = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, site).await });
    (at, asked)
}

#[tokio::test]
async fn origins_that_fail_for_now_are_asked_again() {
    let (site, asked) = moody_site().await;
    let service = Service::start(&["--allow-private-urls", "--concurrency", "1"]);
    let paths = ["/busy-twice.jpg", "/broken-once.jpg", "/always-busy.jpg", "/forbidden.jpg"];
    let images = paths.map(|path| json!({ "url": format!("{site}{path}"), "width": 64 }));
    let job = submit_urls(service.url(), images.into_iter().collect()).await;
    let images = finished(&job).await;
    for image in &images[..2] {
        assert_eq!(result(service.url(), image).await.width(), 64);
        assert_eq!(image["error"], Value::Null);
    }
    let error = |image: &Value| image["error"].as_str().unwrap().to_owned();
    assert!(error(&images[2]).ends_with("503 Service Unavailable (asked 5 times)"), "{images:?}");
    assert!(error(&images[3]).ends_with("403 Forbidden"), "{images:?}");
    let asked = asked.lock().unwrap();
    assert_eq!(paths.map(|path| asked[path]), [3, 2, 5, 1]);
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
