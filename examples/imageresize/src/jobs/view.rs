//! Jobs as they are told to whoever asks.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use uuid::Uuid;

/// A job, as `GET /jobs/ID` tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    pub id: Uuid,
    pub created: String,
    /// When the last image was, if all are.
    pub finished: Option<String>,
    pub images: Vec<Image>,
}

/// An image of a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Image {
    pub id: Uuid,
    /// The file's name or the URL that was sent.
    pub name: Option<String>,
    pub state: State,
    pub error: Option<String>,
    /// What the result does not show of what was sent.
    pub warning: Option<String>,
    /// Where the result is served. This and what follows up to `bytes` is known once it is done.
    pub result: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub format: Option<String>,
    pub bytes: Option<u64>,
    pub created: String,
    pub started: Option<String>,
    pub finished: Option<String>,
}

/// How far an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Queued,
    Processing,
    Failed,
    Done,
}

const SELECT: &str = "SELECT images.id, name, state, error, warning, width, height, format, bytes, created, \
    started, finished FROM images JOIN jobs ON jobs.id = job";

pub fn job(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<Job>> {
    let images = connection
        .prepare_cached(&format!("{SELECT} WHERE job = ? ORDER BY position"))?
        .query_map([id.to_string()], read)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // There is no job without an image.
    let Some(first) = images.first() else { return Ok(None) };
    let created = first.created.clone();
    let ends: Option<Vec<_>> = images.iter().map(|image| image.finished.clone()).collect();
    let finished = ends.and_then(|ends| ends.into_iter().max());
    Ok(Some(Job { id, created, finished, images }))
}

pub fn image(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<Image>> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE images.id = ?"))?
        .query_row([id.to_string()], read)
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Image> {
    let id: String = row.get("id")?;
    let state = match row.get("state")? {
        0 => State::Queued,
        1 => State::Processing,
        2 => State::Failed,
        _ => State::Done,
    };
    Ok(Image {
        result: (state == State::Done).then(|| format!("/images/{id}")),
        id: id.parse().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                0,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
        name: row.get("name")?,
        state,
        error: row.get("error")?,
        warning: row.get("warning")?,
        width: row.get("width")?,
        height: row.get("height")?,
        format: row.get("format")?,
        bytes: row.get::<_, Option<i64>>("bytes")?.and_then(|bytes| bytes.try_into().ok()),
        created: row.get("created")?,
        started: row.get("started")?,
        finished: row.get("finished")?,
    })
}
