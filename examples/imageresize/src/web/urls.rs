//! A job as JSON: `{"images": [{"url": "https://…", "width": 640}, …]}`.

use axum::body::Body;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::limit::TooLarge;
use super::refusal::Refusal;
use super::submit::NewJob;
use super::wanted;
use crate::jobs::NewImage;
use crate::messages::{Order, Source};

/// More than enough for as many URLs as a job can have, in bytes.
pub const MAX_JSON: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    images: Vec<AskedImage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedImage {
    url: String,
    width: Option<u64>,
    height: Option<u64>,
    format: Option<String>,
}

/// Reads the JSON, whose size is limited already.
pub async fn read(body: Body, job: &mut NewJob) -> Result<(), Refusal> {
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| {
        match TooLarge::cause_of(&error) {
            Some(too_large) => too_large.into(),
            None => Refusal::bad_request(format!("the body cannot be read: {error}")),
        }
    })?;
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request(format!("the body is not a job: {error}")))?;
    for (position, image) in asked.images.into_iter().enumerate() {
        let image = order(job.id, image)
            .map_err(|error| Refusal::bad_request(format!("images[{position}]: {error}")))?;
        job.add(image)?;
    }
    Ok(())
}

fn order(job: Uuid, asked: AskedImage) -> Result<NewImage, String> {
    let wanted = wanted::wanted(asked.width, asked.height, asked.format.as_deref())?;
    let url: Url =
        asked.url.parse().map_err(|error| format!("`{}` is not a URL: {error}", asked.url))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{url}` is neither an http:// nor an https:// URL"));
    }
    let order = Order { job, image: Uuid::new_v4(), source: Source::Url(url), wanted };
    Ok(NewImage { name: Some(asked.url), order })
}
