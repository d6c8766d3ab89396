//! What a client asks of the hub.

use std::time::Duration;

use futures_util::FutureExt;
use msgflo_core::Definition;
use msgflo_core::transport::{Direction, Edge, Queue, Settlement, Target};
use tracing::debug;

use super::client::{Answer, Client, Published, answer};
use super::streams::Source;
use crate::frames::{self, Frames, Malformed, PASSING, Received};

/// How many messages a client may have sent that are not answered yet.
pub(crate) const WINDOW: usize = 1024;
/// How many queues a client may consume and tap, and how many times it may watch.
const MOST_STREAMS: usize = 1024;
/// What this hub can beyond the first ones.
const ABILITIES: &str = "extras retry passing";

impl Client {
    pub(super) async fn act(&mut self, received: &mut Received) -> Result<Answer, Malformed> {
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
                let is_passing = received.says(PASSING);
                let is_passing = is_passing && direction == Direction::In;
                let queue = Queue::new(name.clone(), direction).persistent(!is_passing);
                let declared = self.transport.declare(&queue).await;
                match declared.is_ok() {
                    // What ends with its client, no other makes again. Its edges wait for it.
                    true if is_passing => {
                        for source in self.shared.topology.sources(&name) {
                            let edge = Edge { source, target: name.clone() };
                            // Fails if the outport is gone, too.
                            let _ = self.transport.bind(&edge).await;
                        }
                    }
                    true => self.shared.topology.declared(direction, &name),
                    false => {}
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
        self.reads_extras = received.says(frames::EXTRAS);
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
}

fn edge(received: &mut Received) -> Result<Edge, Malformed> {
    Ok(Edge { source: received.name("source")?, target: received.name("target")? })
}
