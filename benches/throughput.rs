//! Messages per second of the `repeat` participant, side by side with the same work done by
//! hand on the client library, in one run against one broker:
//!
//!     cargo bench --bench throughput
//!
//! Each contender takes `MESSAGES` messages of 256 bytes out of a queue, publishes each to an
//! exchange, waits for the broker's confirmation, and acknowledges. Contenders take turns; the
//! medians count, and the ratios are what the README quotes. `-- zmq` measures ZeroMQ alone.

#[path = "throughput/zmq.rs"]
mod zmq;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use msgflo::transport::{Direction, Queue, Target};
use msgflo::{Any, Inport, Message, Network, Outport, Participant, Result, Settings};
use msgflo_test_broker::RabbitMq;
use tokio::sync::Notify;

const MESSAGES: u64 = 20_000;
const BYTES: usize = 256;
const ROUNDS: usize = 5;
const MEMORY_MESSAGES: u64 = 1_000_000;

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
    left: AtomicU64,
    zero: Notify,
}

impl Countdown {
    fn new(count: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(count), zero: Notify::new() })
    }

    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.zero.notify_one();
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Msgflo,
    /// One channel for everything, one acknowledgement for each message.
    PlainLoop,
    /// A channel of its own for publishing, one acknowledgement for each 32 messages in order.
    TunedLoop,
}

const CONTENDERS: [(Contender, &str); 3] = [
    (Contender::Msgflo, "msgflo repeat"),
    (Contender::PlainLoop, "lapin, plain loop"),
    (Contender::TunedLoop, "lapin, tuned loop"),
];

#[tokio::main]
async fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "zmq") {
        amqp().await?;
        memory()?;
    }
    zmq::measure().await
}

async fn amqp() -> Result<()> {
    let broker = RabbitMq::start()?;
    println!("RabbitMQ, {BYTES} bytes, {MESSAGES} messages, median of {ROUNDS} rounds");
    for concurrency in [10, 100, 1000] {
        let mut rates = [const { Vec::new() }; CONTENDERS.len()];
        for _ in 0..ROUNDS {
            for (rates, (contender, _)) in rates.iter_mut().zip(CONTENDERS) {
                rates.push(rate(&broker.url(), contender, concurrency).await?);
            }
        }
        let medians = rates.map(median);
        println!("\nconcurrency {concurrency}");
        for ((_, name), rate) in CONTENDERS.iter().zip(medians) {
            println!("  {name:<20} {rate:>9.0} messages/s   {:.2} x plain loop", rate / medians[1]);
        }
    }
    Ok(())
}

fn memory() -> Result<()> {
    println!("\nwithin the process, {BYTES} bytes, {MEMORY_MESSAGES} messages, one thread");
    let (transport, participant) = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { Ok((memory_transport().await?, memory_participant().await?)) })
    })
    .join()
    .unwrap_or_else(|_| Err(msgflo::Error::message("the memory benchmark panicked")))?;
    println!("  publish, receive, acknowledge   {transport:>9.0} messages/s");
    println!("  through the repeat participant  {participant:>9.0} messages/s");
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Makes the queues of the `repeat` role, and fills its inport's.
async fn fill(network: &Network) -> Result<()> {
    let transport = network.transport();
    for (name, direction) in
        [("repeat.IN", Direction::In), ("repeat.OUT", Direction::Out), ("sink.IN", Direction::In)]
    {
        transport.declare(&Queue { name: name.into(), direction, persistent: true }).await?;
    }
    network.bind("repeat.OUT", "sink.IN").await?;
    let message = Message::new(vec![b'x'; BYTES]);
    stream::iter(0..MESSAGES)
        .map(|_| transport.publish(Target::Outport("repeat.IN"), message.clone()))
        .buffer_unordered(1000)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}

/// Fills the queue, lets the contender empty it, and gives messages per second.
async fn rate(url: &str, contender: Contender, concurrency: u16) -> Result<f64> {
    let network = msgflo::connect(url).await?;
    fill(&network).await?;

    // To lapin, `/` alone is an empty virtual host.
    let connection =
        Connection::connect(&format!("{url}%2f"), ConnectionProperties::default()).await?;
    let started = Instant::now();
    match contender {
        Contender::Msgflo => {
            let done = Countdown::new(MESSAGES);
            let settings = Settings { concurrency, ..Settings::default() };
            network.start_with("repeat", Repeat::new(done.clone()), settings).await?;
            done.zero.notified().await;
        }
        Contender::PlainLoop => plain_loop(&connection, concurrency).await?,
        Contender::TunedLoop => tuned_loop(&connection, concurrency).await?,
    }
    let elapsed = started.elapsed();

    network.shutdown().await?;
    let channel = connection.create_channel().await?;
    channel.queue_delete("sink.IN".into(), Default::default()).await?;
    let left = channel.queue_delete("repeat.IN".into(), Default::default()).await?;
    assert_eq!(left, 0, "every message was acknowledged");
    connection.close(200, "done".into()).await?;
    Ok(MESSAGES as f64 / elapsed.as_secs_f64())
}

async fn publish(channel: &Channel, payload: &[u8]) -> lapin::Result<()> {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish("repeat.OUT".into(), "".into(), options, payload, properties)
        .await?
        .await?;
    Ok(())
}

async fn consume(channel: &Channel, prefetch: u16) -> lapin::Result<lapin::Consumer> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    channel.basic_consume("repeat.IN".into(), "".into(), options, FieldTable::default()).await
}

async fn plain_loop(connection: &Connection, concurrency: u16) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let consumer = consume(&channel, concurrency).await?;
    consumer
        .take(MESSAGES as usize)
        .try_for_each_concurrent(usize::from(concurrency), |delivery| {
            let channel = &channel;
            async move {
                publish(channel, &delivery.data).await?;
                delivery.ack(BasicAckOptions::default()).await?;
                Ok(())
            }
        })
        .await
}

async fn tuned_loop(connection: &Connection, concurrency: u16) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    let publishing = connection.create_channel().await?;
    publishing.confirm_select(ConfirmSelectOptions::default()).await?;
    let consumer = consume(&channel, concurrency).await?;
    consumer
        .take(MESSAGES as usize)
        .map_ok(|delivery| async {
            publish(&publishing, &delivery.data).await?;
            Ok(delivery)
        })
        .try_buffered(usize::from(concurrency))
        .try_ready_chunks(32)
        .map_err(|stream::TryReadyChunksError(_, error)| error)
        .try_for_each(async |confirmed| match confirmed.last() {
            Some(last) => last.ack(BasicAckOptions { multiple: true }).await.map(drop),
            None => Ok(()),
        })
        .await
}

/// The memory transport by itself: a sender and a receiver.
async fn memory_transport() -> Result<f64> {
    let network = msgflo::connect("memory://transport").await?;
    let transport = network.transport();
    let queue = Queue { name: "q".into(), direction: Direction::In, persistent: true };
    transport.declare(&queue).await?;
    let mut deliveries = transport.consume("q", 1000).await?;
    let message = Message::new(vec![b'x'; BYTES]);
    let started = Instant::now();
    let send = async {
        for _ in 0..MEMORY_MESSAGES {
            transport.publish(Target::Outport("q"), message.clone()).await?;
        }
        Ok(())
    };
    let receive = async {
        for _ in 0..MEMORY_MESSAGES {
            if let Some(delivery) = deliveries.next().await {
                delivery?.acknowledge();
            }
        }
        Ok::<_, msgflo::Error>(())
    };
    tokio::try_join!(send, receive)?;
    Ok(per_second(started.elapsed()))
}

/// The whole path: queue, participant, queue.
async fn memory_participant() -> Result<f64> {
    let network: Network = msgflo::connect("memory://participant").await?;
    let done = Countdown::new(MEMORY_MESSAGES);
    network.start("repeat", Repeat::new(done.clone())).await?;
    let transport = network.transport();
    let message = Message::new(vec![b'x'; BYTES]);
    let started = Instant::now();
    for _ in 0..MEMORY_MESSAGES / 1000 {
        let thousand =
            (0..1000).map(|_| transport.publish(Target::Outport("repeat.IN"), message.clone()));
        try_join_all(thousand).await?;
    }
    done.zero.notified().await;
    Ok(per_second(started.elapsed()))
}

fn per_second(elapsed: Duration) -> f64 {
    MEMORY_MESSAGES as f64 / elapsed.as_secs_f64()
}
