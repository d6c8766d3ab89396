//! Within the process, on one thread: nothing to compare with.

use anyhow::Result;
use futures_util::future::try_join_all;
use msgflo::Message;
use msgflo::transport::{Queue, Target};

use super::{BYTES, Countdown, Repeat, per_second};

const MESSAGES: usize = 1_000_000;

pub fn measure() -> Result<()> {
    println!("\nwithin the process, {BYTES} bytes, {MESSAGES} messages, one thread");
    let (transport, participant) = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { Ok((through_the_transport().await?, participant().await?)) })
    })
    .join()
    .unwrap_or_else(|_| Err(anyhow::anyhow!("the memory benchmark panicked")))?;
    println!("  publish, receive, acknowledge   {transport:>9.0} messages/s");
    println!("  through the repeat participant  {participant:>9.0} messages/s");
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
async fn participant() -> Result<f64> {
    let network = msgflo::connect("memory://participant").await?;
    let done = Countdown::new(MESSAGES);
    network.start("repeat", Repeat::new(done.clone())).await?;
    let transport = network.transport().clone();
    let message = Message::new(vec![b'x'; BYTES]);
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
