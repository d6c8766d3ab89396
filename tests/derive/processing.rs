//! How messages are handed to methods, as the attributes say.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use msgflo::testing::Harness;
use msgflo::transport::Abilities;
use msgflo::{Backoff, Context, Inport, Json, Message, Outport, Participant};
use tokio::sync::Semaphore;

/// Everything that can be said of how messages are processed
#[derive(Participant, Default)]
struct Everything {
    #[inport(
        process = one,
        attempts = 5,
        backoff = "1s..5m",
        timeout = "1m 30s",
        ordered_by = "key",
        max_priority = 9
    )]
    one: Inport<String>,
    #[inport(process = several, batch = 100, linger = "1s", backoff = "500ms")]
    several: Inport<String>,
    #[inport(process = one, parallel, blocking = false)]
    parallel: Inport<String>,
    #[inport(replies)]
    answer: Inport<String>,
    #[outport(headers = required, delay = required)]
    some: Outport<String>,
    #[outport(expiry = required, priority = required)]
    others: Outport<String>,
}

impl Everything {
    async fn one(&self, _: String) -> msgflo::Result<()> {
        Ok(())
    }

    async fn several(&self, _: Vec<String>) -> msgflo::Result<()> {
        Ok(())
    }
}

#[test]
fn a_component_knows_how_messages_are_processed() {
    let component = Everything::component();
    let [one, several, parallel, answer] = &component.inports[..] else {
        panic!("{:?}", component.inports)
    };
    assert_eq!((one.attempts, one.timeout), (Some(5), Some(Duration::from_secs(90))));
    assert_eq!(one.backoff, Some("1s..5m".parse::<Backoff>().unwrap()));
    assert_eq!((one.ordered_by.as_deref(), one.max_priority), (Some("key"), Some(9)));
    assert_eq!((several.batch, several.linger), (Some(100), Duration::from_secs(1)));
    assert_eq!(several.backoff, Some("500ms".parse().unwrap()));
    assert_eq!((one.parallel, parallel.parallel), (false, true));
    assert_eq!((one.replies, answer.replies), (false, true));
    assert_eq!((answer.attempts, answer.batch, answer.timeout), (None, None, None));

    let [some, others] = &component.outports[..] else { panic!("{:?}", component.outports) };
    let Abilities { headers, delay, expiry, priority, .. } = some.required;
    assert!(headers && delay && !expiry && !priority);
    let Abilities { headers, delay, expiry, priority, .. } = others.required;
    assert!(!headers && !delay && expiry && priority);
}

/// Hold the first message of `a` up
#[derive(Participant)]
struct Ordered {
    #[inport(process = pass, ordered_by = "key")]
    r#in: Inport<String>,
    #[outport]
    out: Outport<String>,
    gate: Semaphore,
}

impl Ordered {
    async fn pass(&self, text: String) -> anyhow::Result<()> {
        if text == "a1" {
            self.gate.acquire().await?.forget();
        }
        Ok(self.out.send(text).await?)
    }
}

#[tokio::test]
async fn messages_with_the_same_key_keep_their_order() -> msgflo::Result<()> {
    let ordered =
        Ordered { r#in: Inport::default(), out: Outport::default(), gate: Semaphore::new(0) };
    let mut harness = Harness::start(ordered).await?;
    for text in ["a1", "a2", "b1"] {
        harness.send_message("in", Message::new(text).with_header("key", &text[..1])).await?;
    }
    assert_eq!(harness.receive::<String>("out").await?, "b1");
    harness.participant().gate.add_permits(1);
    assert_eq!(harness.receive::<String>("out").await?, "a1");
    assert_eq!(harness.receive::<String>("out").await?, "a2");
    harness.shutdown().await
}

/// Hold a thread until another one is here
#[derive(Participant, Default)]
struct Parallel {
    #[inport(process = meet, parallel)]
    r#in: Inport<String>,
    #[outport]
    out: Outport<String>,
    here: Mutex<u32>,
    came: Condvar,
}

impl Parallel {
    async fn meet(&self, text: String) -> msgflo::Result<()> {
        {
            let mut here = self.here.lock().unwrap();
            *here += 1;
            self.came.notify_all();
            let alone = |here: &mut u32| *here < 2;
            let (_here, waited) =
                self.came.wait_timeout_while(here, Duration::from_secs(10), alone).unwrap();
            if waited.timed_out() {
                return Err(msgflo::Error::message("nobody else came"));
            }
        }
        self.out.send(text).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_messages_have_threads_of_their_own() -> msgflo::Result<()> {
    let mut harness = Harness::start(Parallel::default()).await?;
    for text in ["1", "2"] {
        harness.send("in", text.to_owned()).await?;
    }
    let mut met = [harness.receive::<String>("out").await?, harness.receive("out").await?];
    met.sort();
    assert_eq!(met, ["1", "2"]);
    harness.shutdown().await
}

/// Never get done
#[derive(Participant, Default)]
struct Stuck {
    #[inport(process = wait, timeout = "20ms")]
    r#in: Inport<String>,
}

impl Stuck {
    async fn wait(&self, _: String) -> msgflo::Result<()> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_takes_longer_than_its_time_has_failed() -> msgflo::Result<()> {
    let mut harness = Harness::start(Stuck::default()).await?;
    harness.send("in", "a".to_owned()).await?;
    assert_eq!(harness.rejected::<String>("in").await?, "a");
    harness.shutdown().await
}

/// Write rows by a driver that blocks
#[derive(Participant, Default)]
struct Writer {
    #[inport(process = write, blocking, batch = 2, linger = "20s")]
    rows: Inport<Json<u32>>,
    #[outport]
    written: Outport<String>,
}

impl Writer {
    fn write(&self, rows: Vec<Json<u32>>, context: Context) -> anyhow::Result<()> {
        anyhow::ensure!(!rows.contains(&Json(13)), "13 is no row");
        let rows: Vec<_> = rows.into_iter().map(|Json(row)| row.to_string()).collect();
        Ok(self.written.send_blocking(format!("{} {}", context.port(), rows.join("+")))?)
    }
}

#[tokio::test]
async fn a_method_that_blocks_may_take_a_batch() -> msgflo::Result<()> {
    let mut harness = Harness::start(Writer::default()).await?;
    for row in [1, 2, 3, 13] {
        harness.send("rows", Json(row)).await?;
    }
    assert_eq!(harness.receive::<String>("written").await?, "rows 1+2");
    assert_eq!(harness.receive::<String>("written").await?, "rows 3");
    assert_eq!(harness.rejected::<Json<u32>>("rows").await?, Json(13));
    harness.shutdown().await
}

/// Log what answers nobody
#[derive(Participant, Default)]
struct Front {
    #[inport(process = log, replies)]
    answer: Inport<String>,
    #[outport]
    log: Outport<String>,
}

impl Front {
    async fn log(&self, text: String, context: Context) -> msgflo::Result<()> {
        let id = context.correlation_id().unwrap_or_default();
        self.log.send(format!("{id}: {text}")).await
    }
}

#[tokio::test]
async fn what_answers_no_request_goes_to_the_method() -> msgflo::Result<()> {
    let mut harness = Harness::start(Front::default()).await?;
    let answer = Message::new("late").with_correlation_id("another's");
    harness.send_message("answer", answer).await?;
    assert_eq!(harness.receive::<String>("log").await?, "another's: late");
    harness.shutdown().await
}
