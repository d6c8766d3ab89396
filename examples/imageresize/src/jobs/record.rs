//! Reports, as they come in.

use msgflo::{Error, Result};
use rusqlite::{Connection, OptionalExtension, params};

use super::Jobs;
use crate::messages::{Outcome, Report};

impl Jobs {
    /// Stores a report. Messages may come twice and out of order: an image's state only ever
    /// rises, so a report that comes late or again changes nothing. `done` is above `failed`,
    /// as a dead letter that was sent again may succeed.
    pub async fn record(&self, report: Report) -> Result<()> {
        let Report { job, image, .. } = report;
        if self.with(move |connection| store(connection, &report)).await? {
            return Ok(());
        }
        Err(Error::message(format!(
            "there is no image {image} (job {job}) in the data folder: do `web` and `store` have the same --data?"
        )))
    }
}

/// Whether the image is known.
fn store(connection: &mut Connection, report: &Report) -> rusqlite::Result<bool> {
    let image = report.image.to_string();
    let changed = match &report.outcome {
        Outcome::Processing => connection.execute(
            "UPDATE images SET state = 1, started = ?2 WHERE id = ?1 AND state < 1",
            (&image, &report.at),
        )?,
        Outcome::Failed { error } => connection.execute(
            "UPDATE images SET state = 2, error = ?3, started = ifnull(started, ?2), finished = ?2
             WHERE id = ?1 AND state < 2",
            (&image, &report.at, error),
        )?,
        Outcome::Done { width, height, format, bytes, warning, result: _ } => connection.execute(
            "UPDATE images SET state = 3, error = NULL, started = ifnull(started, ?2), finished = ?2,
                 width = ?3, height = ?4, format = ?5, bytes = ?6, warning = ?7
             WHERE id = ?1 AND state < 3",
            params![
                image,
                report.at,
                width,
                height,
                format.name(),
                i64::try_from(*bytes).unwrap_or(i64::MAX),
                warning
            ],
        )?,
    };
    if changed > 0 {
        return Ok(true);
    }
    let known = connection.query_row("SELECT 1 FROM images WHERE id = ?", [image], |_| Ok(()));
    Ok(known.optional()?.is_some())
}
