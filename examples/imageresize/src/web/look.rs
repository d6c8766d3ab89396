//! `GET /jobs/ID` and `GET /images/ID`

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::refusal::Refusal;
use super::{App, Shared};
use crate::format::Format;
use crate::jobs::{Job, State as ImageState};
use crate::objects;

pub async fn job(State(app): Shared, Path(id): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let job = find_job(&app, &id).await?;
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(job)))
}

/// The job of this id, or an answer that there is none.
pub async fn find_job(app: &App, id: &str) -> Result<Job, Refusal> {
    let job = match id.parse::<Uuid>() {
        Ok(id) => app.jobs.job(id).await?,
        Err(_) => None,
    };
    job.ok_or_else(|| Refusal::not_found(format!("there is no job `{id}`")))
}

/// The result for an image. It never changes, so that it can be cached for good.
pub async fn image(
    State(app): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let image = match id.parse::<Uuid>() {
        Ok(id) => app.jobs.image(id).await?,
        Err(_) => None,
    };
    let Some(image) = image else {
        return Err(Refusal::not_found(format!("there is no image `{id}`")));
    };
    match image.state {
        ImageState::Done => {}
        ImageState::Failed => {
            let error = image.error.unwrap_or_default();
            return Err(Refusal::not_found(format!("image `{id}` could not be resized: {error}")));
        }
        ImageState::Queued | ImageState::Processing => {
            return Err(Refusal::not_found(format!("image `{id}` is not done yet")));
        }
    }
    let tag = format!("\"{}\"", image.id);
    let caching = [
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let format = image.format.and_then(|name| name.parse::<Format>().ok());
    let media_type = format.map_or("application/octet-stream", Format::media_type);
    let Some((body, bytes)) = app.objects.stream(&objects::result(image.id)).await? else {
        return Err(Refusal::not_found(format!("image `{id}` is no longer kept")));
    };
    let about = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((caching, about, Body::new(body)).into_response())
}
