//! What becomes of a message whose attempt failed: as the policy decides.

use std::time::{Duration, SystemTime};

use tracing::{Span, warn};

use super::Worker;
use crate::policy::Decision;
use crate::processing::{Place, Processing};
use crate::reserved::{self, Reason};
use crate::statistics::Settled;
use crate::transport::{Delivery, Settlement};
use crate::{Error, Message, requests};

impl<S: Send + Sync + 'static> Worker<S> {
    /// Does what the policy decides.
    pub(super) async fn settle_failed(
        &self,
        delivery: Delivery,
        processing: &Processing,
        error: Error,
        took: Duration,
        span: &Span,
    ) {
        let policy = &self.setup.policy;
        let (attempt, place) = (processing.attempt, &self.place);
        let decision = policy.decide(error.verdict(), attempt, chance);
        let told = error.to_string();
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", told.as_str());
        let id = processing.message.id.as_deref();
        // Named in full, as the span is silent at the default level.
        match decision {
            Decision::Retry { attempt: next, after } => {
                self.metrics.settled(Settled::Retried, took);
                let message = reserved::retried(&processing.message, next, SystemTime::now());
                delivery.settle_as(Settlement::Delayed(Box::new(message), after));
                warn!(
                    role = place.role,
                    port = place.port,
                    message = %format_args!(
                        "attempt {attempt} of {} failed, the next is in {after:.1?}: {told}",
                        policy.attempts
                    ),
                    id,
                );
            }
            Decision::DeadLetter => {
                self.metrics.settled(Settled::Rejected, took);
                let (tag, redelivered) = (delivery.tag(), processing.redelivered);
                self.give_up(delivery, processing, &told);
                warn!(
                    role = place.role,
                    port = place.port,
                    message = %format_args!("rejected: {told}"),
                    id,
                    tag,
                    redelivered,
                    attempt,
                );
                self.answer_failed(processing, &told).await;
            }
            Decision::Release => {
                self.metrics.settled(Settled::Released, took);
                tracing::info!(role = place.role, port = place.port, "released: {told}");
                drop(delivery);
            }
        }
    }

    pub(super) fn give_up(&self, delivery: Delivery, processing: &Processing, error: &str) {
        if !self.has_headers {
            return delivery.reject();
        }
        let Place { role, port, queue, worker, .. } = &*self.place;
        let now = SystemTime::now();
        let reason = Reason { role, port, queue, worker, error, attempts: processing.attempt, now };
        let dead = reserved::dead_letter(&processing.message, &reason);
        delivery.settle_as(Settlement::DeadLettered(Box::new(dead)));
    }

    /// Whoever waits for an answer to what has failed, is told so.
    async fn answer_failed(&self, processing: &Processing, error: &str) {
        let message = &processing.message;
        let asked = message.reply_to().map(|queue| &**queue);
        let Some(inbox) = asked.or(message.headers().get(reserved::ANSWER_TO)) else { return };
        let mut answer = Message::new("")
            .with_header(reserved::ERROR, reserved::shown(error))
            .with_header(reserved::ROLE, self.place.role.as_str());
        if let Some(id) = processing.correlation_id() {
            answer = answer.with_correlation_id(id.clone());
        }
        requests::answer(&*self.transport, inbox, answer).await;
    }
}

/// From 0 to 1, for jitter.
fn chance() -> f64 {
    use std::hash::BuildHasher;
    (std::hash::RandomState::new().hash_one(0) % 1024) as f64 / 1023.0
}
