//! The same on ZeroMQ: `repeat` beside a loop by hand on the zeromq crate, on one hub, which runs
//! on a thread of its own.

use anyhow::Result;
use msgflo::bytes::Bytes;
use msgflo::zmq::Hub;
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use super::{Contender, bind_and_fill, compare, per_second, repeat};

const MESSAGES: usize = 100_000;

pub async fn measure() -> Result<()> {
    compare(
        "ZeroMQ with a hub",
        MESSAGES,
        "zeromq",
        "one acknowledgement for up to 32 messages",
        with_hub,
    )
    .await
}

async fn with_hub(contender: Contender, concurrency: u16) -> Result<f64> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let hub = runtime.spawn(Hub::bind("zmq://127.0.0.1:0?capacity=1000000"));
    let hub = hub.await.map_err(msgflo::Error::from)??;
    let rate = rate(hub.url(), contender, concurrency).await;
    hub.stop().await;
    runtime.shutdown_background();
    rate
}

async fn rate(url: &str, contender: Contender, concurrency: u16) -> Result<f64> {
    let network = msgflo::connect(url).await?;
    bind_and_fill(&network, MESSAGES).await?;

    let (msgflo, address) = (network.clone(), url.to_owned());
    let rate = per_second(MESSAGES, async move {
        match contender {
            Contender::Msgflo => repeat(msgflo, MESSAGES, concurrency).await,
            Contender::PlainLoop => by_hand(&address, concurrency, 1).await,
            Contender::TunedLoop => by_hand(&address, concurrency, 32).await,
        }
    })
    .await?;
    let end = msgflo::connect(url).await?;
    network.shutdown().await?;
    assert_eq!(end.statistics("repeat.IN").await?.waiting, 0, "every message was acknowledged");
    assert_eq!(end.statistics("sink.IN").await?.waiting, MESSAGES as u64);
    end.shutdown().await?;
    Ok(rate)
}

/// Speaks to the hub as `docs/zmq.md` says: publishes each delivery, and acknowledges it when that
/// is answered, `batch` at a time.
async fn by_hand(url: &str, credit: u16, batch: usize) -> Result<()> {
    let mut socket = DealerSocket::new();
    socket.connect(&url.replace("zmq://", "tcp://")).await?;
    let consumer = u64::MAX;
    let (hello, queue) = (&[b"by hand" as &[u8], &60_000u64.to_be_bytes()], b"repeat.IN");
    socket.send(frames(b"HELLO", 0, hello)).await?;
    let credit = u64::from(credit).to_be_bytes();
    socket.send(frames(b"CONSUME", consumer, &[queue, &credit])).await?;
    let (mut sent, mut acknowledged) = (0, 0);
    let mut tags = std::collections::HashMap::new();
    let mut done = Vec::new();
    while acknowledged < MESSAGES {
        let received = socket.recv().await?.into_vec();
        let number = u64::from_be_bytes(received[2][..].try_into()?);
        match &received[1][..] {
            b"DELIVER" => {
                sent += 1;
                tags.insert(sent, received[3].clone());
                let mut publish = frames(b"PUBLISH", sent, &[b"out", b"repeat.OUT"]);
                received[5..].iter().for_each(|frame| publish.push_back(frame.clone()));
                socket.send(publish).await?;
            }
            b"OK" => {
                let Some(tag) = tags.remove(&number) else { continue };
                done.extend_from_slice(&tag);
                if done.len() >= 8 * batch || tags.is_empty() {
                    acknowledged += done.len() / 8;
                    socket.send(frames(b"ACK", consumer, &[&std::mem::take(&mut done)])).await?;
                }
            }
            _ => {}
        }
    }
    socket.send(frames(b"BYE", 1, &[])).await?;
    while &socket.recv().await?.into_vec()[2][..] != 1u64.to_be_bytes().as_slice() {}
    Ok(())
}

fn frames(command: &'static [u8], number: u64, arguments: &[&[u8]]) -> ZmqMessage {
    let mut message = ZmqMessage::from(Bytes::from_static(b"MSGFLO1"));
    message.push_back(Bytes::from_static(command));
    message.push_back(Bytes::copy_from_slice(&number.to_be_bytes()));
    arguments.iter().for_each(|argument| message.push_back(Bytes::copy_from_slice(argument)));
    message
}
