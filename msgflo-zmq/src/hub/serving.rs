//! Serves one client of the hub: from its connection to the queues.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};
use msgflo_core::{Message, memory};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::Shared;
use super::client::{self, Answer, Client, End};
use super::streams::{Item, next};
use crate::frames::{self, Frames, Received};
use crate::wire::{self, Broken, Decoder, Incoming};

/// So much may wait to be written to a client, in bytes, before nothing more is taken from it.
const HIGH_WATER: usize = 1024 * 1024;
/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(10);
/// How long the last answer may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a client until it leaves, is lost, or the hub stops.
pub(super) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    // Without it, answers wait for the client's acknowledgements on the network.
    let _ = stream.set_nodelay(true);
    let greeted = tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => return,
        greeted = wire::greet(&mut stream, wire::Socket::Router, GREETING) => greeted,
    };
    match greeted {
        Ok(()) => {}
        Err(Broken::Protocol(reason)) => {
            warn!("the hub dropped a connection from {peer}: {reason}");
            return;
        }
        Err(Broken::Lost(error)) => {
            debug!("{peer} went away while it was greeted: {error}");
            return;
        }
    }
    let transport = match memory::connect(&shared.queues) {
        Ok(transport) => transport,
        Err(error) => {
            warn!("the hub has no queues for {peer}: {error}");
            return;
        }
    };
    let mut client = Client::new(peer, shared, transport.clone());
    let end = client.run(&mut stream, stopped).await;
    let is_lost = matches!(end, End::Silent | End::Broken(_));
    let name = &client.name;
    match end {
        End::Left => debug!("{name} left the hub"),
        End::Stopped => debug!("the hub stopped, and disconnects {name}"),
        End::Silent => warn!(
            "the hub heard nothing of {name} for {:?}: what it had in hand is delivered again",
            client.timeout
        ),
        End::Broken(Broken::Protocol(reason)) => warn!("the hub disconnected {name}: {reason}"),
        End::Broken(Broken::Lost(error)) => {
            info!("the hub lost {name} ({error}): what it had in hand is delivered again");
        }
    }
    if is_lost {
        // As nobody closes the connection, what was in hand counts as lost with the client. Who still
        // has a hand on it, goes first.
        let Client { transport: own, waiting, unsettled, .. } = client;
        drop(waiting);
        drop((transport, own));
        drop(unsettled);
        return;
    }
    // Closing gives everything back in its order.
    if let Err(error) = transport.close().await {
        warn!("what {} had in hand was not given back: {error}", client.name);
    }
}

impl Client {
    async fn run(&mut self, stream: &mut TcpStream, mut stopped: watch::Receiver<bool>) -> End {
        let (mut reading, mut writing) = stream.split();
        let mut decoder = Decoder::new(self.shared.max_frame);
        let mut input = BytesMut::new();
        let mut heard = Instant::now();
        let mut clock = tokio::time::interval(self.timeout / 4);
        loop {
            let calm = self.out.len() < HIGH_WATER;
            let read = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return End::Stopped,
                written = writing.write_buf(&mut self.out), if !self.out.is_empty() => {
                    match written {
                        Ok(_) => continue,
                        Err(error) => return error.into(),
                    }
                }
                Some(published) = self.waiting.next(), if !self.waiting.is_empty() => {
                    self.waiting_bytes -= published.size;
                    let number = published.number;
                    self.answer(number, client::answer(number, &published.queue, published.sent));
                    continue;
                }
                Some(change) = self.changes.recv(), if self.greeted && calm => {
                    wire::encode(change.as_slice(), &mut self.out);
                    continue;
                }
                item = next(&mut self.streams, &mut self.turn), if calm => {
                    self.pass_on(item);
                    while self.out.len() < HIGH_WATER
                        && let Some(item) = next(&mut self.streams, &mut self.turn).now_or_never()
                    {
                        self.pass_on(item);
                    }
                    continue;
                }
                read = { decoder.make_room(&mut input); reading.read_buf(&mut input) }, if calm => {
                    read
                }
                _ = clock.tick() => {
                    if heard.elapsed() > self.timeout {
                        return End::Silent;
                    }
                    continue;
                }
            };
            match read {
                Ok(0) => return std::io::Error::other("it is gone").into(),
                Ok(_) => heard = Instant::now(),
                Err(error) => return error.into(),
            }
            if let Some(end) = self.receive_all(&mut decoder, &mut input).await {
                // The answer is all that is still to be written.
                let farewell = async {
                    writing.write_all(&self.out).await?;
                    writing.shutdown().await
                };
                // Fails if the client is gone already.
                let _ = tokio::time::timeout(FAREWELL, farewell).await;
                return end;
            }
        }
    }

    async fn receive_all(&mut self, decoder: &mut Decoder, input: &mut BytesMut) -> Option<End> {
        loop {
            let message = match decoder.decode(input) {
                Ok(Some(Incoming::Message(message))) => message,
                Ok(Some(Incoming::Ping(context))) => {
                    wire::encode_pong(&context, &mut self.out);
                    continue;
                }
                Ok(Some(Incoming::Command)) => continue,
                Ok(None) => return None,
                Err(broken) => return Some(broken.into()),
            };
            let end = self.receive(message).await;
            if end.is_some() {
                return end;
            }
        }
    }

    async fn receive(&mut self, message: wire::Message) -> Option<End> {
        let mut received = match Received::parse(message) {
            Ok(received) => received,
            Err(reason) => return self.mistake(0, "a message", &reason),
        };
        let number = received.number;
        let command = received.shown();
        let answer = match self.act(&mut received).await {
            Ok(answer) => answer,
            Err(malformed) => malformed.into(),
        };
        match answer {
            Answer::Refused("protocol", _, reason) => self.mistake(number, &command, &reason),
            Answer::Goodbye => {
                // Handed back before the answer: who reads that may rely on it.
                let closed = self.transport.close().await;
                self.answer(number, client::answer(number, "", closed));
                Some(End::Left)
            }
            answer => {
                self.answer(number, answer);
                None
            }
        }
    }

    fn pass_on(&mut self, item: Item) {
        let frames = match item {
            Item::Delivery(number, delivery) => {
                let tag = delivery.tag();
                let redelivered = if delivery.redelivered { "1" } else { "0" };
                let start = Frames::new(frames::DELIVER, number)
                    .number(tag)
                    .bytes(Bytes::from_static(redelivered.as_bytes()));
                let frames = self.with_message(start, &delivery.message, delivery.deliveries);
                self.unsettled.entry(number).or_default().insert(tag, delivery);
                frames
            }
            Item::Announcement(number, definition) => {
                let json = definition.to_discovery_message().to_string();
                Frames::new(frames::ANNOUNCEMENT, number).bytes(json)
            }
            Item::Copy(number, message) => {
                self.with_message(Frames::new(frames::COPY, number), &message, 1)
            }
        };
        wire::encode(frames.as_slice(), &mut self.out);
    }

    /// As much of a message as the client understands.
    fn with_message(&self, start: Frames, message: &Message, deliveries: u32) -> Frames {
        match self.reads_extras {
            true => start.message(message, deliveries),
            false => start.plain(message),
        }
    }
}
