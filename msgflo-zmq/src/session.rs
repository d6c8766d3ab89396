//! One connection to the hub, for as long as it lasts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, warn};
use zeromq::{
    DealerRecvHalf, DealerSendHalf, DealerSocket, Socket, SocketEvent, SocketOptions, SocketRecv,
    SocketSend, ZmqMessage,
};

use crate::address::Address;
use crate::frames::{self, Frames, Malformed, Received};
use crate::link::Inner;
use crate::outbox::Refusal;
use crate::settlements::Settler;

/// The least time between two pings.
const PING: Duration = Duration::from_secs(1);
/// How long the hub may take to answer the farewell.
const FAREWELL: Duration = Duration::from_secs(5);
/// How many messages are received before others are sent.
const BATCH: usize = 256;

pub(crate) struct Session {
    sending: DealerSendHalf,
    receiving: DealerRecvHalf,
    events: Box<dyn futures_util::Stream<Item = SocketEvent> + Send + Unpin>,
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
        let mut options = SocketOptions::default();
        options.connect_timeout(patience);
        let mut socket = DealerSocket::with_options(options);
        let events = Box::new(socket.monitor());
        if let Err(error) = socket.connect(&address.endpoint()).await {
            return Err(
                match tokio::net::TcpStream::connect((&*address.host, address.port)).await {
                    Ok(_) => format!("what listens there does not speak ZeroMQ ({error})"),
                    Err(reason) => reason.to_string(),
                },
            );
        }
        let (sending, mut receiving) = socket.split();
        let mut sending = sending;
        let milliseconds = address.timeout.as_millis().try_into().unwrap_or(u64::MAX);
        let hello = Frames::new(frames::HELLO, 0).text(&client_name()).number(milliseconds);
        send(&mut sending, hello).await?;
        let hub = match timeout(patience, greeting(&mut receiving)).await {
            Ok(hub) => hub?,
            Err(_) => return Err(format!("no answer of a hub within {patience:.1?}")),
        };
        let (heard, settlers) = (Instant::now(), BTreeMap::new());
        Ok(Self { sending, receiving, events, number, heard, settlers, hub })
    }

    /// Makes everything again that there was.
    pub(crate) async fn restore(&mut self, inner: &Inner) -> Result<(), String> {
        inner.settlements.restart(self.number);
        inner.outbox.restart();
        let mut requests = inner.topology().restore(&self.hub.instance);
        requests.extend(inner.streams.requests());
        for request in requests {
            send(&mut self.sending, request).await?;
        }
        Ok(())
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
            if let Err(reason) = self.send_all(inner).await {
                return Ended::Lost(reason);
            }
            let outcome = tokio::select! {
                biased;
                received = self.receiving.recv() => match received {
                    Ok(message) => self.receive_all(message, inner),
                    Err(error) => Err(error.to_string()),
                },
                () = inner.wake.notified() => Ok(()),
                event = self.events.next() => match event {
                    Some(SocketEvent::Disconnected(_)) => Err("the hub is gone".into()),
                    _ => Ok(()),
                },
                _ = clock.tick() => {
                    if self.heard.elapsed() > self.hub.timeout {
                        Err(format!("the hub was silent for {:?}", self.hub.timeout))
                    } else {
                        send(&mut self.sending, Frames::new(frames::PING, 0)).await
                    }
                }
            };
            if let Err(reason) = outcome {
                return Ended::Lost(reason);
            }
        }
    }

    async fn send_all(&mut self, inner: &Inner) -> Result<(), String> {
        let mut taken = Vec::new();
        inner.settlements.take(&mut taken);
        inner.take_notices(&mut taken);
        inner.outbox.take(self.hub.window, self.hub.max_frame, &mut taken);
        for frames in taken {
            send(&mut self.sending, frames).await?;
        }
        Ok(())
    }

    fn receive_all(&mut self, first: ZmqMessage, inner: &Arc<Inner>) -> Result<(), String> {
        self.heard = Instant::now();
        self.receive(first, inner);
        for _ in 1..BATCH {
            match self.receiving.recv().now_or_never() {
                Some(Ok(message)) => self.receive(message, inner),
                Some(Err(error)) => return Err(error.to_string()),
                None => break,
            }
        }
        Ok(())
    }

    fn receive(&mut self, message: ZmqMessage, inner: &Arc<Inner>) {
        let understood =
            Received::parse(message.into_vec()).and_then(|received| self.act(received, inner));
        if let Err(reason) = understood {
            warn!("dropped a message of the hub at {}: {reason}", inner.address.shown);
        }
    }

    fn act(&mut self, mut received: Received, inner: &Arc<Inner>) -> Result<(), Malformed> {
        let number = received.number;
        match received.command() {
            frames::DELIVER => {
                let session = self.number;
                let settler = self.settlers.entry(number).or_insert_with(|| {
                    Arc::new(Settler { inner: inner.clone(), session, consumer: number })
                });
                inner.streams.deliver(&mut received, session, settler.clone())?;
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
        inner.settlements.take(&mut taken);
        taken.push(Frames::new(frames::BYE, 0));
        let farewell = async {
            for frames in taken {
                send(&mut self.sending, frames).await?;
            }
            loop {
                let message = tokio::select! {
                    biased;
                    message = self.receiving.recv() => message.map_err(|error| error.to_string())?,
                    Some(SocketEvent::Disconnected(_)) = self.events.next() => {
                        return Err("the hub is gone".to_owned());
                    }
                };
                let received = Received::parse(message.into_vec())?;
                if received.command() == frames::OK && received.number == 0 {
                    return Ok(());
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

async fn send(sending: &mut DealerSendHalf, frames: Frames) -> Result<(), String> {
    let message = ZmqMessage::try_from(frames.into_vec()).map_err(|error| error.to_string())?;
    sending.send(message).await.map_err(|error| error.to_string())
}

async fn greeting(receiving: &mut DealerRecvHalf) -> Result<About, String> {
    let message = receiving.recv().await.map_err(|error| error.to_string())?;
    let mut received = Received::parse(message.into_vec())?;
    match received.command() {
        frames::OK => Ok(About {
            instance: received.text("instance")?,
            timeout: Duration::from_millis(received.number("timeout")?)
                .max(Duration::from_millis(100)),
            window: received.number("window")?.clamp(1, 1 << 20) as usize,
            max_frame: received.number("largest message")?.try_into().unwrap_or(usize::MAX),
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
