//! The end of jobs.

use msgflo::Result;
use rusqlite::TransactionBehavior;
use uuid::Uuid;

use super::Jobs;

impl Jobs {
    /// The images of jobs that were finished before a time, up to `limit` jobs at once. Those that are
    /// not finished never end.
    pub async fn finished_before(&self, time: String, limit: u32) -> Result<Vec<Finished>> {
        let rows: Vec<(String, String)> = self
            .with(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT job, id FROM images WHERE job IN (
                             SELECT job FROM images GROUP BY job
                             HAVING min(state) >= 2 AND max(finished) < ? LIMIT ?
                         ) ORDER BY job",
                    )?
                    .query_map((time, limit), |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .await?;
        let mut jobs: Vec<Finished> = Vec::new();
        for (job, image) in rows {
            let (job, image) = (job.parse::<Uuid>()?, image.parse::<Uuid>()?);
            match jobs.last_mut() {
                Some(last) if last.job == job => last.images.push(image),
                _ => jobs.push(Finished { job, images: vec![image] }),
            }
        }
        Ok(jobs)
    }

    /// Forgets a job and its images.
    pub async fn forget(&self, job: Uuid) -> Result<()> {
        self.with(move |connection| {
            let job = job.to_string();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM images WHERE job = ?", [&job])?;
            transaction.execute("DELETE FROM jobs WHERE id = ?", [&job])?;
            transaction.commit()
        })
        .await
    }
}

/// A job that is done or failed.
#[derive(Debug, PartialEq)]
pub struct Finished {
    pub job: Uuid,
    pub images: Vec<Uuid>,
}
