//! Copies of what passes a port: a queue of its own, bound where the port's messages come from, that
//! is gone with its reader.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Consumer;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use msgflo_core::transport::{Copies, Direction};
use msgflo_core::{ErrorKind, Message, Result};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{debug, warn};

use crate::channel::OwnChannel;
use crate::connection::{Link, Session, on_session};
use crate::management;
use crate::properties;
use crate::reason;
use crate::source::{self, Source};
use crate::topology;

/// How many copies are on their way to the reader at once.
const PREFETCH: u16 = 100;
/// What the queue holds for a reader that is slow; then the oldest go.
const MOST_MESSAGES: i32 = 10_000;
const MOST_BYTES: i32 = 256 * 1024 * 1024;
/// How often is looked for edges that were made or taken away meanwhile.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) async fn tap(link: Arc<Link>, queue: &str, direction: Direction) -> Result<Copies> {
    reason::short(queue)?;
    let mut clock = interval(LOOK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tapping = Tapping { link, name: queue.into(), direction, clock, tap: None };
    tapping.open().await?;
    Ok(Copies::new(source::items(tapping)))
}

struct Tapping {
    link: Arc<Link>,
    name: String,
    direction: Direction,
    clock: Interval,
    tap: Option<Tap>,
}

impl Source for Tapping {
    type Item = Message;

    async fn next(&mut self) -> Result<Message> {
        let mut closed = std::pin::pin!(self.link.closed());
        loop {
            let Some(tap) = &mut self.tap else {
                self.open().await?;
                continue;
            };
            let received = tokio::select! {
                biased;
                () = &mut closed => return Err(self.link.closed_error()),
                _ = self.clock.tick(), if self.direction == Direction::In => None,
                received = tap.consumer.next() => Some(received),
            };
            match received {
                Some(Some(Ok(delivery))) => {
                    // Fails if the connection is lost, and the queue with it.
                    let _ = delivery.acker.ack(BasicAckOptions::default()).await;
                    return Ok(properties::read(delivery.data, &delivery.properties));
                }
                Some(_) => self.tap = None,
                None => self.look().await,
            }
        }
    }
}

impl Tapping {
    async fn open(&mut self) -> Result<()> {
        let sources = self.sources().await?;
        let tap = on_session!(self.link, &self.name, |session| Tap::open(&session, &sources));
        self.tap = Some(tap);
        Ok(())
    }

    /// Where the port's messages come from.
    async fn sources(&self) -> Result<Vec<Origin>> {
        if self.direction == Direction::Out {
            let exchange = reason::short(&self.name)?;
            return Ok(vec![Origin { exchange, key: ShortString::default() }]);
        }
        let what = format!("copy what inport `{}` gets without its edges", self.name);
        let bindings = management::bindings(&self.link.address, &what).await?;
        let mut leading = bindings.into_iter().filter(|it| it.leads_to(&self.name)).peekable();
        // Every queue is bound to the default exchange.
        if leading.peek().is_none() {
            let reason = "there is no such inport; start the participant that has it first, and compare the name with what it announces";
            let (url, queue) = (self.link.address.shown.clone(), self.name.clone());
            return Err(ErrorKind::Queue { url, queue, reason: reason.into() }.into());
        }
        let named = leading.filter(|binding| !binding.source.is_empty());
        named
            .map(|binding| {
                let exchange = reason::short(&binding.source)?;
                Ok(Origin { exchange, key: reason::short(&binding.routing_key)? })
            })
            .collect()
    }

    /// Edges may have come and gone.
    async fn look(&mut self) {
        match self.sources().await {
            Ok(sources) => {
                if let Some(tap) = &mut self.tap
                    && let Err(error) = tap.change(sources).await
                {
                    debug!("cannot follow the edges of `{}`: {error}", self.name);
                    self.tap = None;
                }
            }
            Err(error) => warn!("cannot see whether `{}` has other edges now: {error}", self.name),
        }
    }
}

/// An exchange, and with which key a queue is bound to it.
#[derive(Clone, PartialEq)]
struct Origin {
    exchange: ShortString,
    key: ShortString,
}

struct Tap {
    channel: OwnChannel,
    consumer: Consumer,
    queue: ShortString,
    sources: Vec<Origin>,
}

impl Tap {
    async fn open(session: &Session, sources: &[Origin]) -> lapin::Result<Self> {
        let channel = OwnChannel::open(&session.connection).await?;
        let options =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(MOST_MESSAGES));
        arguments.insert("x-max-length-bytes".into(), AMQPValue::LongInt(MOST_BYTES));
        let queue = channel.queue_declare("".into(), options, arguments).await?.name().clone();
        for Origin { exchange, key } in sources {
            topology::bind_with_key(&channel, queue.clone(), exchange.clone(), key.clone()).await?;
        }
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue.clone(), "".into(), options, arguments).await?;
        Ok(Self { channel, consumer, queue, sources: sources.to_vec() })
    }

    async fn change(&mut self, sources: Vec<Origin>) -> lapin::Result<()> {
        for Origin { exchange, key } in sources.iter().filter(|it| !self.sources.contains(it)) {
            let (queue, exchange, key) = (self.queue.clone(), exchange.clone(), key.clone());
            topology::bind_with_key(&self.channel, queue, exchange, key).await?;
        }
        for Origin { exchange, key } in self.sources.iter().filter(|it| !sources.contains(it)) {
            let (queue, exchange, key) = (self.queue.clone(), exchange.clone(), key.clone());
            self.channel.queue_unbind(queue, exchange, key, FieldTable::default()).await?;
        }
        self.sources = sources;
        Ok(())
    }
}
