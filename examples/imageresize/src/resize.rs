//! The role `resize`: fetches, resizes, and puts the result into the object store.

#[cfg(test)]
mod tests;
mod trouble;

use bytes::Bytes;
use msgflo::{Context, Inport, Json, Outport, Participant, Result};

use crate::fetch::Fetcher;
use crate::images::{self, Unusable};
use crate::memory::Memory;
use crate::messages::{Order, Outcome, Report, Source};
use crate::objects::{self, Objects};
use trouble::{ATTEMPTS, Trouble};

/// Resize an image
#[derive(Participant)]
#[participant(component = "imageresize/ResizeImage", icon = "file-image-o")]
pub struct ResizeImage {
    /// Images to resize
    #[inport(process = resize, attempts = 5, backoff = "1s..1m")]
    r#in: Inport<Json<Order>>,
    /// Images that are being resized, and that were
    #[outport]
    out: Outport<Json<Report>>,
    /// Images that cannot be resized, and why
    #[outport]
    error: Outport<Json<Report>>,
    objects: Objects,
    fetcher: Fetcher,
    memory: Memory,
    max_pixels: u64,
}

impl ResizeImage {
    pub fn new(objects: Objects, fetcher: Fetcher, memory: Memory, max_pixels: u64) -> Self {
        let (r#in, out, error) = Default::default();
        Self { r#in, out, error, objects, fetcher, memory, max_pixels }
    }

    /// An image that is of no use is a result like any other, on the port `error`. What may pass is
    /// tried again before anything is said; where the service itself fails until the end, the order
    /// becomes a dead letter too, to be sent again.
    async fn resize(&self, Json(order): Json<Order>, context: Context) -> Result<()> {
        self.out.send(Json(order.report(Outcome::Processing))).await?;
        let trouble = match self.work(&order).await {
            Ok(done) => return self.out.send(Json(order.report(done))).await,
            Err(trouble) => trouble,
        };
        let (error, ended) = trouble.end(&order, context.attempt() >= ATTEMPTS)?;
        self.error.send(Json(order.report(Outcome::Failed { error }))).await?;
        ended
    }

    async fn work(&self, order: &Order) -> Result<Outcome, Trouble> {
        let original = self.original(order).await?;
        let (wanted, max_pixels) = (order.wanted, self.max_pixels);
        let (file, need) = computed(move || {
            let need = images::need(&original, &wanted, max_pixels)?;
            Ok((original, need))
        })
        .await?;
        let memory = self.memory.take(need).await?;
        let resized = computed(move || {
            let _until_done = memory;
            images::resize(&file, &wanted, max_pixels)
        })
        .await?;
        let result = objects::result(order.image);
        let bytes = resized.bytes.len() as u64;
        self.objects.write(&result, resized.bytes).await?;
        let images::Resized { width, height, format, warning, .. } = resized;
        Ok(Outcome::Done { result, width, height, format, bytes, warning })
    }

    async fn original(&self, order: &Order) -> Result<Bytes, Trouble> {
        match &order.source {
            Source::Object(key) => self.objects.read(key).await?.ok_or(Trouble::Gone),
            Source::Url(url) => {
                let key = objects::original(order.image);
                if let Some(original) = self.objects.read(&key).await? {
                    // A worker before this one came that far.
                    return Ok(original);
                }
                let original = self.fetcher.fetch(url).await?;
                self.objects.write(&key, original.clone()).await?;
                Ok(original)
            }
        }
    }
}

/// Computes on a thread where that holds up nobody.
async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unusable> + Send + 'static,
) -> Result<T, Unusable> {
    // A panic is a bug in a decoder, that this image happens to meet.
    let panicked = |_| Err(Unusable("the image cannot be read".into()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(panicked)
}
