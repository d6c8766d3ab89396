//! One connection to the hub, for as long as it lasts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use msgflo_core::transport::Delivery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{debug, warn};

use crate::address::Address;
use crate::frames::{self, Frames, Malformed, Received};
use crate::link::Inner;
use crate::outbox::Refusal;
use crate::settlements::{Settler, Waiting};
use crate::wire::{self, Decoder, Incoming};

/// The least time between two pings.
const PING: Duration = Duration::from_secs(1);
/// How long the hub may take to answer the farewell.
const FAREWELL: Duration = Duration::from_secs(5);
/// The hub knows what it sends: only what no message can be is refused.
const LONGEST: usize = isize::MAX as usize;

pub(crate) struct Session {
    wire: Wire,
    number: u64,
    heard: Instant,
    /// By the number of the consumer.
    settlers: BTreeMap<u64, Arc<Settler>>,
    /// What the hub has said of itself.
    hub: About,
}

struct About {
    instance: String,
    timeout: Duration,
    window: usize,
    max_frame: usize,
    /// Whether it knows extras and `RETRY`.
    retries: bool,
}

/// Why a session is over.
pub(crate) enum Ended {
    Lost(String),
    Closed,
}

impl Session {
    /// Connects, and greets the hub.
    pub(crate) async fn open(
        address: &Address,
        number: u64,
        patience: Duration,
    ) -> Result<Self, String> {
        let host = (&*address.host, address.port);
        let mut stream = match timeout(patience, TcpStream::connect(host)).await {
            Ok(connected) => connected.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("no connection within {patience:.1?}")),
        };
        // Without it, requests wait for the hub's acknowledgements on the network.
        let _ = stream.set_nodelay(true);
        wire::greet(&mut stream, wire::Socket::Dealer, patience)
            .await
            .map_err(|broken| format!("what listens there does not speak ZeroMQ ({broken})"))?;
        let mut wire = Wire::new(stream);
        let milliseconds = address.timeout.as_millis().try_into().unwrap_or(u64::MAX);
        let hello = Frames::new(frames::HELLO, 0).text(&client_name()).number(milliseconds);
        wire.put(&hello.text(frames::EXTRAS));
        let hub = match timeout(patience, greeting(&mut wire)).await {
            Ok(hub) => hub?,
            Err(_) => return Err(format!("no answer of a hub within {patience:.1?}")),
        };
        let (heard, settlers) = (Instant::now(), BTreeMap::new());
        Ok(Self { wire, number, heard, settlers, hub })
    }

    /// Makes everything again that there was.
    pub(crate) fn restore(&mut self, inner: &Inner) {
        inner.settlements.restart(self.number, self.hub.retries);
        inner.outbox.restart();
        let mut requests = inner.topology().restore(&self.hub.instance);
        requests.extend(inner.streams.requests());
        requests.iter().for_each(|request| self.wire.put(request));
    }

    /// Sends and receives until the connection is lost or closed.
    pub(crate) async fn drive(&mut self, inner: &Arc<Inner>) -> Ended {
        let mut clock = interval((self.hub.timeout / 4).min(PING));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if inner.is_closed() {
                self.leave(inner).await;
                return Ended::Closed;
            }
            let due = self.hand_back(inner);
            self.put_all(inner);
            let outcome = tokio::select! {
                biased;
                transferred = self.wire.transfer() => match transferred {
                    Ok(true) => {
                        self.heard = Instant::now();
                        self.receive_all(inner)
                    }
                    Ok(false) => Ok(()),
                    Err(reason) => Err(reason),
                },
                () = inner.wake.notified() => Ok(()),
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => Ok(()),
                _ = clock.tick() => {
                    if self.heard.elapsed() > self.hub.timeout {
                        Err(format!("the hub was silent for {:?}", self.hub.timeout))
                    } else {
                        self.wire.put(&Frames::new(frames::PING, 0));
                        Ok(())
                    }
                }
            };
            if let Err(reason) = outcome {
                return Ended::Lost(reason);
            }
        }
    }

    /// What has waited here, as this hub cannot hold it back, is delivered again.
    /// Returns when the next has.
    fn hand_back(&mut self, inner: &Arc<Inner>) -> Option<Instant> {
        let (due, next) = inner.settlements.take_due();
        for Waiting { consumer, tag, message } in due {
            let settler = self.settler(consumer, inner);
            inner.streams.hand(consumer, self.number, Delivery::new(*message, true, tag, settler));
        }
        next
    }

    fn settler(&mut self, consumer: u64, inner: &Arc<Inner>) -> Arc<Settler> {
        let session = self.number;
        let settler = self.settlers.entry(consumer);
        let made = || Arc::new(Settler { inner: inner.clone(), session, consumer });
        settler.or_insert_with(made).clone()
    }

    fn put_all(&mut self, inner: &Inner) {
        let mut taken = Vec::new();
        inner.settlements.take(self.hub.max_frame, &mut taken);
        inner.take_notices(&mut taken);
        taken.iter().for_each(|frames| self.wire.put(frames));
        // Shared, as the outbox keeps them until they are answered.
        let mut taken = Vec::new();
        inner.outbox.take(self.hub.window, self.hub.max_frame, &mut taken);
        taken.iter().for_each(|frames| self.wire.put(frames));
    }

    fn receive_all(&mut self, inner: &Arc<Inner>) -> Result<(), String> {
        while let Some(message) = self.wire.take()? {
            self.receive(message, inner);
        }
        Ok(())
    }

    fn receive(&mut self, message: wire::Message, inner: &Arc<Inner>) {
        let understood = Received::parse(message).and_then(|received| self.act(received, inner));
        if let Err(reason) = understood {
            warn!("dropped a message of the hub at {}: {reason}", inner.address.shown);
        }
    }

    fn act(&mut self, mut received: Received, inner: &Arc<Inner>) -> Result<(), Malformed> {
        let number = received.number;
        match received.command() {
            frames::DELIVER => {
                let settler = self.settler(number, inner);
                inner.streams.deliver(&mut received, self.number, settler)?;
            }
            frames::OK => {
                inner.streams.confirm(number);
                // Nobody waits for what was restored.
                inner.outbox.answer(number, Ok(received));
            }
            frames::ERROR => {
                let kind = received.text("kind")?;
                let queue = received.text("queue")?;
                let reason = received.text("reason")?;
                debug!("the hub refused request {number} ({kind}) about `{queue}`: {reason}");
                let refusal = Err(Refusal { kind, queue, reason });
                if let Some(Err(refusal)) = inner.outbox.answer(number, refusal) {
                    inner.streams.fail(number, |queue| inner.error(queue, refusal));
                }
            }
            frames::ANNOUNCEMENT => inner.streams.announce(&mut received)?,
            frames::COPY => inner.streams.copy(&mut received)?,
            frames::QUEUE => inner.topology().queue(&mut received)?,
            frames::BOUND => inner.topology().bound(&mut received)?,
            frames::UNBOUND => inner.topology().unbound(&mut received)?,
            frames::PONG => {}
            _ => debug!("{} is no command that this version knows", received.shown()),
        }
        Ok(())
    }

    /// Hands over what was settled, and says goodbye.
    async fn leave(&mut self, inner: &Arc<Inner>) {
        let mut taken = Vec::new();
        inner.settlements.take(self.hub.max_frame, &mut taken);
        taken.push(Frames::new(frames::BYE, 0));
        taken.iter().for_each(|frames| self.wire.put(frames));
        let farewell = async {
            loop {
                let received = Received::parse(self.wire.next().await?)?;
                if received.command() == frames::OK && received.number == 0 {
                    return Ok::<_, String>(());
                }
            }
        };
        let url = &inner.address.shown;
        match timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => debug!("{url} was gone when closing: {reason}"),
            Err(_) => debug!("{url} did not answer when closing"),
        }
    }
}

/// The connection, with what is read and not looked at yet, and what is still to be written.
struct Wire {
    stream: TcpStream,
    decoder: Decoder,
    input: BytesMut,
    out: BytesMut,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        let (input, out) = Default::default();
        Self { stream, decoder: Decoder::new(LONGEST), input, out }
    }

    /// To be written with the next transfer.
    fn put(&mut self, frames: &Frames) {
        wire::encode(frames.as_slice(), &mut self.out);
    }

    /// A message that has been read.
    fn take(&mut self) -> Result<Option<wire::Message>, String> {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(Incoming::Message(message))) => return Ok(Some(message)),
                Ok(Some(Incoming::Ping(context))) => wire::encode_pong(&context, &mut self.out),
                Ok(Some(Incoming::Command)) => {}
                Ok(None) => return Ok(None),
                Err(broken) => return Err(broken.to_string()),
            }
        }
    }

    /// Writes some of what is to be written, or reads some; returns whether it has read. Nothing
    /// is lost if it is dropped.
    async fn transfer(&mut self) -> Result<bool, String> {
        let (mut reading, mut writing) = self.stream.split();
        self.decoder.make_room(&mut self.input);
        let read = tokio::select! {
            biased;
            written = writing.write_buf(&mut self.out), if !self.out.is_empty() => {
                return written.map(|_| false).map_err(|error| error.to_string());
            }
            read = reading.read_buf(&mut self.input) => read,
        };
        match read {
            Ok(0) => Err("the hub is gone".into()),
            Ok(_) => Ok(true),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The next message, while all is written that is to be.
    async fn next(&mut self) -> Result<wire::Message, String> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            self.transfer().await?;
        }
    }
}

async fn greeting(wire: &mut Wire) -> Result<About, String> {
    let mut received = Received::parse(wire.next().await?)?;
    match received.command() {
        frames::OK => Ok(About {
            instance: received.text("instance")?,
            timeout: Duration::from_millis(received.number("timeout")?)
                .max(Duration::from_millis(100)),
            window: received.number("window")?.clamp(1, 1 << 20) as usize,
            max_frame: received.number("largest message")?.try_into().unwrap_or(usize::MAX),
            // Hubs of old do not tell what they can.
            retries: received.says("retry"),
        }),
        frames::ERROR => {
            let _kind = received.text("kind")?;
            let _queue = received.text("queue")?;
            Err(received.text("reason")?)
        }
        _ => Err(format!("{} instead of an answer to HELLO", received.shown())),
    }
}

/// What the hub's log shows: program and process.
fn client_name() -> String {
    let program = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = program.as_deref().and_then(|path| path.file_name()).unwrap_or_default();
    format!("{} {}", name.to_string_lossy(), std::process::id())
}
