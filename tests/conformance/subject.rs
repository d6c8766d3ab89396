//! The transports under test, and what each can do.

use std::io;
use std::sync::{Mutex, PoisonError};

use msgflo_test_broker::{RabbitMq, free_port};

use crate::context::Case;
use crate::hub_server::HubServer;

/// What a case may need and not every transport has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feature {
    /// `?capacity=` bounds what a queue holds.
    Capacity,
    /// The broker is a program that can be stopped and started again.
    Restarts,
    /// What the broker has confirmed survives its restart.
    Durable,
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
    Subject { name: "amqp", features: &[Feature::Restarts, Feature::Durable] },
    Subject { name: "zmq", features: &[Feature::Capacity, Feature::Restarts] },
];

impl Subject {
    pub fn supports(&self, case: &Case) -> bool {
        case.needs.iter().all(|feature| self.features.contains(feature))
    }

    /// Starts one for one case alone, which may stop it.
    pub fn start_broker(&self) -> io::Result<Broker> {
        match self.name {
            "zmq" => HubServer::start().map(Broker::Hub),
            _ => RabbitMq::start().map(Broker::RabbitMq),
        }
    }

    /// Where a case finds the broker that it shares with the others, started by the first.
    pub fn shared_broker(&self, case: &str) -> io::Result<String> {
        match self.name {
            // A broker for each case costs nothing.
            "memory" => Ok(format!("memory://{case}")),
            // As does a hub, in the process of the case.
            "zmq" => Ok(format!("zmq://127.0.0.1:{}?hub=auto", free_port()?)),
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

/// A broker that is a program, or as good as one.
pub enum Broker {
    RabbitMq(RabbitMq),
    Hub(HubServer),
}

impl Broker {
    pub fn url(&self) -> String {
        match self {
            Self::RabbitMq(broker) => broker.url(),
            Self::Hub(hub) => hub.url(),
        }
    }

    /// In order.
    pub fn stop(&mut self) -> io::Result<()> {
        match self {
            Self::RabbitMq(broker) => broker.stop(),
            Self::Hub(hub) => {
                hub.stop();
                Ok(())
            }
        }
    }

    /// Without a chance to finish anything.
    pub fn kill(&mut self) {
        match self {
            Self::RabbitMq(broker) => broker.kill(),
            Self::Hub(hub) => hub.kill(),
        }
    }

    pub fn start_again(&mut self) -> io::Result<()> {
        match self {
            Self::RabbitMq(broker) => broker.start_again(),
            Self::Hub(hub) => hub.start_again(),
        }
    }

    pub fn cut_connections(&mut self) -> io::Result<()> {
        match self {
            Self::RabbitMq(broker) => {
                broker.ctl(&["close_all_connections", "cut by the test"]).map(drop)
            }
            Self::Hub(hub) => hub.cut_connections(),
        }
    }
}
