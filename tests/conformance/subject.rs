//! The transports under test, and what each can do.

use std::io;
use std::sync::{Mutex, PoisonError};

use msgflo_test_broker::RabbitMq;

use crate::context::Case;

/// What a case may need and not every transport has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feature {
    /// `?capacity=` bounds what a queue holds.
    Capacity,
    /// The broker is a program that can be stopped and started again.
    Restarts,
}

/// A transport under test.
pub struct Subject {
    /// Its URL scheme.
    pub name: &'static str,
    features: &'static [Feature],
}

/// The table of transports and features.
pub const SUBJECTS: &[Subject] = &[
    Subject { name: "memory", features: &[Feature::Capacity] },
    Subject { name: "amqp", features: &[Feature::Restarts] },
];

impl Subject {
    pub fn supports(&self, case: &Case) -> bool {
        case.needs.iter().all(|feature| self.features.contains(feature))
    }

    /// Where a case finds the broker that it shares with the others, started by the first.
    pub fn shared_broker(&self, case: &str) -> io::Result<String> {
        match self.name {
            // A broker for each case costs nothing.
            "memory" => Ok(format!("memory://{case}")),
            _ => {
                let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
                if shared.is_none() {
                    *shared = Some(RabbitMq::start()?);
                }
                Ok(shared.as_ref().map(RabbitMq::url).unwrap_or_default())
            }
        }
    }
}

static SHARED: Mutex<Option<RabbitMq>> = Mutex::new(None);

pub fn stop_brokers() {
    drop(SHARED.lock().unwrap_or_else(PoisonError::into_inner).take());
}
