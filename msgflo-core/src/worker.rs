//! The loop that hands an inport's messages to the participant's method.

mod batches;
mod lanes;
mod metrics;
mod settling;
mod setup;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::sync::watch;
use tracing::{Instrument, Span, info_span};

use crate::method::panicked;
use crate::participant::Dispatch;
use crate::policy::{Admission, Delivered};
use crate::processing::{Context, Place, Processing};
use crate::requests::{Matched, Requests};
use crate::reserved;
use crate::statistics::{InportMeter, Settled};
use crate::transport::{Deliveries, Delivery, Settlement, Target, Transport};
use crate::{Error, Message, Result, trace, watchdog};
use lanes::{Key, Lanes};
use metrics::Metrics;
pub(crate) use setup::{Setup, check_abilities};

/// Suspects that are put off come again so far apart, as far as there are so many.
const APART: Duration = Duration::from_millis(200);
const MOST_APART: u32 = 100;

/// The worker of one inport.
pub(crate) struct Worker<S> {
    place: Arc<Place>,
    setup: Setup,
    participant: Arc<S>,
    dispatch: Dispatch<S>,
    transport: Arc<dyn Transport>,
    requests: Arc<Requests>,
    /// Whether headers travel, and so counts do.
    has_headers: bool,
    counts_deliveries: bool,
    /// How many suspects were put off.
    suspects: AtomicU32,
    metrics: Metrics,
}

impl<S: Send + Sync + 'static> Worker<S> {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        place: Arc<Place>,
        setup: Setup,
        participant: Arc<S>,
        dispatch: Dispatch<S>,
        transport: Arc<dyn Transport>,
        requests: Arc<Requests>,
        meter: Arc<InportMeter>,
    ) -> Self {
        let abilities = transport.abilities();
        Self {
            metrics: Metrics::new(&place.role, &place.port, meter),
            place,
            setup,
            participant,
            dispatch,
            transport,
            requests,
            has_headers: abilities.headers,
            counts_deliveries: abilities.counts_deliveries,
            suspects: AtomicU32::new(0),
        }
    }

    /// Runs until it is stopped, and then until what is in flight is finished. All messages in
    /// flight are futures of this one task, unless they are to be processed in parallel.
    pub(crate) async fn run(
        self,
        deliveries: Deliveries,
        stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        let name = format!("{}.{}", self.place.role, self.place.port);
        if self.setup.batch.is_some() {
            return watchdog::watch(&name, self.run_batches(deliveries, stopped)).await;
        }
        if self.setup.is_parallel {
            let worker = Arc::new(self);
            let start = |key: Key, delivery: Delivery| {
                let (worker, name) = (worker.clone(), name.clone());
                let process = async move { worker.process(delivery).await };
                // Aborted with the worker: what it had in hand is released.
                let task = AbortOnDrop(tokio::spawn(async move {
                    watchdog::watch(&name, process).await;
                }));
                async move {
                    let mut task = task;
                    // Fails when the runtime is being shut down.
                    let _ = (&mut task.0).await;
                    key
                }
            };
            return worker.run_each(deliveries, stopped, start).await;
        }
        let start = |key: Key, delivery: Delivery| async {
            self.process(delivery).await;
            key
        };
        watchdog::watch(&name, self.run_each(deliveries, stopped, start)).await
    }

    async fn run_each<F: Future<Output = Key>>(
        &self,
        deliveries: Deliveries,
        mut stopped: watch::Receiver<bool>,
        start: impl Fn(Key, Delivery) -> F,
    ) -> Result<()> {
        let mut deliveries = Some(deliveries);
        let mut in_flight = FuturesUnordered::new();
        let mut lanes = Lanes::new(self.setup.concurrency.into());
        let mut stop = pin!(stopped.wait_for(|stopped| *stopped));
        let mut outcome = Ok(());
        while let Some(receiving) = &mut deliveries {
            tokio::select! {
                biased;
                _ = &mut stop => deliveries = None,
                Some(key) = in_flight.next() => {
                    if let Some((key, delivery)) = lanes.finish(key) {
                        in_flight.push(start(key, delivery));
                    }
                }
                delivery = receiving.next(), if lanes.has_room() => match delivery {
                    Some(Ok(delivery)) => {
                        let Some((delivery, is_suspect)) = self.admit(delivery) else { continue };
                        let key = self.key(&delivery.message);
                        if let Some(delivery) = lanes.admit(&key, is_suspect, delivery) {
                            in_flight.push(start(key, delivery));
                        }
                    }
                    Some(Err(error)) => {
                        outcome = Err(error);
                        deliveries = None;
                    }
                    None => deliveries = None,
                },
            }
        }
        lanes.clear();
        while in_flight.next().await.is_some() {}
        outcome
    }

    fn key(&self, message: &Message) -> Key {
        let name = self.setup.ordered_by.as_deref()?;
        message.headers().get(name).map(Arc::from)
    }

    /// Whether the message is to be processed, and whether nothing may run beside it. What is not, is
    /// settled.
    fn admit(&self, mut delivery: Delivery) -> Option<(Delivery, bool)> {
        let headers = delivery.message.headers();
        // Nearly all of them.
        if !delivery.redelivered && delivery.deliveries <= 1 && headers.is_empty() {
            return Some((delivery, false));
        }
        if !self.has_headers && !self.counts_deliveries {
            return Some((delivery, false));
        }
        let is_counted = self.counts_deliveries;
        let redelivered = delivery.redelivered;
        let since = if is_counted { delivery.deliveries } else { 1 + u32::from(redelivered) };
        let deliveries = since + reserved::deliveries(headers);
        let delivered = Delivered { deliveries, is_counted, redelivered };
        match self.setup.policy.admit(delivered) {
            Admission::Run => Some((delivery, false)),
            Admission::RunAlone => Some((delivery, true)),
            Admission::PutOff { deliveries, after } => {
                let apart = match after {
                    Duration::ZERO => after,
                    // One after the other: what was delivered beside the one that ends the process is
                    // done before that comes, or comes when it has ended.
                    _ => APART * self.suspects.fetch_add(1, Ordering::Relaxed).min(MOST_APART),
                };
                let after = after + apart;
                let message = reserved::counted(&delivery.message, deliveries);
                delivery.settle_as(Settlement::Delayed(Box::new(message), after));
                None
            }
            Admission::Poison { deliveries } => {
                self.metrics.received(redelivered);
                let message = std::mem::take(&mut delivery.message);
                let error = format!(
                    "it was delivered {deliveries} times and never settled: it seems to end the process"
                );
                let processing = Processing::new(self.place.clone(), message, redelivered);
                self.give_up(delivery, &processing, &error);
                self.metrics.settled(Settled::Rejected, Duration::ZERO);
                None
            }
        }
    }

    /// What few messages need is boxed: the future of the others is small, and is moved often.
    async fn process(&self, mut delivery: Delivery) {
        let message = std::mem::take(&mut delivery.message);
        self.metrics.received(delivery.redelivered);
        let processing = Processing::new(self.place.clone(), message, delivery.redelivered);
        if self.setup.takes_answers && Box::pin(self.pass_answer_on(&processing.message)).await {
            self.metrics.settled(Settled::Acknowledged, Duration::ZERO);
            return delivery.acknowledge();
        }
        let span = self.span(&processing, delivery.tag());
        let started = Instant::now();
        let outcome = self.call(&processing).instrument(span.clone()).await;
        let took = started.elapsed();
        self.metrics.tried(took);
        match outcome {
            Ok(()) => {
                self.metrics.settled(Settled::Acknowledged, took);
                delivery.acknowledge();
            }
            Err(error) => {
                Box::pin(self.settle_failed(delivery, &processing, error, took, &span)).await;
            }
        }
    }

    /// Calls the method, for as long as it may take. A panic becomes an error.
    async fn call(&self, processing: &Arc<Processing>) -> Result<()> {
        let context = Context::new(processing.clone());
        let message = processing.message.clone();
        let call = call(|| self.dispatch.call(self.participant.clone(), message, context));
        match self.setup.policy.timeout {
            None => processing.clone().scope(call).await,
            Some(limit) => {
                Box::pin(within(limit, processing, processing.clone().scope(call))).await
            }
        }
    }

    fn span(&self, processing: &Processing, tag: u64) -> Span {
        let span = info_span!(
            "message",
            otel.name = format_args!("process {}", self.place.queue),
            otel.kind = "consumer",
            otel.status_code = tracing::field::Empty,
            otel.status_description = tracing::field::Empty,
            messaging.system = "msgflo",
            messaging.operation.type = "process",
            messaging.destination.name = self.place.queue,
            role = self.place.role,
            port = self.place.port,
            id = processing.message.id.as_deref().unwrap_or_default(),
            tag,
            attempt = processing.attempt,
            redelivered = processing.redelivered,
        );
        if let Some(tracer) = trace::tracer()
            && !span.is_disabled()
        {
            tracer.processes(&span, &processing.message);
        }
        span
    }

    /// Whether it was an answer to a request of this connection, or is passed on to whose it is.
    async fn pass_answer_on(&self, message: &Message) -> bool {
        match self.requests.resolve(message) {
            Matched::Answered | Matched::Late => true,
            Matched::Nobody => false,
            Matched::For(inbox) => {
                let passed = self.transport.publish(Target::Inport(&inbox), message.clone()).await;
                if let Err(error) = &passed {
                    tracing::info!("an answer cannot be passed on to who asked: {error}");
                }
                passed.is_ok()
            }
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Calls the method; a panic becomes an error.
fn call<F: Future<Output = Result<()>>>(
    method: impl FnOnce() -> F,
) -> impl Future<Output = Result<()>> {
    // The message is moved in and the participant is shared behind `&self`: what a panic leaves
    // half-done is the participant's own state, as with any panicking request handler.
    let call = AssertUnwindSafe(async { method().await }).catch_unwind();
    call.map(|outcome| outcome.unwrap_or_else(|panic| Err(panicked(&*panic))))
}

/// Gives the method so much time. It is told before it is dropped, and may end in order at once.
async fn within(
    limit: Duration,
    processing: &Processing,
    call: impl Future<Output = Result<()>>,
) -> Result<()> {
    let mut call = pin!(call);
    match tokio::time::timeout(limit, &mut call).await {
        Ok(outcome) => outcome,
        Err(_) => {
            processing.expire();
            let late = || Err(Error::message(format!("it took longer than {limit:?}")));
            call.now_or_never().unwrap_or_else(late)
        }
    }
}

/// Processes an initial information packet: a JSON value, or plain text for a text port.
pub(crate) async fn process_iip<S: 'static>(
    place: &Arc<Place>,
    dispatch: &Dispatch<S>,
    participant: Arc<S>,
    value: &Value,
) -> Result<()> {
    let message = Message::new(value.to_string()).with_content_type("application/json");
    let processing = Processing::new(place.clone(), Message::default(), false);
    let context = Context::new(processing.clone());
    processing.scope(call(|| dispatch.call(participant, message, context))).await
}
