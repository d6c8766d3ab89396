//! What travels between the roles: orders, and reports on them. Never pixels: originals and
//! results are in the object store, and messages name them.

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::clock;
use crate::format::Format;
use crate::images::Wanted;

/// One image to resize: from `web` to `resize`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub job: Uuid,
    pub image: Uuid,
    pub source: Source,
    #[serde(flatten)]
    pub wanted: Wanted,
}

/// Where the original is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In the object store, under this key.
    Object(String),
    /// On the web, to be fetched first.
    Url(Url),
}

/// How far an image is: from `resize` to `store`. Reports may come twice or late, as messages
/// do; see [`Jobs::record`](crate::jobs::Jobs::record).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub job: Uuid,
    pub image: Uuid,
    /// When it happened, in UTC.
    pub at: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What a [`Report`] tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Outcome {
    /// A worker has picked it up.
    Processing,
    /// The result is in the object store.
    Done {
        result: String,
        width: u32,
        height: u32,
        format: Format,
        bytes: u64,
        /// What is not in it, of what was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warning: Option<String>,
    },
    /// There will be no result.
    Failed { error: String },
}

impl Order {
    /// A report on this order, as of now.
    pub fn report(&self, outcome: Outcome) -> Report {
        Report { job: self.job, image: self.image, at: clock::now(), outcome }
    }
}
