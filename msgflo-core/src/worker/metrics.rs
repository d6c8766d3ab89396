//! What is counted of an inport's messages, for the `metrics` facade and for statistics.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::statistics::{InportMeter, Settled};

pub(super) struct Metrics {
    acknowledged: Counter,
    rejected: Counter,
    retried: Counter,
    released: Counter,
    redelivered: Counter,
    seconds: Histogram,
    meter: Arc<InportMeter>,
}

impl Metrics {
    pub(super) fn new(role: &str, port: &str, meter: Arc<InportMeter>) -> Self {
        let outcome = |outcome: &'static str| {
            metrics::counter!("msgflo_messages_processed_total",
                "role" => role.to_owned(), "port" => port.to_owned(), "outcome" => outcome)
        };
        let labels = [("role", role.to_owned()), ("port", port.to_owned())];
        Self {
            acknowledged: outcome("acknowledged"),
            rejected: outcome("rejected"),
            retried: outcome("retried"),
            released: outcome("released"),
            redelivered: metrics::counter!("msgflo_messages_redelivered_total", &labels),
            seconds: metrics::histogram!("msgflo_processing_seconds", &labels),
            meter,
        }
    }

    pub(super) fn received(&self, redelivered: bool) {
        if redelivered {
            self.redelivered.increment(1);
        }
        self.meter.received(redelivered);
    }

    pub(super) fn tried(&self, took: Duration) {
        self.seconds.record(took);
    }

    pub(super) fn settled(&self, settled: Settled, took: Duration) {
        let counter = match settled {
            Settled::Acknowledged => &self.acknowledged,
            Settled::Rejected => &self.rejected,
            Settled::Retried => &self.retried,
            Settled::Released => &self.released,
        };
        counter.increment(1);
        self.meter.finished(settled, took);
    }
}
