//! A client of the API.

use std::sync::Once;
use std::time::{Duration, Instant};

use image::DynamicImage;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::process::PATIENCE;

pub fn http() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().unwrap();
    });
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// A form: parts are a field's name, a file's name if it is a file, and the value.
pub struct Form(Vec<u8>);

const BOUNDARY: &str = "----------------------------7d1c2b3a";

impl Form {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    pub fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.part(&format!("name=\"image\"; filename=\"{name}\""), bytes)
    }

    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    fn part(mut self, disposition: &str, value: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub async fn post(mut self, url: &str) -> Response {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        post(url, &content_type, self.0).await
    }

    /// Posts a job that is taken. Returns its URL.
    pub async fn submit(self, url: &str) -> String {
        taken(url, self.post(url).await).await
    }
}

pub async fn post(url: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Response {
    let request = http().post(format!("{url}/jobs")).header("content-type", content_type);
    request.body(body).send().await.unwrap()
}

/// Posts a job of URLs that is taken. Returns its URL.
pub async fn submit_urls(url: &str, images: Value) -> String {
    let body = serde_json::json!({ "images": images }).to_string();
    taken(url, post(url, "application/json", body).await).await
}

async fn taken(url: &str, response: Response) -> String {
    let location = response.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
    let status = response.status();
    let body = json(response).await;
    assert_eq!(status, 202, "{body}");
    let location = location.unwrap();
    assert_eq!(location, format!("/jobs/{}", body["id"].as_str().unwrap()));
    format!("{url}{location}")
}

pub async fn json(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

pub async fn get(url: &str) -> Response {
    http().get(url).send().await.unwrap()
}

/// The images of a job, once all are done or failed.
pub async fn finished(job: &str) -> Vec<Value> {
    until(job, |job| !job["finished"].is_null()).await["images"].as_array().unwrap().clone()
}

/// The job, once it is as it is waited for.
pub async fn until(job: &str, there: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = json(get(job).await).await;
        if there(&state) {
            return state;
        }
        assert!(Instant::now() < deadline, "waited in vain: {state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The result of an image that is done, decoded.
pub async fn result(url: &str, image: &Value) -> DynamicImage {
    assert_eq!(image["state"], "done", "{image}");
    let response = get(&format!("{url}{}", image["result"].as_str().unwrap())).await;
    assert_eq!(response.status(), 200);
    let bytes = response.bytes().await.unwrap();
    assert_eq!(image["bytes"], bytes.len());
    let result = image::load_from_memory(&bytes).unwrap();
    assert_eq!(image["width"], result.width());
    assert_eq!(image["height"], result.height());
    result
}
