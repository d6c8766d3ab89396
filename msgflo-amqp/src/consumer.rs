//! Consuming a queue, across connections.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use msgflo_core::Result;
use msgflo_core::transport::{Deliveries, Delivery};
use tokio::runtime::Handle;
use tracing::warn;

use crate::acknowledgement::{Acknowledger, Answer};
use crate::channel::OwnChannel;
use crate::connection::{Link, Session, on_session};
use crate::properties;
use crate::reason;
use crate::source::{self, Source};

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
    Ok(Deliveries::new(source::items(consuming)))
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

impl Source for Consuming {
    type Item = Delivery;

    async fn next(&mut self) -> Result<Delivery> {
        let mut closed = std::pin::pin!(self.link.closed());
        loop {
            let Some(subscription) = &mut self.subscription else {
                self.subscribe().await?;
                continue;
            };
            let received = tokio::select! {
                biased;
                received = subscription.consumer.next() => received,
                () = &mut closed => return Err(self.link.closed_error()),
            };
            if let Some(Ok(delivery)) = received {
                return Ok(subscription.deliver(delivery));
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
}

impl Consuming {
    async fn subscribe(&mut self) -> Result<()> {
        let subscription = on_session!(self.link, &self.name, |session| {
            Subscription::open(&self.link, session.clone(), self.queue.clone(), self.prefetch)
        });
        self.link.track(&subscription.acknowledger);
        self.subscription = Some(subscription);
        Ok(())
    }
}

impl Subscription {
    async fn open(
        link: &Arc<Link>,
        session: Arc<Session>,
        queue: ShortString,
        prefetch: u16,
    ) -> lapin::Result<Self> {
        let channel = OwnChannel::open(&session.connection).await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue.clone(), "".into(), options, arguments).await?;
        // From here on it ends by itself, after what was received is settled.
        let channel = channel.keep();
        let acknowledger = Acknowledger::new(channel.clone(), link, queue.as_str());
        Ok(Self { session, channel, consumer, acknowledger, runtime: Handle::current() })
    }

    fn deliver(&self, delivery: lapin::message::Delivery) -> Delivery {
        self.acknowledger.deliver(delivery.delivery_tag);
        let settle = self.acknowledger.clone();
        let (redelivered, tag) = (delivery.redelivered, delivery.delivery_tag);
        Delivery::new(
            properties::read(delivery.data, &delivery.properties),
            redelivered,
            tag,
            settle,
        )
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
                    acknowledger.answer(delivery.delivery_tag, Answer::Release);
                }
            }
        });
    }
}
