//! Messages per second of the `repeat` participant, side by side with the same work done by
//! hand on the client library, in one run against one broker:
//!
//!     cargo bench --bench throughput
//!
//! Each contender takes messages of 256 bytes out of a queue, publishes each, waits for
//! the broker's confirmation, and acknowledges. Contenders take turns; each is compared with the
//! plain loop of the same round, and the medians are what the README quotes. `-- mqtt` measures MQTT
//! alone; so do `amqp`, `zmq` and `memory`.

#[path = "throughput/amqp.rs"]
mod amqp;
#[path = "throughput/memory.rs"]
mod memory;
#[path = "throughput/mqtt.rs"]
mod mqtt;
#[path = "throughput/zmq.rs"]
mod zmq;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use msgflo::transport::{Direction, Queue, Target};
use msgflo::{Any, Inport, Message, Network, Outport, Participant, Settings};
use tokio::sync::Notify;

const BYTES: usize = 256;
const ROUNDS: usize = 9;

#[tokio::main]
async fn main() -> Result<()> {
    let known = ["amqp", "mqtt", "zmq", "memory"];
    let named: Vec<_> =
        std::env::args().filter(|argument| known.contains(&argument.as_str())).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|argument| argument == name);
    if wanted("amqp") {
        amqp::measure().await?;
    }
    if wanted("mqtt") {
        mqtt::measure().await?;
    }
    if wanted("zmq") {
        zmq::measure().await?;
    }
    if wanted("memory") {
        memory::measure()?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Contender {
    Msgflo,
    /// What is written first, and is good enough.
    PlainLoop,
    /// What is written when it must be fast.
    TunedLoop,
}

/// Lets all contenders take turns, and prints how they compare.
async fn compare(
    broker: &str,
    messages: usize,
    library: &str,
    tuned: &str,
    rate: impl AsyncFn(Contender, u16) -> Result<f64>,
) -> Result<()> {
    println!("\n{broker}, {BYTES} bytes, {messages} messages, median of {ROUNDS} rounds");
    println!("tuned: {tuned}");
    for concurrency in [10, 100, 1000] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push([
                rate(Contender::PlainLoop, concurrency).await?,
                rate(Contender::Msgflo, concurrency).await?,
                rate(Contender::TunedLoop, concurrency).await?,
            ]);
        }
        println!("\nconcurrency {concurrency}");
        let names =
            [format!("{library}, plain loop"), "msgflo repeat".into(), format!("{library}, tuned")];
        for (contender, name) in names.iter().enumerate() {
            let rate = median(rounds.iter().map(|rates| rates[contender]));
            let ratio = median(rounds.iter().map(|rates| rates[contender] / rates[0]));
            println!("  {name:<20} {rate:>9.0} messages/s   {ratio:.2} x plain loop");
        }
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Works on a thread of the runtime, where what comes from the network comes to. The main thread,
/// in which `block_on` is, would have to be woken for it.
async fn per_second(
    messages: usize,
    work: impl Future<Output = Result<()>> + Send + 'static,
) -> Result<f64> {
    let started = Instant::now();
    tokio::spawn(work).await.map_err(msgflo::Error::from)??;
    Ok(messages as f64 / started.elapsed().as_secs_f64())
}

/// Makes the queues of the `repeat` role, with a sink behind, and fills its inport's.
async fn bind_and_fill(network: &Network, messages: usize) -> Result<()> {
    for (name, direction) in
        [("repeat.IN", Direction::In), ("repeat.OUT", Direction::Out), ("sink.IN", Direction::In)]
    {
        network.transport().declare(&Queue::new(name, direction)).await?;
    }
    network.bind("repeat.OUT", "sink.IN").await?;
    fill(network, messages).await
}

async fn fill(network: &Network, messages: usize) -> Result<()> {
    let transport = network.transport();
    let message = Message::new(vec![b'x'; BYTES]);
    stream::iter(0..messages)
        .map(|_| transport.publish(Target::Outport("repeat.IN"), message.clone()))
        .buffer_unordered(1000)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}

/// Lets the participant repeat all messages.
async fn repeat(network: Network, messages: usize, concurrency: u16) -> Result<()> {
    let done = Countdown::new(messages);
    let settings = Settings { concurrency, ..Settings::default() };
    network.start_with("repeat", Repeat::new(done.clone()), settings).await?;
    done.zero.notified().await;
    Ok(())
}

/// Repeats, and tells when it has repeated as many as it should.
#[derive(Participant)]
#[participant(component = "rust/Repeat")]
struct Repeat {
    #[inport(process = repeat)]
    r#in: Inport<Any>,
    #[outport]
    out: Outport<Any>,
    done: Arc<Countdown>,
}

impl Repeat {
    fn new(done: Arc<Countdown>) -> Self {
        Self { r#in: Inport::default(), out: Outport::default(), done }
    }

    async fn repeat(&self, any: Any) -> Result<()> {
        self.out.send(any).await?;
        self.done.count();
        Ok(())
    }
}

struct Countdown {
    left: AtomicUsize,
    zero: Notify,
}

impl Countdown {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(count), zero: Notify::new() })
    }

    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.zero.notify_one();
        }
    }
}
