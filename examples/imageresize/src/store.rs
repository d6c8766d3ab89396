//! The role `store`: keeps what becomes of images.

use msgflo::{Inport, Json, Participant, Result};

use crate::jobs::Jobs;
use crate::messages::Report;

/// Keep what became of images
#[derive(Participant)]
#[participant(component = "imageresize/StoreResult", icon = "database")]
pub struct StoreResult {
    /// Images that are being resized, were, or could not be
    #[inport(process = store)]
    r#in: Inport<Json<Report>>,
    jobs: Jobs,
}

impl StoreResult {
    pub fn new(jobs: Jobs) -> Self {
        Self { r#in: Inport::default(), jobs }
    }

    async fn store(&self, Json(report): Json<Report>) -> Result<()> {
        self.jobs.record(report).await
    }
}
