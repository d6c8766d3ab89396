//! A job as a form: files `image`, and fields `width`, `height`, `format` for all of them,
//! in any order.

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::App;
use super::limit::TooLarge;
use super::refusal::Refusal;
use super::submit::NewJob;
use super::wanted;
use crate::images::Wanted;
use crate::jobs::NewImage;
use crate::messages::{Order, Source};
use crate::objects::{self, Objects};

/// No value of a field is longer, in bytes.
const MAX_VALUE: usize = 100;

/// Reads the form. Its files go to the object store as they come.
pub async fn read(app: &App, request: Request, job: &mut NewJob) -> Result<Uploads, Refusal> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Refusal::bad_request(format!("this is not a form: {}", rejection.body_text()))
    })?;
    let mut uploads = Uploads { objects: app.objects.clone(), keys: Vec::new() };
    let (mut width, mut height, mut format) = (None, None, None);
    while let Some(field) = form.next_field().await? {
        match field.name().unwrap_or_default() {
            "image" => {
                // What a browser sends where no file was chosen.
                if field.file_name() == Some("") {
                    continue;
                }
                let image = Uuid::new_v4();
                let name = field.file_name().map(str::to_owned);
                let key = objects::original(image);
                uploads.take(key.clone(), field).await?;
                let wanted = Wanted::default();
                let order = Order { job: job.id, image, source: Source::Object(key), wanted };
                job.add(NewImage { name, order })?;
            }
            "width" => width = side("width", field).await?,
            "height" => height = side("height", field).await?,
            "format" => format = Some(value(field).await?),
            other => {
                return Err(Refusal::bad_request(format!(
                    "there is no field `{other}`: a job has files `image`, and fields `width`, `height` and `format`"
                )));
            }
        }
    }
    let wanted = wanted::wanted(width, height, format.as_deref()).map_err(Refusal::bad_request)?;
    for image in &mut job.images {
        image.order.wanted = wanted;
    }
    Ok(uploads)
}

async fn side(name: &str, field: Field<'_>) -> Result<Option<u64>, Refusal> {
    wanted::side(name, &value(field).await?).map_err(Refusal::bad_request)
}

async fn value(mut field: Field<'_>) -> Result<String, Refusal> {
    let mut value = Vec::new();
    while let Some(chunk) = field.chunk().await? {
        if value.len() + chunk.len() > MAX_VALUE {
            let name = field.name().unwrap_or_default();
            return Err(Refusal::bad_request(format!("the value of `{name}` is too long")));
        }
        value.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&value).trim().to_owned())
}

/// Files of a job that is not stored yet. Dropped before it is, they are deleted.
pub struct Uploads {
    objects: Objects,
    keys: Vec<String>,
}

impl Uploads {
    async fn take(&mut self, key: String, mut field: Field<'_>) -> Result<(), Refusal> {
        let mut writer = self.objects.writer(&key);
        while let Some(chunk) = field.chunk().await? {
            writer.put(chunk).await.map_err(msgflo::Error::new)?;
        }
        writer.shutdown().await.map_err(msgflo::Error::new)?;
        self.keys.push(key);
        Ok(())
    }

    /// The job is stored.
    pub fn keep(mut self) {
        self.keys.clear();
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        let (objects, keys) = (self.objects.clone(), std::mem::take(&mut self.keys));
        if keys.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for key in keys {
                    if let Err(error) = objects.delete(&key).await {
                        tracing::warn!("cannot delete {key}: {error}");
                    }
                }
            });
        }
    }
}

impl From<MultipartError> for Refusal {
    fn from(error: MultipartError) -> Self {
        match TooLarge::cause_of(&error) {
            Some(too_large) => too_large.into(),
            None => Self::bad_request(format!("the form cannot be read: {}", error.body_text())),
        }
    }
}
