//! Deletes what has been kept for long enough.

use std::time::Duration;

use msgflo::Result;
use tokio::time::sleep;

use crate::clock;
use crate::jobs::Jobs;
use crate::objects::{self, Objects};

/// How many jobs are deleted before it is looked which are next.
const BATCH: u32 = 100;

/// Deletes jobs that were finished so long ago, with their images, for as long as it runs. A process that
/// ends in the middle leaves the rest to the next.
pub async fn delete_old(jobs: Jobs, objects: Objects, keep: Duration) {
    let pause = (keep / 10).clamp(Duration::from_millis(100), Duration::from_secs(60));
    loop {
        match delete_batch(&jobs, &objects, keep).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!("old jobs are not deleted: {error}"),
        }
        sleep(pause).await;
    }
}

async fn delete_batch(jobs: &Jobs, objects: &Objects, keep: Duration) -> Result<usize> {
    let Some(time) = clock::before(keep) else { return Ok(0) };
    let old = jobs.finished_before(time, BATCH).await?;
    for finished in &old {
        // The job goes last: while it is known, what is left of it can be found.
        for &image in &finished.images {
            objects.delete(&objects::original(image)).await?;
            objects.delete(&objects::result(image)).await?;
        }
        jobs.forget(finished.job).await?;
    }
    Ok(old.len())
}
