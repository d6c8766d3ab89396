//! The RabbitMQ of all tests, with a virtual host for each: discovery has one queue for all.

use std::io;
use std::sync::{Mutex, PoisonError};

use msgflo_test_broker::RabbitMq;
use serde_json::json;

static BROKER: Mutex<Option<RabbitMq>> = Mutex::new(None);

/// The broker as one test sees it. `all` are the virtual hosts to make when the first test asks.
pub fn url(vhost: &str, all: &[&str]) -> io::Result<String> {
    let mut broker = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    if broker.is_none() {
        *broker = Some(start(all)?);
    }
    Ok(broker.as_ref().map(|broker| format!("{}{vhost}", broker.url())).unwrap_or_default())
}

pub fn stop() {
    drop(BROKER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn start(vhosts: &[&str]) -> io::Result<RabbitMq> {
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
