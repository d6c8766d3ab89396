//! `POST /jobs`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use uuid::Uuid;

use super::Shared;
use super::limit::limit;
use super::refusal::Refusal;
use super::{upload, urls};
use crate::jobs::NewImage;

/// The most images that a job may have.
const MAX_IMAGES: usize = 1000;

/// A job that is being taken.
pub struct NewJob {
    pub id: Uuid,
    pub images: Vec<NewImage>,
}

impl NewJob {
    /// Takes one more image.
    pub fn add(&mut self, image: NewImage) -> Result<(), Refusal> {
        if self.images.len() == MAX_IMAGES {
            return Err(Refusal::bad_request(format!(
                "a job can have {MAX_IMAGES} images at most: send several jobs"
            )));
        }
        self.images.push(image);
        Ok(())
    }
}

pub async fn submit(
    State(app): Shared,
    mut request: Request,
) -> Result<impl IntoResponse, Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let form = match essence.as_str() {
        "multipart/form-data" => true,
        "application/json" => false,
        _ => {
            return Err(Refusal::unknown_media_type(
                "send a job as multipart/form-data with files `image`, or as application/json",
            ));
        }
    };
    let max = if form { app.max_body } else { app.max_body.min(urls::MAX_JSON) };
    let body = std::mem::take(request.body_mut());
    *request.body_mut() = limit(request.headers(), body, max)?;

    let id = Uuid::new_v4();
    let mut job = NewJob { id, images: Vec::new() };
    let uploads = if form {
        Some(upload::read(&app, request, &mut job).await?)
    } else {
        urls::read(request.into_body(), &mut job).await?;
        None
    };
    if job.images.is_empty() {
        return Err(Refusal::bad_request("there is no image in the job"));
    }
    app.jobs.add(id, job.images).await?;
    if let Some(uploads) = uploads {
        uploads.keep();
    }
    app.stored.notify_one();

    let job = app.jobs.job(id).await?;
    let location = format!("/jobs/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(job)))
}
