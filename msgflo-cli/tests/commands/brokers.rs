//! The brokers that the commands are tried on.

use std::sync::Mutex;

use msgflo_test_broker::{Mosquitto, RabbitMq, free_port};

/// A broker for one test. On RabbitMQ, which takes seconds to start, a virtual host of one.
pub struct Broker {
    url: String,
    _mosquitto: Option<Mosquitto>,
    _hub: Option<msgflo::Network>,
}

/// The one RabbitMQ, and how many virtual hosts it has. Its watchdog stops it when the tests end.
static RABBITMQ: Mutex<Option<(RabbitMq, u32)>> = Mutex::new(None);

impl Broker {
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn rabbitmq() -> Self {
        let mut shared = RABBITMQ.lock().unwrap();
        let (broker, count) = shared.get_or_insert_with(|| (RabbitMq::start().unwrap(), 0));
        *count += 1;
        let name = format!("test{count}");
        broker.ctl(&["add_vhost", &name]).unwrap();
        broker.ctl(&["set_permissions", "-p", &name, "guest", ".*", ".*", ".*"]).unwrap();
        let url = format!("{}{name}", broker.url());
        Self { url, _mosquitto: None, _hub: None }
    }

    pub fn mosquitto() -> Self {
        let broker = Mosquitto::start().unwrap();
        Self { url: broker.url(), _mosquitto: Some(broker), _hub: None }
    }

    pub fn mosquitto_5() -> Self {
        let broker = Mosquitto::start().unwrap();
        let url = format!("{}?version=5", broker.url());
        Self { url, _mosquitto: Some(broker), _hub: None }
    }

    /// A hub in this process, for as long as the test has it.
    pub async fn zmq() -> Self {
        let url = format!("zmq://127.0.0.1:{}", free_port().unwrap());
        let hub = msgflo::connect(&format!("{url}?hub=auto")).await.unwrap();
        Self { url, _mosquitto: None, _hub: Some(hub) }
    }

    /// One of each.
    pub async fn all() -> [Self; 3] {
        [Self::rabbitmq(), Self::mosquitto(), Self::zmq().await]
    }

    pub async fn connect(&self) -> msgflo::Network {
        msgflo::connect(&self.url).await.unwrap()
    }
}
