//! Rows into a database, many in one transaction: up to 100 messages at once, or as many as came within a
//! second. If the database refuses them, each is tried alone, so that one bad row does not take the others along.
//!
//!     cargo run --example batch_sqlite -- --broker 'zmq://127.0.0.1:5555?hub=auto' --database readings.db
//!     msgflo send --broker zmq://127.0.0.1:5555 --queue readings.ROW --json '{"place": "roof", "celsius": 21.5}'
//!     sqlite3 readings.db 'SELECT * FROM readings'

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use msgflo::{Error, Inport, Json, Participant, Program};
use rusqlite::Connection;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reading {
    place: String,
    celsius: f64,
}

/// Keep readings in a database
#[derive(Participant)]
#[participant(component = "examples/Readings", icon = "database")]
struct Readings {
    // SQLite blocks, so the method is not async, and runs on a thread of its own.
    #[inport(process = write, batch = 100, linger = "1s", blocking)]
    row: Inport<Json<Reading>>,
    database: Mutex<Connection>,
}

impl Readings {
    fn open(file: PathBuf) -> rusqlite::Result<Self> {
        let database = Connection::open(file)?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS readings (place TEXT, celsius REAL CHECK (celsius > -273.15))",
        )?;
        Ok(Self { row: Inport::default(), database: Mutex::new(database) })
    }

    /// All messages are acknowledged when it returns `Ok`: after the commit.
    fn write(&self, rows: Vec<Json<Reading>>) -> rusqlite::Result<()> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        // Rolled back unless it is committed.
        let transaction = database.transaction()?;
        for Json(Reading { place, celsius }) in rows {
            transaction
                .prepare_cached("INSERT INTO readings VALUES (?1, ?2)")?
                .execute((place, celsius))?;
        }
        transaction.commit()
    }
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    msgflo: msgflo::Options,
    /// Where the readings are kept
    #[arg(long, default_value = "readings.db")]
    database: PathBuf,
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    let Arguments { msgflo: options, database } = Arguments::parse();
    let readings = Readings::open(database).map_err(Error::new)?;
    Program::new(readings).options(options).run().await
}
