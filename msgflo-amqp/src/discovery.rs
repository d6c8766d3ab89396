//! Watching participants announce themselves, without taking an announcement from anybody.
//!
//! Peers send announcements to one queue, `fbp`, from which one coordinator consumes: what one
//! reader takes, no other sees. So watchers read a fanout exchange, `msgflo.discovery`, each with
//! a queue of its own. Our participants announce themselves on both. What peers send to `fbp`
//! alone, a *relay* copies to the exchange. It is part of every watcher, and one at a time is
//! active: the one whose connection owns the exclusive queue `msgflo.discovery.relay`.
//!
//! The relay must not take from `fbp` what a coordinator is to see:
//! - It consumes with the higher priority, copies, and *holds* announcements without
//!   acknowledging them. They go back to the queue, in their places, when it stops or dies.
//! - While somebody else consumes `fbp` too, it gives everything back once a second, pausing
//!   until they have it: a coordinator sees all, a second late at most. What arrives in
//!   the pause, the coordinator takes directly, and watchers see it with the next heartbeat.
//! - Of several announcements that one participant has repeated, it keeps the latest and
//!   acknowledges the others, and it drops what nobody repeated for 600 s, when a participant
//!   counts as gone: so `fbp` does not fill up for ever while somebody watches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use msgflo_core::discovery::DISCOVERY_QUEUE;
use msgflo_core::transport::Announcements;
use msgflo_core::{Definition, Result};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::debug;

use crate::channel::OwnChannel;
use crate::connection::{Link, Session, on_session};
use crate::source::Source;
use crate::topology::{self, DISCOVERY_EXCHANGE};
use crate::{publisher, reason, source};

const RELAY_LOCK: &str = "msgflo.discovery.relay";
/// How often the active relay gives back what it holds while a coordinator is there.
const TURN: Duration = Duration::from_secs(1);
/// How often an inactive relay looks whether the active one is gone.
const STANDBY: Duration = Duration::from_secs(2);
/// How long the relay pauses at most for a coordinator to take what it was given back.
const PAUSE: Duration = Duration::from_millis(200);
/// A participant not heard of for this long counts as gone.
const GONE: Duration = Duration::from_secs(600);

pub(crate) async fn announce(link: &Link, definition: &Definition, expiry: Duration) -> Result<()> {
    let payload = definition.to_discovery_message().to_string();
    let expiry = expiry.as_millis().to_string();
    publisher::announce(link, DISCOVERY_QUEUE, DISCOVERY_EXCHANGE, payload.as_bytes(), expiry).await
}

pub(crate) async fn watch(link: Arc<Link>) -> Result<Announcements> {
    let mut watching = Watching { link: link.clone(), consumer: None, _relay: None };
    watching.subscribe().await?;
    // Not before, as what it copies at once is to be seen.
    watching._relay = Some(StopOnDrop(tokio::spawn(keep_relaying(link))));
    Ok(Announcements::new(source::items(watching)))
}

struct StopOnDrop(JoinHandle<()>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A watcher: a queue of its own on the exchange.
struct Watching {
    link: Arc<Link>,
    consumer: Option<(OwnChannel, Consumer)>,
    _relay: Option<StopOnDrop>,
}

impl Source for Watching {
    type Item = Definition;

    async fn next(&mut self) -> Result<Definition> {
        let mut closed = std::pin::pin!(self.link.closed());
        loop {
            let Some((_, consumer)) = &mut self.consumer else {
                self.subscribe().await?;
                continue;
            };
            let received = tokio::select! {
                received = consumer.next() => received,
                () = &mut closed => return Err(self.link.closed_error()),
            };
            match received {
                Some(Ok(delivery)) => match Definition::from_discovery_message(&delivery.data) {
                    Ok(definition) => return Ok(definition),
                    Err(error) => debug!("passed over on {DISCOVERY_EXCHANGE}: {error}"),
                },
                Some(Err(_)) | None => self.consumer = None,
            }
        }
    }
}

impl Watching {
    async fn subscribe(&mut self) -> Result<()> {
        self.consumer =
            Some(on_session!(self.link, DISCOVERY_EXCHANGE, |session| { subscribe(&session) }));
        Ok(())
    }
}

async fn subscribe(session: &Session) -> lapin::Result<(OwnChannel, Consumer)> {
    let channel = OwnChannel::open(&session.connection).await?;
    topology::declare_discovery(&channel).await?;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
    topology::bind_fanout(&channel, queue.name().clone(), DISCOVERY_EXCHANGE.into()).await?;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer = channel
        .basic_consume(queue.name().clone(), "".into(), options, FieldTable::default())
        .await?;
    Ok((channel, consumer))
}

/// Relays whenever nobody else does. Ends with the link.
async fn keep_relaying(link: Arc<Link>) {
    loop {
        let Ok(session) = link.session().await else { return };
        if let Err(error) = relay(&session).await
            && !reason::is_refusal(&error)
            && link.recover(&session).await.is_err()
        {
            return;
        }
        sleep(STANDBY).await;
    }
}

/// Holds what is in `fbp`, and copies it to the exchange, for as long as it is let.
async fn relay(session: &Session) -> lapin::Result<()> {
    // Of the watchers on one connection, the first to consume this queue relays.
    let lock = OwnChannel::open(&session.connection).await?;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    lock.queue_declare(RELAY_LOCK.into(), options, FieldTable::default()).await?;
    let options = BasicConsumeOptions { exclusive: true, ..Default::default() };
    let _owned =
        lock.basic_consume(RELAY_LOCK.into(), "".into(), options, FieldTable::default()).await?;

    let channel = OwnChannel::open(&session.connection).await?;
    topology::declare_discovery(&channel).await?;
    let mut held = Held::default();
    loop {
        let mut consumer = consume_first(&channel).await?;
        let turn = sleep(TURN);
        let mut turn = std::pin::pin!(turn);
        loop {
            tokio::select! {
                received = consumer.next() => {
                    let Some(delivery) = received.transpose()? else { return Ok(()) };
                    copy(&channel, &delivery.data).await?;
                    if let Some(tag) = held.take(delivery.delivery_tag, &delivery.data, Instant::now()) {
                        channel.basic_ack(tag, BasicAckOptions::default()).await?;
                    }
                }
                () = &mut turn => {
                    for tag in held.forget_gone(Instant::now()) {
                        channel.basic_ack(tag, BasicAckOptions::default()).await?;
                    }
                    if topology::inspect(&channel, DISCOVERY_QUEUE.into()).await?.consumer_count() > 1 {
                        break;
                    }
                    turn.set(sleep(TURN));
                }
            }
        }
        channel.basic_cancel(consumer.tag(), Default::default()).await?;
        // All that is unacknowledged on the channel goes back, also what we have not looked at.
        channel.basic_nack(0, BasicNackOptions { multiple: true, requeue: true }).await?;
        held = Held::default();
        wait_until_taken(&channel).await?;
    }
}

async fn consume_first(channel: &Channel) -> lapin::Result<Consumer> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-priority".into(), AMQPValue::LongInt(10));
    let options = BasicConsumeOptions::default();
    channel.basic_consume(DISCOVERY_QUEUE.into(), ShortString::default(), options, arguments).await
}

async fn copy(channel: &Channel, payload: &[u8]) -> lapin::Result<()> {
    let properties = BasicProperties::default().with_content_type("application/json".into());
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(DISCOVERY_EXCHANGE.into(), "".into(), options, payload, properties)
        .await?;
    Ok(())
}

async fn wait_until_taken(channel: &Channel) -> lapin::Result<()> {
    let started = Instant::now();
    while started.elapsed() < PAUSE
        && topology::inspect(channel, DISCOVERY_QUEUE.into()).await?.message_count() > 0
    {
        sleep(PAUSE / 10).await;
    }
    Ok(())
}

/// The announcements that are held without being acknowledged: the latest of each participant.
#[derive(Default)]
struct Held(HashMap<String, (u64, Instant)>);

impl Held {
    /// Holds an announcement; gives the tags of those that it makes redundant. What is not an
    /// announcement is not ours to drop, and is held too.
    fn take(&mut self, tag: u64, payload: &[u8], now: Instant) -> Option<u64> {
        let id = Definition::from_discovery_message(payload).ok()?.id;
        self.0.insert(id, (tag, now)).map(|(older, _)| older)
    }

    fn forget_gone(&mut self, now: Instant) -> Vec<u64> {
        let gone = |since: &Instant| now.duration_since(*since) > GONE;
        let tags = self.0.values().filter(|(_, since)| gone(since)).map(|(tag, _)| *tag).collect();
        self.0.retain(|_, (_, since)| !gone(since));
        tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(id: &str) -> Vec<u8> {
        serde_json::json!({ "protocol": "discovery", "command": "participant",
            "payload": { "id": id, "role": "r", "component": "C" } })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn only_the_latest_announcement_of_a_participant_is_held() {
        let mut held = Held::default();
        let start = Instant::now();
        assert_eq!(held.take(1, &announcement("a"), start), None);
        assert_eq!(held.take(2, &announcement("b"), start), None);
        assert_eq!(held.take(3, b"not ours", start), None);
        assert_eq!(held.take(4, &announcement("a"), start + GONE), Some(1));
        assert_eq!(held.forget_gone(start + GONE + Duration::from_secs(1)), [2]);
        assert_eq!(held.take(5, &announcement("a"), start + GONE), Some(4));
    }
}
