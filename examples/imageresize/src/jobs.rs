//! What is known of jobs: a SQLite database in the data folder, shared by `web` and `store`.

mod expiry;
mod outbox;
mod record;
#[cfg(test)]
mod tests;
mod view;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use msgflo::{Error, Result};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use uuid::Uuid;

pub use outbox::NewImage;
pub use view::{Image, Job, State};

/// What made the tables, and what has changed them since: the database knows how much of it was done.
const SCHEMA: [&str; 2] =
    [include_str!("jobs/schema.sql"), "ALTER TABLE images ADD COLUMN warning TEXT;"];

/// How long one process waits for another to be done writing.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the database. Clones share it.
#[derive(Clone)]
pub struct Jobs(Arc<Mutex<Connection>>);

impl Jobs {
    /// Opens the database in the data folder; makes both if they are not there.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("jobs.sqlite");
        let cannot = |reason: &dyn std::fmt::Display| {
            Error::message(format!("cannot keep jobs in {}: {reason}", file.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
        let connection =
            Connection::open(&file).and_then(prepare).map_err(|error| cannot(&error))?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Calls `work` with the database, off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.0.clone();
        let work = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await?.map_err(msgflo::Error::new)
    }

    /// A number that changes when another connection has written.
    pub async fn version(&self) -> Result<i64> {
        self.with(|connection| {
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        })
        .await
    }

    /// A job with its images; `None` if there is none of that id.
    pub async fn job(&self, id: Uuid) -> Result<Option<Job>> {
        self.with(move |connection| view::job(connection, id)).await
    }

    /// One image; `None` if there is none of that id.
    pub async fn image(&self, id: Uuid) -> Result<Option<Image>> {
        self.with(move |connection| view::image(connection, id)).await
    }
}

fn prepare(mut connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    write_ahead(&connection)?;
    let migration = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = migration.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, change) in SCHEMA.iter().enumerate().skip(usize::try_from(version).unwrap_or(0)) {
        migration.execute_batch(change)?;
        migration.pragma_update(None, "user_version", number as i64 + 1)?;
    }
    migration.commit()?;
    Ok(connection)
}

/// Readers and a writer then do not block each other. Several processes that start at once
/// may all try to switch, and SQLite does not wait for that by itself.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}
