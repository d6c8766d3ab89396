//! The RabbitMQ of all tests, with a virtual host for each: discovery has one queue for all.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use msgflo_test_broker::RabbitMq;
use serde_json::json;

static BROKER: Mutex<Option<RabbitMq>> = Mutex::new(None);

/// The broker as one test sees it, and a folder of the test's own, which goes away with the
/// broker. `all` are the virtual hosts to make when the first test asks.
pub fn share(vhost: &str, all: &[&str]) -> io::Result<(String, PathBuf)> {
    let mut broker = BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = match &mut *broker {
        Some(broker) => broker,
        none => none.insert(start(all)?),
    };
    let folder = broker.folder().join(vhost);
    std::fs::create_dir(&folder)?;
    Ok((format!("{}{vhost}", broker.url()), folder))
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
