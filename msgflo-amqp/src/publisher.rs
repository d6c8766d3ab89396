//! Publishing: until the broker has confirmed it.

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use msgflo_core::transport::Target;
use msgflo_core::{Error, ErrorKind, Message, Result};

use crate::connection::{Link, Session, confirming, on_session};
use crate::{reason, topology};

/// Survives the broker's restart, if its queue does.
const PERSISTENT: u8 = 2;

/// Publishes again after a lost connection, and after a channel that was closed for what
/// somebody else asked on it.
pub(crate) async fn publish(link: &Link, target: Target<'_>, message: Message) -> Result<()> {
    let properties = properties(&message)?;
    match target {
        Target::Outport(name) => to_exchange(link, name, &message.payload, properties).await,
        Target::Inport(name) => to_queue(link, name, &message.payload, properties).await,
    }
}

fn properties(message: &Message) -> Result<BasicProperties> {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(content_type) = &message.content_type {
        properties = properties.with_content_type(reason::short(content_type)?);
    }
    if let Some(id) = &message.id {
        properties = properties.with_message_id(reason::short(id)?);
    }
    Ok(properties)
}

async fn to_exchange(
    link: &Link,
    name: &str,
    payload: &[u8],
    properties: BasicProperties,
) -> Result<()> {
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
            Ok(Confirmation::Nack(_)) => return Err(refused(link, name, NACK)),
            Ok(_) => return Ok(()),
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

async fn to_queue(
    link: &Link,
    name: &str,
    payload: &[u8],
    properties: BasicProperties,
) -> Result<()> {
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
            Ok(Confirmation::Nack(None)) => return Err(refused(link, name, NACK)),
            Ok(_) => return Ok(()),
            Err(error) if reason::is_refusal(&error) => {
                return Err(refused(link, name, reason::explain(&error)));
            }
            Err(_) => link.recover(&session).await?,
        }
    }
}

const NACK: &str =
    "the broker did not take it (basic.nack); its log says why, often a queue that is full";

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
