//! The brokers of the tests: one RabbitMQ, with a virtual host for each test, and a Mosquitto for
//! each, which has none. Discovery is one queue or topic for all who share it.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use msgflo_test_broker::{Mosquitto, RabbitMq};
use serde_json::json;

/// A kind of broker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    RabbitMq,
    Mosquitto,
}

pub const ALL: &[Kind] = &[Kind::RabbitMq, Kind::Mosquitto];

impl Kind {
    /// Its URL scheme.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::RabbitMq => "amqp",
            Self::Mosquitto => "mqtt",
        }
    }
}

/// A broker as one test sees it.
pub struct Broker {
    pub kind: Kind,
    pub url: String,
    /// A folder of the test's own, which goes away with the broker.
    pub folder: PathBuf,
    _own: Option<Mosquitto>,
}

static RABBITMQ: Mutex<Option<RabbitMq>> = Mutex::new(None);

impl Broker {
    /// Of this kind, for the test of this name, which is one of `all`.
    pub fn start(kind: Kind, test: &str, all: &[&str]) -> io::Result<Self> {
        let (url, folder, own) = match kind {
            Kind::RabbitMq => {
                let mut shared = RABBITMQ.lock().unwrap_or_else(PoisonError::into_inner);
                let broker = match &mut *shared {
                    Some(broker) => broker,
                    none => none.insert(start_rabbitmq(all)?),
                };
                (format!("{}{test}", broker.url()), broker.folder().join(test), None)
            }
            Kind::Mosquitto => {
                let broker = Mosquitto::start()?;
                (broker.url(), broker.folder().join(test), Some(broker))
            }
        };
        std::fs::create_dir(&folder)?;
        Ok(Self { kind, url, folder, _own: own })
    }
}

/// Stops what tests have shared.
pub fn stop() {
    drop(RABBITMQ.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn start_rabbitmq(vhosts: &[&str]) -> io::Result<RabbitMq> {
    let broker = RabbitMq::start()?;
    let definitions = json!({
        "vhosts": vhosts.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "permissions": vhosts.iter().map(|name| json!({
            "user": "guest", "vhost": name, "configure": ".*", "write": ".*", "read": ".*",
        })).collect::<Vec<_>>(),
    });
    let file = broker.folder().join("definitions.json");
    std::fs::write(&file, definitions.to_string())?;
    broker.ctl(&["import_definitions", &file.display().to_string()])?;
    Ok(broker)
}
