//! The loop that hands an inport's messages to the participant's method.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use metrics::{Counter, Histogram};
use serde_json::Value;
use tokio::sync::watch;
use tracing::{Instrument, info_span, warn};

use crate::participant::{Dispatch, panic_text};
use crate::statistics::InportMeter;
use crate::transport::{Deliveries, Delivery};
use crate::{Error, Message, Result};

pub(crate) struct Worker<S> {
    role: String,
    port: String,
    concurrency: usize,
    participant: Arc<S>,
    dispatch: Dispatch<S>,
    metrics: Metrics,
    meter: Arc<InportMeter>,
}

struct Metrics {
    acknowledged: Counter,
    rejected: Counter,
    redelivered: Counter,
    seconds: Histogram,
}

impl Metrics {
    fn new(role: &str, port: &str) -> Self {
        let outcome = |outcome: &'static str| {
            metrics::counter!("msgflo_messages_processed_total",
                "role" => role.to_owned(), "port" => port.to_owned(), "outcome" => outcome)
        };
        let labels = [("role", role.to_owned()), ("port", port.to_owned())];
        Self {
            acknowledged: outcome("acknowledged"),
            rejected: outcome("rejected"),
            redelivered: metrics::counter!("msgflo_messages_redelivered_total", &labels),
            seconds: metrics::histogram!("msgflo_processing_seconds", &labels),
        }
    }
}

impl<S: Send + Sync + 'static> Worker<S> {
    pub(crate) fn new(
        role: &str,
        port: &str,
        concurrency: u16,
        participant: Arc<S>,
        dispatch: Dispatch<S>,
        meter: Arc<InportMeter>,
    ) -> Self {
        Self {
            role: role.into(),
            port: port.into(),
            concurrency: concurrency.into(),
            participant,
            dispatch,
            metrics: Metrics::new(role, port),
            meter,
        }
    }

    /// Runs until it is stopped, and then until what is in flight is finished. All messages in
    /// flight are futures of this one task.
    pub(crate) async fn run(
        self,
        deliveries: Deliveries,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut deliveries = Some(deliveries);
        let mut in_flight = FuturesUnordered::new();
        let mut stop = pin!(stopped.wait_for(|stopped| *stopped));
        let mut outcome = Ok(());
        while let Some(receiving) = &mut deliveries {
            tokio::select! {
                biased;
                _ = &mut stop => deliveries = None,
                Some(()) = in_flight.next() => {}
                delivery = receiving.next(), if in_flight.len() < self.concurrency => match delivery {
                    Some(Ok(delivery)) => in_flight.push(self.process(delivery)),
                    Some(Err(error)) => {
                        outcome = Err(error);
                        deliveries = None;
                    }
                    None => deliveries = None,
                },
            }
        }
        while let Some(()) = in_flight.next().await {}
        outcome
    }

    async fn process(&self, mut delivery: Delivery) {
        let message = std::mem::take(&mut delivery.message);
        let (tag, redelivered) = (delivery.tag(), delivery.redelivered);
        let id = message.id.clone();
        let span = info_span!(
            "message",
            role = self.role,
            port = self.port,
            id = id.as_deref().unwrap_or_default(),
            tag,
            redelivered
        );
        if redelivered {
            self.metrics.redelivered.increment(1);
        }
        self.meter.received(redelivered);
        let started = Instant::now();
        let outcome =
            call(&self.dispatch, self.participant.clone(), message).instrument(span).await;
        let took = started.elapsed();
        self.metrics.seconds.record(took);
        self.meter.finished(outcome.is_ok(), took);
        match outcome {
            Ok(()) => {
                self.metrics.acknowledged.increment(1);
                delivery.acknowledge();
            }
            Err(error) => {
                self.metrics.rejected.increment(1);
                delivery.reject();
                // Named in full, as the span is silent at the default level.
                warn!(
                    role = self.role,
                    port = self.port,
                    message = %format_args!("rejected: {error}"),
                    id = id.as_deref(),
                    tag,
                    redelivered,
                );
            }
        }
    }
}

/// Calls the method; a panic becomes an error.
async fn call<S>(dispatch: &Dispatch<S>, participant: Arc<S>, message: Message) -> Result<()> {
    // The message is moved in and the participant is shared behind `&self`: what a panic leaves
    // half-done is the participant's own state, as with any panicking request handler.
    AssertUnwindSafe(async { dispatch(participant, message).await })
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            Err(Error::message(format!("the method panicked: {}", panic_text(&*panic))))
        })
}

/// Processes an initial information packet: a JSON value, or plain text for a text port.
pub(crate) async fn process_iip<S>(
    dispatch: &Dispatch<S>,
    participant: Arc<S>,
    value: &Value,
) -> Result<()> {
    let message = Message::new(value.to_string()).with_content_type("application/json");
    call(dispatch, participant, message).await
}
