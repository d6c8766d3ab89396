//! Where a tracing system is connected: `msgflo` does, with the feature `otel`.

use std::sync::OnceLock;

use tracing::Span;

use crate::message::Message;

/// Carries traces across processes. Without one, a message's `traceparent` and `tracestate` are passed
/// on to what comes of it as they are.
pub trait Tracer: Send + Sync {
    /// Makes the span of a message that is about to be processed a child of the one in which it was
    /// sent. The span was not entered yet.
    fn processes(&self, span: &Span, message: &Message);

    /// A span for a message that is about to be sent, which is then told of its place in the trace by
    /// its headers.
    fn sends(&self, queue: &str, message: &mut Message) -> Option<Span>;
}

static TRACER: OnceLock<Box<dyn Tracer>> = OnceLock::new();

/// Connects a tracing system to all participants of the process. The first counts; returns whether it
/// was this one.
pub fn set_tracer(tracer: Box<dyn Tracer>) -> bool {
    TRACER.set(tracer).is_ok()
}

pub(crate) fn tracer() -> Option<&'static dyn Tracer> {
    TRACER.get().map(|tracer| &**tracer)
}
