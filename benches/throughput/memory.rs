//! Within the process, on one thread: nothing to compare with.

use std::sync::Arc;

use anyhow::Result;
use futures_util::future::try_join_all;
use msgflo::participant::{Assembly, Method};
use msgflo::transport::{Queue, Target};
use msgflo::{Any, Context, Message, Network, Port};

use super::{BYTES, Countdown, Repeat, per_second};

const MESSAGES: usize = 1_000_000;

pub fn measure() -> Result<()> {
    println!("\nwithin the process, {BYTES} bytes, {MESSAGES} messages, one thread");
    let (transport, participants) = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let plain = Message::new(vec![b'x'; BYTES]);
            let identified = plain.clone().with_id("0123456789abcdef");
            let headed = identified.clone().with_header("tenant", "a").with_header("order", "17");
            let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            let traced = identified.clone().with_header("traceparent", trace);
            let participants = [
                ("through the repeat participant", participant(plain).await?),
                ("  with an identifier", participant(identified.clone()).await?),
                ("  with two headers", participant(headed).await?),
                ("  with a trace", participant(traced).await?),
                ("  at the second attempt", retried(identified).await?),
            ];
            Ok((through_the_transport().await?, participants))
        })
    })
    .join()
    .unwrap_or_else(|_| Err(anyhow::anyhow!("the memory benchmark panicked")))?;
    println!("  publish, receive, acknowledge   {transport:>9.0} messages/s");
    for (name, rate) in participants {
        println!("  {name:<30}  {rate:>9.0} messages/s");
    }
    Ok(())
}

/// A sender and a receiver.
async fn through_the_transport() -> Result<f64> {
    let network = msgflo::connect("memory://transport").await?;
    let transport = network.transport().clone();
    let queue = Queue::inport("q");
    transport.declare(&queue).await?;
    let mut deliveries = transport.consume("q", 1000).await?;
    let message = Message::new(vec![b'x'; BYTES]);
    per_second(MESSAGES, async move {
        let send = async {
            for _ in 0..MESSAGES {
                transport.publish(Target::Outport("q"), message.clone()).await?;
            }
            Ok(())
        };
        let receive = async {
            for _ in 0..MESSAGES {
                if let Some(delivery) = deliveries.next().await {
                    delivery?.acknowledge();
                }
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::try_join!(send, receive).map(drop)
    })
    .await
}

/// The whole path: queue, participant, queue.
async fn participant(message: Message) -> Result<f64> {
    let network = msgflo::connect("memory://participant").await?;
    let done = Countdown::new(MESSAGES);
    network.start("repeat", Repeat::new(done.clone())).await?;
    let rate = fill(&network, message, done).await;
    network.shutdown().await?;
    rate
}

/// The same, where each message fails once.
async fn retried(message: Message) -> Result<f64> {
    let network = msgflo::connect("memory://retried").await?;
    let done = Countdown::new(MESSAGES);
    let mut retry = Assembly::new("bench/Retry");
    let out = retry.outport::<Any>("out");
    let port = Port::new("in", "any").attempts(2).backoff("0s".parse()?);
    let closure = {
        let done = done.clone();
        move |any: Any, context: Context| {
            let (out, done) = (out.clone(), done.clone());
            async move {
                if context.attempt() == 1 {
                    return Err(msgflo::Error::message("once"));
                }
                out.send(any).await?;
                done.count();
                Ok(())
            }
        }
    };
    retry.inport_as(port, Method::closure(closure));
    network.start_assembly("repeat", retry).await?;
    let rate = fill(&network, message, done).await;
    network.shutdown().await?;
    rate
}

async fn fill(network: &Network, message: Message, done: Arc<Countdown>) -> Result<f64> {
    let transport = network.transport().clone();
    per_second(MESSAGES, async move {
        for _ in 0..MESSAGES / 1000 {
            let thousand =
                (0..1000).map(|_| transport.publish(Target::Outport("repeat.IN"), message.clone()));
            try_join_all(thousand).await?;
        }
        done.zero.notified().await;
        Ok(())
    })
    .await
}
