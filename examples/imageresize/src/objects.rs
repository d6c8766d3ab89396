//! Where originals and results are kept: a folder, or a bucket on S3.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use msgflo::{Error, Result};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;
use uuid::Uuid;

/// S3 takes no smaller parts.
const PART: usize = 5 << 20;

/// The object store.
#[derive(Clone)]
pub struct Objects(Arc<dyn ObjectStore>);

/// The key of what was sent in.
pub fn original(image: Uuid) -> String {
    format!("originals/{image}")
}

/// The key of what came out.
pub fn result(image: Uuid) -> String {
    format!("results/{image}")
}

impl Objects {
    /// Objects as files in a folder, which is made if it is not there.
    pub fn in_folder(folder: &FilePath) -> Result<Self> {
        let open = || {
            std::fs::create_dir_all(folder)?;
            LocalFileSystem::new_with_prefix(folder).map_err(std::io::Error::other)
        };
        let store = open().map_err(|error| {
            Error::message(format!(
                "cannot keep images in the folder {}: {error}",
                folder.display()
            ))
        })?;
        Ok(Self(Arc::new(store)))
    }

    /// Objects at a URL, such as `s3://bucket/folder`. Credentials, region and endpoint come
    /// from the usual `AWS_…` variables.
    pub fn at(url: &Url) -> Result<Self> {
        if url.scheme() == "file"
            && let Ok(folder) = url.to_file_path()
        {
            return Self::in_folder(&folder);
        }
        if !matches!(url.scheme(), "s3" | "s3a") {
            return Err(Error::invalid(format!(
                "images cannot be kept at {url}: give --store a folder, or s3://BUCKET/FOLDER"
            )));
        }
        let (store, prefix) =
            object_store::parse_url_opts(url, std::env::vars()).map_err(msgflo::Error::new)?;
        Ok(Self(Arc::new(PrefixStore::new(store, prefix))))
    }

    /// Everything under a key; `None` if nothing is.
    pub async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        match self.0.get(&Path::from(key)).await {
            Ok(object) => object.bytes().await.map(Some).map_err(msgflo::Error::new),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(msgflo::Error::new(error)),
        }
    }

    /// What is under a key, as it is read, and how many bytes it has; `None` if nothing is.
    pub async fn stream(&self, key: &str) -> Result<Option<(Body, u64)>> {
        match self.0.get(&Path::from(key)).await {
            Ok(object) => {
                let bytes = object.meta.size;
                Ok(Some((Body::from_stream(object.into_stream()), bytes)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(msgflo::Error::new(error)),
        }
    }

    /// Puts something under a key, whole or not at all.
    pub async fn write(&self, key: &str, bytes: impl Into<Bytes>) -> Result<()> {
        self.0.put(&Path::from(key), bytes.into().into()).await.map_err(msgflo::Error::new)?;
        Ok(())
    }

    /// Puts something under a key as it comes. It is there once the writer is shut down, and
    /// never if it is dropped before.
    pub fn writer(&self, key: &str) -> BufWriter {
        BufWriter::with_capacity(self.0.clone(), Path::from(key), PART).with_max_concurrency(1)
    }

    /// Takes away what is under a key.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.0.delete(&Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(msgflo::Error::new(error)),
        }
    }
}
