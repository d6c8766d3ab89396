//! One client of the hub: from its connection to the queues.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt};
use msgflo_core::transport::{Announcements, Copies, Deliveries, Delivery, Edge, Queue, Target};
use msgflo_core::transport::{Direction, Settlement};
use msgflo_core::{Definition, ErrorKind, Message, Result, Transport, memory};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::Shared;
use crate::extras;
use crate::frames::{self, Frames, Malformed, PASSING, Received};
use crate::wire::{self, Broken, Decoder, Incoming};

/// How many messages a client may have sent that are not answered yet.
pub(crate) const WINDOW: usize = 1024;
/// How many queues a client may consume and tap, and how many times it may watch.
const MOST_STREAMS: usize = 1024;
/// So much may wait to be written to a client, in bytes, before nothing more is taken from it.
const HIGH_WATER: usize = 1024 * 1024;
/// How many messages that make no sense a client may send before it is disconnected.
const PATIENCE: u32 = 100;
/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(10);
/// How long the last answer may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);
/// What this hub can beyond the first ones.
const ABILITIES: &str = "extras retry passing";
/// No message waits longer, in milliseconds: 10 years.
const LONGEST_DELAY: u64 = 10 * 365 * 24 * 3600 * 1000;

/// Why a client is not served any longer.
enum End {
    Stopped,
    Left,
    Silent,
    Broken(Broken),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(Broken::Lost(error))
    }
}

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
    let changes = shared.topology.subscribe();
    let mut client = Client {
        name: peer.to_string(),
        greeted: false,
        timeout: shared.timeout,
        shared,
        transport: transport.clone(),
        out: BytesMut::new(),
        changes,
        streams: Vec::new(),
        turn: 0,
        unsettled: HashMap::new(),
        waiting: FuturesUnordered::new(),
        waiting_bytes: 0,
        mistakes: 0,
    };
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

type Waiting = futures_util::future::BoxFuture<'static, Published>;

/// What has become of a message.
struct Published {
    number: u64,
    queue: String,
    size: usize,
    sent: Result<()>,
}

struct Client {
    name: String,
    greeted: bool,
    timeout: Duration,
    shared: Arc<Shared>,
    transport: Arc<dyn Transport>,
    out: BytesMut,
    changes: UnboundedReceiver<Frames>,
    streams: Vec<(u64, Source)>,
    /// Whose turn it is among `streams`.
    turn: usize,
    unsettled: HashMap<u64, BTreeMap<u64, Delivery>>,
    /// Messages for which there is no room yet.
    waiting: FuturesUnordered<Waiting>,
    /// How many bytes these have.
    waiting_bytes: usize,
    mistakes: u32,
}

enum Source {
    Deliveries(Deliveries),
    Announcements(Announcements),
    Copies(Copies),
}

enum Item {
    Delivery(u64, Delivery),
    Announcement(u64, Definition),
    Copy(u64, Message),
}

/// How a message is answered.
enum Answer {
    Done,
    With(Frames),
    /// Not at all, or later.
    None,
    Refused(&'static str, String, String),
    Goodbye,
}

impl From<Malformed> for Answer {
    fn from(reason: Malformed) -> Self {
        Self::Refused("protocol", String::new(), reason)
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
                    self.answer(number, answer(number, &published.queue, published.sent));
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
                self.answer(number, self::answer(number, "", closed));
                Some(End::Left)
            }
            answer => {
                self.answer(number, answer);
                None
            }
        }
    }

    fn mistake(&mut self, number: u64, command: &str, reason: &str) -> Option<End> {
        self.mistakes += 1;
        warn!("the hub dropped {command} from {}: {reason}", self.name);
        let error = Frames::new(frames::ERROR, number).text("protocol").text("").text(reason);
        wire::encode(error.as_slice(), &mut self.out);
        if self.mistakes < PATIENCE {
            return None;
        }
        Some(Broken::Protocol(format!("{PATIENCE} messages that make no sense")).into())
    }

    fn answer(&mut self, number: u64, answer: Answer) {
        let frames = match answer {
            Answer::None | Answer::Goodbye => return,
            Answer::Done => Frames::new(frames::OK, number),
            Answer::With(frames) => frames,
            Answer::Refused(kind, queue, reason) => {
                Frames::new(frames::ERROR, number).text(kind).text(&queue).text(&reason)
            }
        };
        wire::encode(frames.as_slice(), &mut self.out);
    }

    async fn act(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let number = received.number;
        // The most frequent ones first.
        match received.command() {
            frames::HELLO => return self.hello(received),
            frames::PING => {
                return Ok(Answer::With(Frames::new(frames::PONG, number)));
            }
            _ if !self.greeted => return Err("HELLO must come first".into()),
            frames::ACK => return self.settle(received, Settlement::Acknowledged),
            frames::PUBLISH => return self.publish(received),
            frames::REJECT => return self.settle(received, Settlement::Rejected),
            frames::RELEASE => return self.settle(received, Settlement::Released),
            frames::RETRY => return self.retry(received),
            frames::CONSUME => return self.consume(received).await,
            frames::WATCH => return self.watch(number).await,
            frames::TAP => return self.tap(received).await,
            frames::BYE => return Ok(Answer::Goodbye),
            frames::CANCEL => {
                self.streams.retain(|(stream, _)| *stream != number);
                return Ok(Answer::None);
            }
            frames::FINISH => {
                self.transport.finish();
                return Ok(Answer::None);
            }
            _ => {}
        }
        match received.command() {
            frames::DECLARE => {
                let direction = received.direction()?;
                let name = received.name("queue")?;
                if !self.shared.topology.has_room() {
                    let full = "the hub has too many queues already".into();
                    return Ok(Answer::Refused("queue", name, full));
                }
                let is_passing = received.optional().is_some_and(|how| *how == *PASSING.as_bytes());
                let queue = Queue::new(name.clone(), direction).persistent(!is_passing);
                let declared = self.transport.declare(&queue).await;
                // What ends with its client, no other makes again.
                if declared.is_ok() && !is_passing {
                    self.shared.topology.declared(direction, &name);
                }
                Ok(answer(number, &name, declared))
            }
            frames::BIND => {
                let edge = edge(received)?;
                if !self.shared.topology.has_room() {
                    let full = "the hub has too many edges already".into();
                    return Ok(Answer::Refused("queue", edge.target, full));
                }
                let bound = self.transport.bind(&edge).await;
                if bound.is_ok() {
                    self.shared.topology.bound(&edge.source, &edge.target);
                }
                Ok(answer(number, &edge.target, bound))
            }
            frames::UNBIND => {
                let edge = edge(received)?;
                let unbound = self.transport.unbind(&edge).await;
                if unbound.is_ok() {
                    self.shared.topology.unbound(&edge.source, &edge.target);
                }
                Ok(answer(number, &edge.target, unbound))
            }
            frames::STATISTICS => {
                let name = received.name("queue")?;
                Ok(match self.transport.statistics(&name).await {
                    Ok(statistics) => Answer::With(
                        Frames::new(frames::OK, number)
                            .number(statistics.waiting)
                            .number(statistics.consumers)
                            .number(statistics.unsettled.unwrap_or_default())
                            .number(statistics.arrived.unwrap_or_default())
                            .number(statistics.settled.unwrap_or_default()),
                    ),
                    Err(error) => answer(number, &name, Err(error)),
                })
            }
            frames::EDGES => Ok(match self.transport.edges().await {
                Ok(edges) => {
                    let pairs = edges.iter().map(|edge| [&edge.source, &edge.target]);
                    let json =
                        serde_json::Value::from_iter(pairs.map(|pair| pair.map(|name| &**name)));
                    Answer::With(Frames::new(frames::OK, number).bytes(json.to_string()))
                }
                Err(error) => answer(number, "", Err(error)),
            }),
            frames::ANNOUNCE => {
                let expiry = Duration::from_millis(received.number("expiry")?);
                let json = received.bytes("discovery message")?;
                let definition =
                    Definition::from_discovery_message(&json).map_err(|error| error.to_string())?;
                Ok(answer(number, "fbp", self.transport.announce(&definition, expiry).await))
            }
            _ => Err("there is no such command".into()),
        }
    }

    fn hello(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let name = received.text("client's name")?;
        let timeout = Duration::from_millis(received.number("timeout")?);
        self.greeted = true;
        self.name = format!("{} ({})", name.chars().take(100).collect::<String>(), self.name);
        debug!("{} came to the hub", self.name);
        // The shorter of both, as the client pings to please itself.
        let timeout = timeout.min(self.shared.timeout).max(Duration::from_millis(100));
        self.timeout = timeout;
        let milliseconds = timeout.as_millis().try_into().unwrap_or(u64::MAX);
        Ok(Answer::With(
            Frames::new(frames::OK, received.number)
                .text(&self.shared.instance)
                .number(milliseconds)
                .number(WINDOW as u64)
                .number(self.shared.max_frame as u64)
                .text(ABILITIES),
        ))
    }

    fn publish(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let direction = received.direction()?;
        let name = received.name("queue")?;
        let message = received.message()?;
        if self.waiting.len() >= WINDOW {
            return Err(format!("{WINDOW} messages wait for an answer already"));
        }
        let (number, size) = (received.number, received.size());
        if !self.waiting.is_empty() && self.waiting_bytes + size > self.shared.max_frame {
            let bytes = self.waiting_bytes;
            return Err(format!("messages of {bytes} bytes wait for an answer already"));
        }
        let transport = self.transport.clone();
        let publishing = async move {
            let target = match direction {
                Direction::In => Target::Inport(&name),
                Direction::Out => Target::Outport(&name),
            };
            let sent = transport.publish(target, message).await;
            Published { number, queue: name, size, sent }
        };
        let mut publishing = publishing.boxed();
        // Polled once here, so that messages keep their order.
        if let Some(published) = (&mut publishing).now_or_never() {
            return Ok(answer(number, &published.queue, published.sent));
        }
        self.waiting_bytes += size;
        self.waiting.push(publishing);
        Ok(Answer::None)
    }

    async fn consume(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let number = received.number;
        let queue = received.name("queue")?;
        let credit = received.number("credit")?;
        let credit = u16::try_from(credit)
            .ok()
            .filter(|credit| *credit > 0)
            .ok_or_else(|| format!("a credit of {credit}; it must be from 1 to 65535"))?;
        self.check_stream(number)?;
        Ok(match self.transport.consume(&queue, credit).await {
            Ok(deliveries) => {
                self.streams.push((number, Source::Deliveries(deliveries)));
                Answer::Done
            }
            Err(error) => answer(number, &queue, Err(error)),
        })
    }

    async fn watch(&mut self, number: u64) -> Result<Answer, Malformed> {
        self.check_stream(number)?;
        Ok(match self.transport.watch().await {
            Ok(announcements) => {
                self.streams.push((number, Source::Announcements(announcements)));
                Answer::Done
            }
            Err(error) => answer(number, "fbp", Err(error)),
        })
    }

    async fn tap(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let number = received.number;
        let direction = received.direction()?;
        let queue = received.name("queue")?;
        self.check_stream(number)?;
        Ok(match self.transport.tap(&queue, direction).await {
            Ok(copies) => {
                self.streams.push((number, Source::Copies(copies)));
                Answer::Done
            }
            Err(error) => answer(number, &queue, Err(error)),
        })
    }

    fn check_stream(&self, number: u64) -> Result<(), Malformed> {
        if self.streams.len() >= MOST_STREAMS {
            return Err(format!("{MOST_STREAMS} queues are consumed or tapped already"));
        }
        if self.unsettled.contains_key(&number)
            || self.streams.iter().any(|(stream, _)| *stream == number)
        {
            return Err(format!("the number {number} is in use"));
        }
        Ok(())
    }

    fn settle(
        &mut self,
        received: &mut Received,
        settlement: Settlement,
    ) -> Result<Answer, Malformed> {
        let mut tags = received.numbers("tags")?;
        let reasons = received.optional().filter(|_| settlement == Settlement::Rejected);
        let Some(unsettled) = self.unsettled.get_mut(&received.number) else {
            return Err(format!("nothing of {} is unsettled", received.number));
        };
        let mut unknown = None;
        if settlement == Settlement::Released {
            // The last first: each goes to the front of its queue.
            tags.sort_unstable_by(|one, other| other.cmp(one));
        }
        for tag in tags {
            match (unsettled.remove(&tag), &settlement) {
                (Some(delivery), Settlement::Acknowledged) => delivery.acknowledge(),
                (Some(delivery), Settlement::Rejected) => match &reasons {
                    None => delivery.reject(),
                    Some(reasons) => {
                        let mut message = delivery.message.clone();
                        // What cannot be read is no reason to keep it.
                        let read = extras::read(&mut message, None, Some(reasons.clone()));
                        match read {
                            Ok(_) => {
                                delivery.settle_as(Settlement::DeadLettered(Box::new(message)))
                            }
                            Err(_) => delivery.reject(),
                        }
                    }
                },
                (Some(delivery), _) => drop(delivery),
                (None, _) => unknown = Some(tag),
            }
        }
        if unsettled.is_empty() {
            self.unsettled.remove(&received.number);
        }
        match unknown {
            Some(tag) => Err(format!("delivery {tag} is not unsettled")),
            None => Ok(Answer::None),
        }
    }

    /// A message that is to come again later, as the client says it is now.
    fn retry(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
        let tag = received.number("tag")?;
        let after = Duration::from_millis(received.number("delay")?.min(LONGEST_DELAY));
        let extras = received.optional();
        let Some(unsettled) = self.unsettled.get_mut(&received.number) else {
            return Err(format!("nothing of {} is unsettled", received.number));
        };
        let Some(delivery) = unsettled.remove(&tag) else {
            return Err(format!("delivery {tag} is not unsettled"));
        };
        if unsettled.is_empty() {
            self.unsettled.remove(&received.number);
        }
        let mut message = delivery.message.clone();
        // Released, if the extras cannot be read: it is not lost.
        extras::read(&mut message, None, extras)?;
        delivery.settle_as(Settlement::Delayed(Box::new(message), after));
        Ok(Answer::None)
    }

    fn pass_on(&mut self, item: Item) {
        let frames = match item {
            Item::Delivery(number, delivery) => {
                let tag = delivery.tag();
                let redelivered = if delivery.redelivered { "1" } else { "0" };
                let frames = Frames::new(frames::DELIVER, number)
                    .number(tag)
                    .bytes(Bytes::from_static(redelivered.as_bytes()))
                    .message(&delivery.message, delivery.deliveries);
                self.unsettled.entry(number).or_default().insert(tag, delivery);
                frames
            }
            Item::Announcement(number, definition) => {
                let json = definition.to_discovery_message().to_string();
                Frames::new(frames::ANNOUNCEMENT, number).bytes(json)
            }
            Item::Copy(number, message) => Frames::new(frames::COPY, number).message(&message, 1),
        };
        wire::encode(frames.as_slice(), &mut self.out);
    }
}

/// The next of all streams, each in its turn. Waits for ever while there is none.
fn next<'a>(
    streams: &'a mut Vec<(u64, Source)>,
    turn: &'a mut usize,
) -> impl Future<Output = Item> + 'a {
    std::future::poll_fn(move |cx| {
        for _ in 0..streams.len() {
            *turn = (*turn + 1) % streams.len().max(1);
            let Some((number, source)) = streams.get_mut(*turn) else { break };
            match source.poll_next(*number, cx) {
                Poll::Ready(Some(item)) => return Poll::Ready(item),
                Poll::Ready(None) => drop(streams.remove(*turn)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
}

impl Source {
    fn poll_next(&mut self, number: u64, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        // The queues in memory end their streams when they are closed, and have no errors.
        Poll::Ready(match self {
            Self::Deliveries(deliveries) => {
                std::task::ready!(std::pin::Pin::new(deliveries).poll_next(cx))
                    .and_then(Result::ok)
                    .map(|delivery| Item::Delivery(number, delivery))
            }
            Self::Announcements(announcements) => {
                std::task::ready!(std::pin::Pin::new(announcements).poll_next(cx))
                    .and_then(Result::ok)
                    .map(|definition| Item::Announcement(number, definition))
            }
            Self::Copies(copies) => std::task::ready!(std::pin::Pin::new(copies).poll_next(cx))
                .and_then(Result::ok)
                .map(|message| Item::Copy(number, message)),
        })
    }
}

fn edge(received: &mut Received) -> Result<Edge, Malformed> {
    Ok(Edge { source: received.name("source")?, target: received.name("target")? })
}

fn answer(number: u64, queue: &str, result: Result<()>) -> Answer {
    let Err(error) = result else { return Answer::Done };
    debug!("request {number} about `{queue}` failed: {error}");
    match error.kind() {
        Some(ErrorKind::Queue { queue, reason, .. } | ErrorKind::Send { queue, reason, .. }) => {
            Answer::Refused("queue", queue.clone(), reason.clone())
        }
        Some(ErrorKind::Closed(reason)) => Answer::Refused("closed", queue.into(), reason.clone()),
        _ => Answer::Refused("invalid", queue.into(), error.to_string()),
    }
}
