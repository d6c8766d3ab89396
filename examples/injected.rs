//! A participant that is given its database, so that a test can give it another. Run the tests, without a broker
//! and without a database:
//!
//!     cargo test --example injected
//!
//! and the program: `cargo run --example injected -- --broker 'zmq://127.0.0.1:5555?hub=auto'`

use std::sync::{Mutex, PoisonError};

use msgflo::{Error, Inport, Json, Outport, Participant};
use rusqlite::Connection;

/// What is done with words.
trait Database: Send + Sync + 'static {
    /// Keeps a word; tells how many there are.
    fn insert(&self, word: &str) -> anyhow::Result<i64>;
}

/// Keep words
#[derive(Participant)]
#[participant(component = "examples/Store", icon = "database")]
struct Store<D: Database> {
    #[inport(process = store, blocking, attempts = 3, backoff = "50ms..1s")]
    word: Inport<String>,
    /// How many there are
    #[outport]
    count: Outport<Json<i64>>,
    database: D,
}

impl<D: Database> Store<D> {
    fn new(database: D) -> Self {
        Self { word: Inport::default(), count: Outport::default(), database }
    }

    fn store(&self, word: String) -> anyhow::Result<()> {
        if word.is_empty() {
            Err(msgflo::permanent("an empty word"))?;
        }
        let count = self.database.insert(&word)?;
        Ok(self.count.send_blocking(Json(count))?)
    }
}

struct Sqlite(Mutex<Connection>);

impl Sqlite {
    fn open(file: &str) -> rusqlite::Result<Self> {
        let database = Connection::open(file)?;
        database.execute_batch("CREATE TABLE IF NOT EXISTS words (word TEXT)")?;
        Ok(Self(Mutex::new(database)))
    }
}

impl Database for Sqlite {
    fn insert(&self, word: &str) -> anyhow::Result<i64> {
        let database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        database.execute("INSERT INTO words VALUES (?1)", [word])?;
        Ok(database.query_row("SELECT count(*) FROM words", [], |row| row.get(0))?)
    }
}

#[tokio::main]
async fn main() -> msgflo::Result<()> {
    let database = Sqlite::open("words.db").map_err(Error::new)?;
    msgflo::run(Store::new(database)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgflo::testing::Harness;

    /// Fails as often as it is told to, and remembers what came then.
    #[derive(Default)]
    struct Mock {
        failures: Mutex<u32>,
        words: Mutex<Vec<String>>,
    }

    impl Database for Mock {
        fn insert(&self, word: &str) -> anyhow::Result<i64> {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                anyhow::bail!("the disk is full");
            }
            let mut words = self.words.lock().unwrap();
            words.push(word.into());
            Ok(words.len() as i64)
        }
    }

    #[tokio::test]
    async fn a_word_is_kept_once_the_database_takes_it() -> msgflo::Result<()> {
        let database = Mock { failures: Mutex::new(2), ..Mock::default() };
        let mut harness = Harness::start(Store::new(database)).await?;
        harness.send("word", String::from("hello")).await?;
        assert_eq!(harness.receive::<Json<i64>>("count").await?.0, 1);
        assert_eq!(*harness.participant().database.words.lock().unwrap(), ["hello"]);
        harness.shutdown().await
    }

    #[tokio::test]
    async fn sqlite_counts_words() -> msgflo::Result<()> {
        let database = Sqlite::open(":memory:").map_err(Error::new)?;
        let mut harness = Harness::start(Store::new(database)).await?;
        for count in 1..=2 {
            harness.send("word", String::from("hello")).await?;
            assert_eq!(harness.receive::<Json<i64>>("count").await?.0, count);
        }
        harness.shutdown().await
    }

    #[tokio::test]
    async fn after_three_attempts_it_is_a_dead_letter() -> msgflo::Result<()> {
        let database = Mock { failures: Mutex::new(3), ..Mock::default() };
        let mut harness = Harness::start(Store::new(database)).await?;
        harness.send("word", String::from("hello")).await?;
        assert_eq!(harness.rejected::<String>("word").await?, "hello");
        assert!(harness.participant().database.words.lock().unwrap().is_empty());
        harness.shutdown().await
    }

    #[tokio::test]
    async fn an_empty_word_is_not_tried_again() -> msgflo::Result<()> {
        let mut harness = Harness::start(Store::new(Mock::default())).await?;
        harness.send("word", String::new()).await?;
        assert_eq!(harness.rejected::<String>("word").await?, "");
        assert!(harness.participant().database.words.lock().unwrap().is_empty());
        harness.shutdown().await
    }
}
