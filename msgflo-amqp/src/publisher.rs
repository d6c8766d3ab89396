//! Publishing: until the broker has confirmed it.

use std::time::{Duration, Instant};

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use msgflo_core::transport::Target;
use msgflo_core::{Error, ErrorKind, Message, Result};

use tokio::time::sleep;
use tracing::warn;

use crate::channel::OwnChannel;
use crate::connection::{Link, Session, confirming, lock, on_session};
use crate::waiting::WaitQueue;
use crate::{properties, reason, topology};

/// How long is waited until a message is offered again to a queue that is full.
const FULL: Duration = Duration::from_millis(50);
const FULL_LONGEST: Duration = Duration::from_secs(1);
/// So often is told that a queue is full.
const TELL: Duration = Duration::from_secs(60);

/// Publishes again after a lost connection, and after a channel that was closed for what
/// somebody else asked on it; and while a queue that the message goes to is full.
pub(crate) async fn publish(link: &Link, target: Target<'_>, mut message: Message) -> Result<()> {
    match message.take_delay() {
        None => send(link, target, &message, None).await,
        Some(delay) => publish_later(link, target, message, delay).await,
    }
}

/// Publishes it so that it arrives so much later.
pub(crate) async fn publish_later(
    link: &Link,
    target: Target<'_>,
    message: Message,
    after: Duration,
) -> Result<()> {
    let wait = WaitQueue::new(target, after);
    reason::short(&wait.name)?;
    let (Target::Inport(name) | Target::Outport(name)) = target;
    let session = link.session().await?;
    if !link.wait_queues.is_fresh(&wait, session.number) {
        let declare = async |session: &Session| {
            let now = Instant::now();
            let channel = OwnChannel::open(&session.connection).await?;
            wait.declare(&channel).await?;
            Ok::<_, lapin::Error>((session.number, now))
        };
        let (number, now) = on_session!(link, name, |session| declare(&session));
        link.wait_queues.remember(&wait, number, now);
    }
    send(link, Target::Inport(&wait.name), &message, Some(after)).await
}

async fn send(
    link: &Link,
    target: Target<'_>,
    message: &Message,
    wait: Option<Duration>,
) -> Result<()> {
    let (Target::Inport(name) | Target::Outport(name)) = target;
    let frame_max = link.session().await?.connection.configuration().frame_max();
    let mut properties =
        properties::write(message, frame_max).map_err(|reason| refused(link, name, reason))?;
    if let Some(wait) = wait {
        properties = properties.with_expiration(properties::expiration(wait));
    }
    let mut pause = FULL;
    loop {
        let taken = match target {
            Target::Outport(name) => to_exchange(link, name, &message.payload, &properties).await?,
            Target::Inport(name) => to_queue(link, name, &message.payload, &properties).await?,
        };
        if taken {
            return Ok(());
        }
        tell_full(link, name);
        sleep(pause).await;
        pause = (pause * 2).min(FULL_LONGEST);
    }
}

fn tell_full(link: &Link, name: &str) {
    let mut full = lock(&link.full);
    if full.get(name).is_none_or(|told| told.elapsed() >= TELL) {
        full.insert(name.into(), Instant::now());
        warn!(
            "{} does not take what is sent to `{name}` (basic.nack), often because a queue is full; it is offered again until it does",
            link.address.shown
        );
    }
}

/// Returns whether the broker has taken it.
async fn to_exchange(
    link: &Link,
    name: &str,
    payload: &[u8],
    properties: &BasicProperties,
) -> Result<bool> {
    let exchange = reason::short(name)?;
    let mut refusals = 0;
    loop {
        let session = link.session().await?;
        let published = confirmed(
            &session.publishing(),
            exchange.clone(),
            ShortString::default(),
            false,
            payload,
            properties.clone(),
        )
        .await;
        match published {
            Ok(Confirmation::Nack(_)) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(error) if reason::is_refusal(&error) => {
                // The channel is closed for all that were publishing on it; the answer names the
                // exchange whose fault it was.
                refusals += u32::from(reason::answer(&error).contains(&format!("'{name}'")));
                if refusals > 2 {
                    return Err(refused(link, name, reason::explain(&error)));
                }
                if reason::is_not_found(&error) {
                    // It may have been deleted under us. What fails here, fails when the message is tried again.
                    let _ = link.topology.restore(&session).await;
                }
            }
            Err(_) => link.recover(&session).await?,
        }
        // What fails here, fails when the message is tried again.
        let _ = session.reopen_publishing().await;
    }
}

/// Returns whether the broker has taken it.
async fn to_queue(
    link: &Link,
    name: &str,
    payload: &[u8],
    properties: &BasicProperties,
) -> Result<bool> {
    let queue = reason::short(name)?;
    loop {
        let session = link.session().await?;
        let published = {
            let mut channel = session.mandatory.lock().await;
            if !channel.status().connected()
                && let Ok(fresh) = confirming(&session.connection).await
            {
                *channel = fresh;
            }
            let exchange = ShortString::default();
            confirmed(&channel, exchange, queue.clone(), true, payload, properties.clone()).await
        };
        match published {
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
                return Err(refused(
                    link,
                    name,
                    "there is no such queue; start the participant that has it first, and compare the name with what it announces",
                ));
            }
            Ok(Confirmation::Nack(None)) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(error) if reason::is_refusal(&error) => {
                return Err(refused(link, name, reason::explain(&error)));
            }
            Err(_) => link.recover(&session).await?,
        }
    }
}

async fn confirmed(
    channel: &Channel,
    exchange: ShortString,
    routing_key: ShortString,
    mandatory: bool,
    payload: &[u8],
    properties: BasicProperties,
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions { mandatory, immediate: false };
    channel.basic_publish(exchange, routing_key, options, payload, properties).await?.await
}

fn refused(link: &Link, queue: &str, reason: impl Into<String>) -> Error {
    ErrorKind::Send { url: link.address.shown.clone(), queue: queue.into(), reason: reason.into() }
        .into()
}

/// Publishes a discovery message, both where peers and where our watchers look for it.
pub(crate) async fn announce(
    link: &Link,
    queue: &'static str,
    exchange: &'static str,
    payload: &[u8],
    expiry: String,
) -> Result<()> {
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_expiration(reason::short(&expiry)?);
    let announce = async |session: &Session| {
        let channel = confirming(&session.connection).await?;
        topology::declare_discovery(&channel).await?;
        for (exchange, key) in [("", queue), (exchange, "")] {
            let properties = properties.clone();
            confirmed(&channel, exchange.into(), key.into(), false, payload, properties).await?;
        }
        channel.close(200, "done".into()).await
    };
    on_session!(link, queue, |session| announce(&session));
    Ok(())
}
