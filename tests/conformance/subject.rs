//! The transports under test, and what each can do.

use std::io;
use std::sync::{Mutex, PoisonError};

use msgflo_test_broker::{Mosquitto, RabbitMq, free_port};

use crate::context::Case;
use crate::hub_server::HubServer;
use Feature::*;

/// What a case may need and not every transport has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feature {
    /// `?capacity=` bounds what a queue holds.
    Capacity,
    /// The broker is a program that can be stopped and started again.
    Restarts,
    /// What the broker has confirmed outlives its restart.
    Durable,
    /// What the broker has confirmed outlives its crash.
    Crashes,
    /// The broker knows which queues there are, and refuses what is sent to others.
    KnowsQueues,
    /// What one consumer has not been given yet, another can have.
    Pulls,
    /// It can be told what waits in a queue.
    Statistics,
    /// It tells which edges there are, and so can copy what an inport gets.
    Edges,
    /// Content type and identifier travel with a message.
    Properties,
    /// Headers, correlation ids and the like travel with a message.
    Headers,
    /// A message that is to arrive later waits at the broker.
    Delay,
    /// A message can be of no use after some time.
    Expiry,
    /// Urgent messages overtake others.
    Priority,
}

/// A transport under test.
pub struct Subject {
    /// Its URL scheme, with the protocol's version where it speaks several.
    pub name: &'static str,
    features: &'static [Feature],
}

/// The table of transports and features.
pub const SUBJECTS: &[Subject] = &[
    Subject {
        name: "memory",
        features: &[
            Capacity,
            KnowsQueues,
            Pulls,
            Statistics,
            Edges,
            Properties,
            Headers,
            Delay,
            Expiry,
            Priority,
        ],
    },
    Subject {
        name: "amqp",
        features: &[
            Restarts,
            Durable,
            Crashes,
            KnowsQueues,
            Pulls,
            Statistics,
            Properties,
            Headers,
            Delay,
            Expiry,
            Priority,
        ],
    },
    Subject {
        name: "amqp_management",
        features: &[
            Restarts,
            Durable,
            Crashes,
            KnowsQueues,
            Pulls,
            Statistics,
            Edges,
            Properties,
            Headers,
            Delay,
            Expiry,
            Priority,
        ],
    },
    Subject { name: "mqtt", features: &[Restarts, Durable, Edges] },
    Subject { name: "mqtt5", features: &[Restarts, Durable, Edges, Properties, Headers, Expiry] },
    Subject {
        name: "zmq",
        features: &[
            Capacity,
            Restarts,
            KnowsQueues,
            Pulls,
            Statistics,
            Edges,
            Properties,
            Headers,
            Delay,
            Expiry,
            Priority,
        ],
    },
];

impl Subject {
    pub fn supports(&self, case: &Case) -> bool {
        case.needs.iter().all(|feature| self.has(*feature))
    }

    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether the case is tried on it: what its setting makes no difference to, is not.
    pub fn runs(&self, case: &Case) -> bool {
        let differs = self.name != "amqp_management" || case.needs.contains(&Edges);
        differs && self.supports(case)
    }

    /// Starts one for one case alone, which may stop it, or for all others.
    pub fn start_broker(&self) -> io::Result<Broker> {
        match self.name {
            "mqtt" => Mosquitto::start().map(|broker| Broker::Mosquitto(broker, "")),
            "mqtt5" => Mosquitto::start().map(|broker| Broker::Mosquitto(broker, "?version=5")),
            "zmq" => HubServer::start().map(Broker::Hub),
            "amqp_management" => RabbitMq::with_management().map(Broker::RabbitMqWithManagement),
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
                if let Some((_, broker)) = shared.iter().find(|(name, _)| *name == self.name) {
                    return Ok(broker.url());
                }
                let broker = self.start_broker()?;
                let url = broker.url();
                shared.push((self.name, broker));
                Ok(url)
            }
        }
    }
}

static SHARED: Mutex<Vec<(&str, Broker)>> = Mutex::new(Vec::new());

pub fn stop_brokers() {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A broker that is a program, or as good as one.
pub enum Broker {
    RabbitMq(RabbitMq),
    RabbitMqWithManagement(RabbitMq),
    /// And what its URL ends in.
    Mosquitto(Mosquitto, &'static str),
    Hub(HubServer),
}

impl Broker {
    pub fn url(&self) -> String {
        match self {
            Self::RabbitMq(broker) => broker.url(),
            Self::RabbitMqWithManagement(broker) => {
                format!("{}?management={}", broker.url(), broker.management_url())
            }
            Self::Mosquitto(broker, query) => broker.url() + query,
            Self::Hub(hub) => hub.url(),
        }
    }

    /// In order.
    pub fn stop(&mut self) -> io::Result<()> {
        match self {
            Self::RabbitMq(broker) | Self::RabbitMqWithManagement(broker) => broker.stop(),
            Self::Mosquitto(broker, _) => broker.stop(),
            Self::Hub(hub) => {
                hub.stop();
                Ok(())
            }
        }
    }

    /// Without a chance to finish anything.
    pub fn kill(&mut self) {
        match self {
            Self::RabbitMq(broker) | Self::RabbitMqWithManagement(broker) => broker.kill(),
            Self::Mosquitto(broker, _) => broker.kill(),
            Self::Hub(hub) => hub.kill(),
        }
    }

    pub fn start_again(&mut self) -> io::Result<()> {
        match self {
            Self::RabbitMq(broker) | Self::RabbitMqWithManagement(broker) => broker.start_again(),
            Self::Mosquitto(broker, _) => broker.start_again(),
            Self::Hub(hub) => hub.start_again(),
        }
    }

    pub fn cut_connections(&mut self) -> io::Result<()> {
        match self {
            Self::RabbitMq(broker) | Self::RabbitMqWithManagement(broker) => {
                broker.ctl(&["close_all_connections", "cut by the test"]).map(drop)
            }
            // It cannot be told to.
            Self::Mosquitto(broker, _) => broker.restart(),
            Self::Hub(hub) => hub.cut_connections(),
        }
    }
}
