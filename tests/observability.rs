//! What a user sees of a participant through `metrics` and `tracing`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use msgflo::testing::Harness;
use msgflo::{Inport, Json, Outport, Participant};
use tracing_subscriber::fmt::MakeWriter;

/// Halve even numbers
#[derive(Participant, Default)]
#[participant(component = "test/Halve")]
struct Halve {
    #[inport(process = halve)]
    r#in: Inport<Json<u32>>,
    #[outport]
    out: Outport<Json<u32>>,
}

impl Halve {
    async fn halve(&self, Json(number): Json<u32>) -> msgflo::Result<()> {
        tracing::info!("halving {number}");
        if number % 2 == 1 {
            return Err(msgflo::Error::message(format!("{number} is odd")));
        }
        self.out.send(Json(number / 2)).await
    }
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

// One test: recorder and subscriber are the process's.
#[tokio::test]
async fn messages_are_counted_timed_and_traced() -> msgflo::Result<()> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().map_err(msgflo::Error::new)?;
    let log = Log::default();
    tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).init();

    let mut harness = Harness::start(Halve::default()).await?;
    for number in [2, 4, 7] {
        harness.send("in", Json(number)).await?;
    }
    harness.send("in", "not a number".to_string()).await?;
    assert_eq!(harness.receive::<Json<u32>>("out").await?.0, 1);
    assert_eq!(harness.receive::<Json<u32>>("out").await?.0, 2);
    assert_eq!(harness.rejected::<Json<u32>>("in").await?.0, 7);
    harness.rejected::<String>("in").await?;
    harness.shutdown().await?;

    let mut counted = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let mut labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
        labels.sort();
        let name = format!("{} {}", key.key().name(), labels.join(" "));
        match value {
            DebugValue::Counter(count) => counted.insert(name, count),
            DebugValue::Histogram(times) => counted.insert(name, times.len() as u64),
            DebugValue::Gauge(_) => None,
        };
    }
    let expected = [
        ("msgflo_messages_processed_total acknowledged in test", 2),
        ("msgflo_messages_processed_total in rejected test", 2),
        ("msgflo_messages_processed_total in released test", 0),
        ("msgflo_messages_processed_total in retried test", 0),
        ("msgflo_messages_redelivered_total in test", 0),
        ("msgflo_messages_sent_total out test", 2),
        ("msgflo_processing_seconds in test", 4),
    ];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)).into());

    let log = String::from_utf8(log.0.lock().unwrap().clone())?;
    let line = |text: &str| log.lines().find(|line| line.contains(text)).unwrap_or_default();
    for part in ["role=\"test\"", "port=\"in\"", "redelivered=false", "message{"] {
        assert!(line("halving 7").contains(part), "{part} in {log}");
    }
    for part in [" WARN ", "role=\"test\"", "port=\"in\"", "rejected: 7 is odd"] {
        assert!(line("7 is odd").contains(part), "{part} in {log}");
    }
    for part in [" WARN ", "role=\"test\"", "port=\"in\"", "rejected: not a valid JSON payload"] {
        assert!(line("not a valid").contains(part), "{part} in {log}");
    }
    Ok(())
}
