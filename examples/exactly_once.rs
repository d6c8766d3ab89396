//! Effects that happen once, though brokers deliver at least once: the message's identifier is in the same
//! transaction as the effect. What comes again changes nothing, and sends the same again.
//!
//!     cargo run --example exactly_once -- --broker 'zmq://127.0.0.1:5555?hub=auto' --database accounts.db
//!     msgflo send --broker zmq://127.0.0.1:5555 --queue accounts.BOOK --id order-17 --json '{"account": "ada", "cents": 250}'
//!     msgflo send --broker zmq://127.0.0.1:5555 --queue accounts.BOOK --id order-17 --json '{"account": "ada", "cents": 250}'
//!     sqlite3 accounts.db 'SELECT * FROM bookings'

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use msgflo::{Context, Error, Inport, Json, Outport, Participant, Program};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Booking {
    account: String,
    cents: i64,
}

#[derive(Serialize)]
struct Balance {
    account: String,
    cents: i64,
}

/// Keep accounts
#[derive(Participant)]
#[participant(component = "examples/Accounts", icon = "bank")]
struct Accounts {
    #[inport(process = book, blocking, attempts = 5)]
    book: Inport<Json<Booking>>,
    /// What an account holds after a booking
    #[outport]
    balance: Outport<Json<Balance>>,
    database: Mutex<Connection>,
}

impl Accounts {
    fn open(file: PathBuf) -> rusqlite::Result<Self> {
        let database = Connection::open(file)?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS bookings (id TEXT PRIMARY KEY, account TEXT, cents INTEGER, balance INTEGER)",
        )?;
        Ok(Self {
            book: Inport::default(),
            balance: Outport::default(),
            database: Mutex::new(database),
        })
    }

    fn book(&self, Json(booking): Json<Booking>, context: Context) -> anyhow::Result<()> {
        let id = context
            .id()
            .ok_or_else(|| msgflo::permanent("without an identifier, it might be booked twice"))?;
        let cents = self.book_once(id, &booking)?;
        // Also if it was booked before: the process may have ended between the commit and this. It is sent with
        // the same identifier again, so that whoever receives it can do likewise.
        Ok(self.balance.send_blocking(Json(Balance { account: booking.account, cents }))?)
    }

    /// The balance after the booking.
    fn book_once(&self, id: &str, Booking { account, cents }: &Booking) -> rusqlite::Result<i64> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        // Other processes with this database wait here for each other.
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let booked = transaction
            .query_row("SELECT balance FROM bookings WHERE id = ?1", [id], |row| row.get(0))
            .optional()?;
        if let Some(balance) = booked {
            return Ok(balance);
        }
        let before: i64 = transaction.query_row(
            "SELECT ifnull(sum(cents), 0) FROM bookings WHERE account = ?1",
            [account],
            |row| row.get(0),
        )?;
        let balance = before + cents;
        transaction.execute(
            "INSERT INTO bookings VALUES (?1, ?2, ?3, ?4)",
            (id, account, cents, balance),
        )?;
        transaction.commit()?;
        Ok(balance)
    }
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    msgflo: msgflo::Options,
    /// Where the accounts are kept
    #[arg(long, default_value = "accounts.db")]
    database: PathBuf,
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    let Arguments { msgflo: options, database } = Arguments::parse();
    let accounts = Accounts::open(database).map_err(Error::new)?;
    Program::new(accounts).options(options).run().await
}
