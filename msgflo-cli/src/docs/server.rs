//! The broker as an AsyncAPI server.

use msgflo::{Error, Result};
use serde_json::{Map, Value, json};
use url::Url;

/// What AsyncAPI has for a broker.
pub struct Server {
    /// A server object, without its security.
    pub server: Map<String, Value>,
    /// Whether one needs a user and a password.
    pub has_user: bool,
}

/// Describes the broker with this URL. Neither user nor password are told.
pub fn describe(url: &str) -> Result<Server> {
    let url = Url::parse(url).map_err(|error| {
        // The URL itself may hold a password, and is not shown.
        Error::invalid(format!("the broker URL cannot be read: {error}"))
    })?;
    let (protocol, version, port) = match url.scheme() {
        "amqp" => ("amqp", Some("0-9-1"), Some(5672)),
        "amqps" => ("amqps", Some("0-9-1"), Some(5671)),
        "mqtt" if is_version_5(&url) => ("mqtt5", Some("5"), Some(1883)),
        "mqtt" => ("mqtt", Some("3.1.1"), Some(1883)),
        "mqtts" => ("secure-mqtt", is_version_5(&url).then_some("5").or(Some("3.1.1")), Some(8883)),
        // AsyncAPI has no name for ZeroMQ, and takes any.
        scheme => (scheme, None, None),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
    let host = match url.port().or(port) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut server = Map::new();
    server.insert("host".into(), host.into());
    server.insert("protocol".into(), protocol.into());
    if let Some(version) = version {
        server.insert("protocolVersion".into(), version.into());
    }
    if protocol.starts_with("amqp") && url.path().len() > 1 {
        server.insert("pathname".into(), url.path().into());
    }
    Ok(Server { server, has_user: !url.username().is_empty() })
}

fn is_version_5(url: &Url) -> bool {
    url.query_pairs().any(|(name, value)| name == "version" && value == "5")
}

impl Server {
    /// The server object; `security` is where its security scheme is.
    pub fn to_value(&self, security: &str) -> Value {
        let mut server = self.server.clone();
        if self.has_user {
            server.insert("security".into(), json!([{ "$ref": security }]));
        }
        server.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> Value {
        describe(url).unwrap().to_value("#/s")
    }

    #[test]
    fn brokers_have_the_names_that_asyncapi_knows() {
        assert_eq!(
            told("amqp://guest:secret@rabbit/images"),
            json!({ "host": "rabbit:5672", "protocol": "amqp", "protocolVersion": "0-9-1",
                    "pathname": "/images", "security": [{ "$ref": "#/s" }] })
        );
        assert_eq!(
            told("mqtts://broker:1234"),
            json!({ "host": "broker:1234", "protocol": "secure-mqtt", "protocolVersion": "3.1.1" })
        );
        assert_eq!(told("mqtt://broker?version=5")["protocol"], "mqtt5");
        assert_eq!(told("zmq://hub:9000"), json!({ "host": "hub:9000", "protocol": "zmq" }));
        assert!(describe("no URL").is_err());
    }
}
