//! What `#[derive(Participant)]` makes of the attributes for what fails, what comes in batches and what
//! blocks, run on the memory transport.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use msgflo::testing::Harness;
use msgflo::{Context, Inport, Json, Outport, Participant};

/// Where rows go: a database, or a list in a test
trait Database: Send + Sync + 'static {
    fn insert(&self, rows: &[u32]) -> anyhow::Result<()>;
}

#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Vec<Vec<u32>>>>);

impl Database for Rows {
    fn insert(&self, rows: &[u32]) -> anyhow::Result<()> {
        self.0.lock().unwrap().push(rows.to_vec());
        anyhow::ensure!(!rows.contains(&13), "13 is no row");
        Ok(())
    }
}

/// Write rows, many at once
#[derive(Participant)]
struct Store<D: Database> {
    #[inport(process = write, batch = 3, linger = "20s")]
    rows: Inport<Json<u32>>,
    database: D,
}

impl<D: Database> Store<D> {
    async fn write(&self, rows: Vec<Json<u32>>) -> anyhow::Result<()> {
        self.database.insert(&rows.into_iter().map(|Json(row)| row).collect::<Vec<_>>())
    }
}

#[tokio::test]
async fn one_bad_row_does_not_take_the_batch_with_it() -> msgflo::Result<()> {
    let database = Rows::default();
    let store = Store { rows: Inport::default(), database: database.clone() };
    let mut harness = Harness::start(store).await?;
    for row in [1, 13, 3] {
        harness.send("rows", Json(row)).await?;
    }
    assert_eq!(harness.rejected::<Json<u32>>("rows").await?.0, 13);
    harness.shutdown().await?;
    let tried = database.0.lock().unwrap().clone();
    assert_eq!(tried, [vec![1, 13, 3], vec![1], vec![13], vec![3]]);
    Ok(())
}

/// Succeed at the third attempt
#[derive(Participant, Default)]
struct Flaky {
    #[inport(process = work, attempts = 3, backoff = "10ms..20ms", timeout = "5s")]
    r#in: Inport<Json<u32>>,
    #[outport]
    out: Outport<String>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("not yet")]
    NotYet,
    #[error("cannot send")]
    Msgflo(#[from] msgflo::Error),
}

impl Flaky {
    async fn work(&self, Json(number): Json<u32>, context: Context) -> Result<(), Trouble> {
        if number == 0 {
            Err(msgflo::permanent("0 is no number"))?;
        }
        if context.attempt() < number {
            return Err(Trouble::NotYet);
        }
        let told = format!("{} {}", context.attempt(), context.redelivered());
        Ok(self.out.message(told).header("tenant", "a").send().await?)
    }
}

#[tokio::test]
async fn attempts_are_counted_and_given_up() -> msgflo::Result<()> {
    let mut harness = Harness::start(Flaky::default()).await?;
    for (number, told) in [(1, "1 false"), (3, "3 true")] {
        harness.send("in", Json(number)).await?;
        assert_eq!(harness.receive::<String>("out").await?, told);
    }
    for number in [4, 0] {
        harness.send("in", Json(number)).await?;
        assert_eq!(harness.rejected::<Json<u32>>("in").await?.0, number);
    }
    harness.shutdown().await
}

/// Work that blocks
#[derive(Participant, Default)]
struct Blocking {
    #[inport(process = work, blocking, concurrency = 2)]
    r#in: Inport<Json<u32>>,
    #[outport]
    out: Outport<Json<u32>>,
    together: Option<Arc<std::sync::Barrier>>,
}

impl Blocking {
    fn work(&self, Json(number): Json<u32>, context: Context) -> anyhow::Result<()> {
        assert_eq!(context.port(), "in");
        anyhow::ensure!(number != 13, "13 is no number");
        // Two of them run at once, though the test has one thread.
        if let Some(together) = &self.together {
            together.wait();
        }
        Ok(self.out.send_blocking(Json(number * 2))?)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_blocks_runs_on_threads_of_its_own() -> msgflo::Result<()> {
    let together = Some(Arc::new(std::sync::Barrier::new(2)));
    let mut harness = Harness::start(Blocking { together, ..Default::default() }).await?;
    for number in [13, 1, 2] {
        harness.send("in", Json(number)).await?;
    }
    let mut doubled = [
        harness.receive::<Json<u32>>("out").await?.0,
        harness.receive::<Json<u32>>("out").await?.0,
    ];
    doubled.sort();
    assert_eq!(doubled, [2, 4]);
    assert_eq!(harness.rejected::<Json<u32>>("in").await?.0, 13);
    let elsewhere = harness.participant().out.send_blocking(Json(1)).unwrap_err();
    assert!(elsewhere.to_string().contains("methods that block"), "{elsewhere}");
    harness.shutdown().await
}

/// Count each message once
#[derive(Participant)]
struct Count {
    #[inport(process = count)]
    r#in: Inport<Json<u32>>,
    seen: msgflo::Deduplicate,
    total: Mutex<u32>,
}

impl Count {
    async fn count(&self, Json(number): Json<u32>, context: Context) -> msgflo::Result<()> {
        if self.seen.is_new(&context).await? {
            *self.total.lock().unwrap() += number;
            self.seen.remember(&context).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_comes_again_is_dropped() -> msgflo::Result<()> {
    let seen = msgflo::Deduplicate::in_memory(100);
    let count = Count { r#in: Inport::default(), seen, total: Mutex::default() };
    let harness = Harness::start(count).await?;
    for (id, number) in [("a", "1"), ("b", "10"), ("a", "1")] {
        harness.send_message("in", msgflo::Message::new(number).with_id(id)).await?;
    }
    harness.processed().await?;
    assert_eq!(*harness.participant().total.lock().unwrap(), 11);
    harness.shutdown().await
}

mod renamed {
    pub use msgflo as flow;

    /// In a crate that calls it otherwise
    #[derive(flow::Participant, Default)]
    #[participant(crate = "flow")]
    pub struct Renamed {
        #[inport(process = pass, parallel, attempts = 2)]
        r#in: flow::Inport<String>,
        #[outport(headers = required)]
        out: flow::Outport<String>,
    }

    impl Renamed {
        async fn pass(&self, text: String) -> flow::Result<()> {
            self.out.send(text).await
        }
    }
}

#[tokio::test]
async fn the_crate_may_have_another_name() -> msgflo::Result<()> {
    let mut harness = Harness::start(renamed::Renamed::default()).await?;
    harness.send("in", "hello".to_owned()).await?;
    assert_eq!(harness.receive::<String>("out").await?, "hello");
    harness.shutdown().await
}

/// Answers, to whoever asks
#[derive(Participant, Default)]
struct Front {
    #[outport]
    ask: Outport<Json<u32>>,
    #[inport(replies)]
    answer: Inport<Json<u32>>,
}

/// Double a number
#[derive(Participant, Default)]
struct Double {
    #[inport(process = double)]
    r#in: Inport<Json<u32>>,
    #[outport]
    out: Outport<Json<u32>>,
}

impl Double {
    async fn double(&self, Json(number): Json<u32>) -> msgflo::Result<()> {
        self.out.send(Json(2 * number)).await
    }
}

#[tokio::test]
async fn a_request_goes_through_the_graph_and_back() -> msgflo::Result<()> {
    let network = msgflo::connect("memory://front").await?;
    let front = network.start("front", Front::default()).await?;
    network.start("double", Double::default()).await?;
    network.bind("front.ASK", "double.IN").await?;
    network.bind("double.OUT", "front.ANSWER").await?;
    let asked = front.ask.request::<Json<u32>>(Json(21)).timeout(Duration::from_secs(10));
    assert_eq!(asked.await?.0, 42);
    let asked = network.request::<Json<u32>, Json<u32>>("double.IN", Json(4));
    assert_eq!(asked.timeout(Duration::from_secs(10)).await?.0, 8);
    network.shutdown().await
}
