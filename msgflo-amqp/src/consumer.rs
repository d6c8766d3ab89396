//! Consuming a queue, across connections.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use msgflo_core::transport::{Deliveries, Delivery, Settle, Settlement};
use msgflo_core::{Error, ErrorKind, Message, Result};
use tokio::runtime::Handle;
use tracing::warn;

use crate::acknowledgement::Acknowledger;
use crate::connection::{Link, Session};
use crate::reason;

/// Starts to consume; fails at once if the queue cannot be consumed.
pub(crate) async fn consume(link: Arc<Link>, queue: &str, prefetch: u16) -> Result<Deliveries> {
    let mut consuming = Consuming {
        link,
        name: queue.into(),
        queue: reason::short(queue)?,
        prefetch: prefetch.max(1),
        subscription: None,
    };
    consuming.subscribe().await?;
    Ok(Deliveries::new(stream::unfold(Some(consuming), |consuming| async {
        let mut consuming = consuming?;
        match consuming.next().await {
            Some(Ok(delivery)) => Some((Ok(delivery), Some(consuming))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    })))
}

struct Consuming {
    link: Arc<Link>,
    name: String,
    queue: ShortString,
    prefetch: u16,
    subscription: Option<Subscription>,
}

/// A consumer on a channel of its own.
struct Subscription {
    session: Arc<Session>,
    channel: Channel,
    consumer: Consumer,
    acknowledger: Arc<Acknowledger>,
    /// It may be dropped outside of it.
    runtime: Handle,
}

impl Consuming {
    /// The next delivery; `None` when the link was closed on purpose.
    async fn next(&mut self) -> Option<Result<Delivery>> {
        let mut closed = std::pin::pin!(self.link.closed());
        loop {
            let Some(subscription) = &mut self.subscription else {
                match self.subscribe().await {
                    Ok(()) => continue,
                    Err(error) if matches!(error.kind(), Some(ErrorKind::Closed(_))) => {
                        return None;
                    }
                    Err(error) => return Some(Err(error)),
                }
            };
            let received = tokio::select! {
                biased;
                received = subscription.consumer.next() => received,
                () = &mut closed => return None,
            };
            if let Some(Ok(delivery)) = received {
                return Some(Ok(subscription.deliver(delivery)));
            }
            // The connection is lost, or the broker cancelled: its node went, or the queue did.
            if subscription.session.is_alive() {
                warn!("the broker stopped delivering from `{}`; consuming it again", self.name);
                // What fails here, fails when consuming is tried again.
                let _ = self.link.topology.restore(&subscription.session).await;
            }
            self.subscription = None;
        }
    }

    async fn subscribe(&mut self) -> Result<()> {
        loop {
            let session = self.link.session().await?;
            match self.try_subscribe(&session).await {
                Ok(subscription) => {
                    self.link.track(&subscription.acknowledger);
                    self.subscription = Some(subscription);
                    return Ok(());
                }
                Err(error) if reason::is_refusal(&error) => return Err(self.error(&error)),
                Err(_) => self.link.recover(&session).await?,
            }
        }
    }

    async fn try_subscribe(&self, session: &Arc<Session>) -> lapin::Result<Subscription> {
        let channel = session.connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(self.queue.clone(), "".into(), options, FieldTable::default())
            .await?;
        let acknowledger = Acknowledger::new(channel.clone());
        let (session, runtime) = (session.clone(), Handle::current());
        Ok(Subscription { session, channel, consumer, acknowledger, runtime })
    }

    fn error(&self, error: &lapin::Error) -> Error {
        ErrorKind::Queue {
            url: self.link.address.shown.clone(),
            queue: self.name.clone(),
            reason: reason::explain(error),
        }
        .into()
    }
}

impl Subscription {
    fn deliver(&self, delivery: lapin::message::Delivery) -> Delivery {
        self.acknowledger.deliver(delivery.delivery_tag);
        let properties = &delivery.properties;
        let mut message = Message::new(delivery.data);
        if let Some(content_type) = properties.content_type() {
            message = message.with_content_type(content_type.as_str().to_owned());
        }
        if let Some(id) = properties.message_id() {
            message = message.with_id(id.as_str());
        }
        let settle = self.acknowledger.clone();
        Delivery::new(message, delivery.redelivered, delivery.delivery_tag, settle)
    }
}

impl Drop for Subscription {
    /// Stops the broker from delivering, and gives back what it has delivered to us already.
    fn drop(&mut self) {
        if !self.channel.status().connected() {
            return;
        }
        let (channel, mut consumer) = (self.channel.clone(), self.consumer.clone());
        let acknowledger = self.acknowledger.clone();
        self.runtime.spawn(async move {
            if channel.basic_cancel(consumer.tag(), Default::default()).await.is_ok() {
                while let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
                    acknowledger.deliver(delivery.delivery_tag);
                    acknowledger.settle(delivery.delivery_tag, Settlement::Released);
                }
            }
        });
    }
}
