//! Several messages at once.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{Instrument, info_span, warn};

use super::{Worker, call, within};
use crate::participant::Dispatch;
use crate::processing::{Context, Processing};
use crate::statistics::Settled;
use crate::transport::{Deliveries, Delivery};
use crate::{Error, Message, Result, identity};

impl<S: Send + Sync + 'static> Worker<S> {
    /// Runs until it is stopped, and then until what is in flight is finished. What was collected by
    /// then is still processed.
    pub(super) async fn run_batches(
        self,
        deliveries: Deliveries,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        let (size, linger) = self.setup.batch.unwrap_or((1, Duration::ZERO));
        let size = usize::from(size);
        let at_once = usize::from(self.setup.concurrency);
        let mut deliveries = Some(deliveries);
        let mut in_flight = FuturesUnordered::new();
        let mut collected: Vec<Delivery> = Vec::new();
        let mut stop = pin!(stopped.wait_for(|stopped| *stopped));
        let mut outcome = Ok(());
        let mut suspect: Option<Delivery> = None;
        let mut due = pin!(sleep_until(tokio::time::Instant::now()));
        while let Some(receiving) = &mut deliveries {
            let is_due = due.is_elapsed();
            if !collected.is_empty()
                && in_flight.len() < at_once
                && (collected.len() >= size || is_due)
            {
                in_flight.push(self.process_batch(std::mem::take(&mut collected)));
            }
            if let Some(suspect) = suspect.take() {
                // Nothing runs beside it.
                while let Some(()) = in_flight.next().await {}
                self.process(suspect).await;
            }
            tokio::select! {
                biased;
                _ = &mut stop => deliveries = None,
                Some(()) = in_flight.next() => {}
                delivery = receiving.next(), if collected.len() < size => match delivery {
                    Some(Ok(delivery)) => {
                        let Some((delivery, is_suspect)) = self.admit(delivery) else { continue };
                        if is_suspect {
                            suspect = Some(delivery);
                            continue;
                        }
                        if collected.is_empty() {
                            due.as_mut().reset(tokio::time::Instant::now() + linger);
                        }
                        collected.push(delivery);
                    }
                    Some(Err(error)) => {
                        outcome = Err(error);
                        deliveries = None;
                    }
                    None => deliveries = None,
                },
                () = due.as_mut(), if !collected.is_empty() && !is_due => {}
            }
        }
        if outcome.is_ok() && !collected.is_empty() {
            in_flight.push(self.process_batch(collected));
        }
        while let Some(()) = in_flight.next().await {}
        outcome
    }

    /// Settles all of them together if that goes well; else tries each alone.
    async fn process_batch(&self, mut batch: Vec<Delivery>) {
        if batch.len() < 2 {
            for delivery in batch {
                self.process(delivery).await;
            }
            return;
        }
        let Dispatch::Batch { several, .. } = &self.dispatch else {
            for delivery in batch {
                self.process(delivery).await;
            }
            return;
        };
        let messages: Vec<Message> =
            batch.iter().map(|delivery| delivery.message.clone()).collect();
        let redelivered = batch.iter().any(|delivery| delivery.redelivered);
        let processing = Processing::new(self.place.clone(), of_all(&messages), redelivered);
        let span = info_span!(
            "batch",
            otel.name = format_args!("process {}", self.place.queue),
            otel.kind = "consumer",
            messaging.system = "msgflo",
            messaging.operation.type = "process",
            messaging.destination.name = self.place.queue,
            messaging.batch.message_count = messages.len(),
            role = self.place.role,
            port = self.place.port,
        );
        let started = Instant::now();
        let context = Context::new(processing.clone());
        let (unreadable, done) = several(self.participant.clone(), messages, context);
        let call = processing.clone().scope(call(|| done)).instrument(span.clone());
        let outcome = match self.setup.policy.timeout {
            None => call.await,
            Some(limit) => within(limit, &processing, call).await,
        };
        let took = started.elapsed();
        self.metrics.tried(took);
        // From behind, so that places stay what they are.
        for (place, error) in unreadable.into_iter().rev() {
            let delivery = batch.remove(place);
            self.metrics.received(delivery.redelivered);
            self.reject_unreadable(delivery, error, &span).await;
        }
        match outcome {
            Ok(()) => {
                let each = took / u32::try_from(batch.len().max(1)).unwrap_or(u32::MAX);
                for delivery in batch {
                    self.metrics.received(delivery.redelivered);
                    self.metrics.settled(Settled::Acknowledged, each);
                    delivery.acknowledge();
                }
            }
            Err(error) => {
                warn!(
                    role = self.place.role,
                    port = self.place.port,
                    "a batch of {} failed, and each of its messages is tried alone: {error}",
                    batch.len()
                );
                for delivery in batch {
                    self.process(delivery).await;
                }
            }
        }
    }

    async fn reject_unreadable(&self, mut delivery: Delivery, error: Error, span: &tracing::Span) {
        let message = std::mem::take(&mut delivery.message);
        let processing = Processing::new(self.place.clone(), message, delivery.redelivered);
        self.settle_failed(delivery, &processing, error, Duration::ZERO, span).await;
    }
}

/// What a method is told of a batch: what its messages have in common. Its identifier is made of all of
/// theirs, so that the same batch sends the same again.
fn of_all(messages: &[Message]) -> Message {
    let mut common = Message::default();
    let Some(first) = messages.first() else { return common };
    common.content_type = first.content_type.clone();
    if let Some(first) = messages.iter().filter_map(Message::sent_at).min() {
        common = common.with_sent_at(first);
    }
    if let Some(id) = first.correlation_id()
        && messages.iter().all(|message| message.correlation_id() == Some(id))
    {
        common = common.with_correlation_id(id.clone());
    }
    let ids: Option<Vec<&str>> = messages.iter().map(|message| message.id.as_deref()).collect();
    common.id = ids.map(|ids| identity::derived(&ids.join(" "), "", "", 0));
    common
}
