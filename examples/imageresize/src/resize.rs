//! The role `resize`: fetches, resizes, and puts the result into the object store.

#[cfg(test)]
mod tests;

use msgflo::{Error, Inport, Json, Outport, Participant, Result};

use crate::fetch::Fetcher;
use crate::images::{self, Unusable};
use crate::messages::{Order, Outcome, Report, Source};
use crate::objects::{self, Objects};

/// Resize an image
#[derive(Participant)]
#[participant(component = "imageresize/ResizeImage", icon = "file-image-o")]
pub struct ResizeImage {
    /// Images to resize
    #[inport(process = resize)]
    r#in: Inport<Json<Order>>,
    /// Images that are being resized, and that were
    #[outport]
    out: Outport<Json<Report>>,
    /// Images that cannot be resized, and why
    #[outport]
    error: Outport<Json<Report>>,
    objects: Objects,
    fetcher: Fetcher,
    max_pixels: u64,
}

impl ResizeImage {
    pub fn new(objects: Objects, fetcher: Fetcher, max_pixels: u64) -> Self {
        let (r#in, out, error) = Default::default();
        Self { r#in, out, error, objects, fetcher, max_pixels }
    }

    /// An image that is of no use is a result like any other, on the port `error`. Where the
    /// service itself fails, the order becomes a dead letter too, to be sent again.
    async fn resize(&self, Json(order): Json<Order>) -> Result<()> {
        self.out.send(Json(order.report(Outcome::Processing))).await?;
        match self.work(&order).await {
            Ok(Ok(done)) => self.out.send(Json(order.report(done))).await,
            Ok(Err(Unusable(error))) => {
                self.error.send(Json(order.report(Outcome::Failed { error }))).await
            }
            Err(failure) => {
                let error = "the service could not keep the image; send it again later".into();
                self.error.send(Json(order.report(Outcome::Failed { error }))).await?;
                Err(Error::message(format!("image {}: {failure}", order.image)))
            }
        }
    }

    async fn work(&self, order: &Order) -> Result<Result<Outcome, Unusable>> {
        let original = match &order.source {
            Source::Object(key) => self.objects.read(key).await?,
            Source::Url(url) => {
                let key = objects::original(order.image);
                if self.objects.has(&key).await? {
                    // A worker before this one came that far.
                    self.objects.read(&key).await?
                } else {
                    let original = match self.fetcher.fetch(url).await {
                        Ok(original) => original,
                        Err(unusable) => return Ok(Err(unusable)),
                    };
                    self.objects.write(&key, original.clone()).await?;
                    original
                }
            }
        };
        let (wanted, max_pixels) = (order.wanted, self.max_pixels);
        let resizing =
            tokio::task::spawn_blocking(move || images::resize(&original, &wanted, max_pixels));
        let resized = match resizing.await {
            Ok(Ok(resized)) => resized,
            Ok(Err(unusable)) => return Ok(Err(unusable)),
            // A bug in a decoder, that this image happens to meet.
            Err(_panic) => return Ok(Err(Unusable("the image cannot be read".into()))),
        };
        let key = objects::result(order.image);
        let bytes = resized.bytes.len() as u64;
        self.objects.write(&key, resized.bytes).await?;
        let images::Resized { width, height, format, warning, .. } = resized;
        Ok(Ok(Outcome::Done { result: key, width, height, format, bytes, warning }))
    }
}
