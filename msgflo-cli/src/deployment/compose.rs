//! `msgflo compose`: for Docker Compose.

use clap::Args;
use msgflo::{BrokerOptions, Error, Result};
use serde_json::{Value, json};

use super::{Deployment, Source, yaml};

/// Print a file for Docker Compose: a broker, a service for each role, and one that connects them
///
/// The scheme of --broker says which broker: amqp (RabbitMQ), mqtt (Mosquitto) or zmq (a hub). It is
/// reached from the other services alone. RabbitMQ's password is the variable
/// MSGFLO_BROKER_PASSWORD, of letters and digits.
///
/// Commands are those of the component library, so the image needs what they name; and the program
/// msgflo, for the service `setup`.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo compose images.fbp --image registry.example/images > compose.yaml
  msgflo compose images.fbp --broker mqtt:// > compose.yaml")]
pub struct Compose {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    broker: BrokerOptions,
    /// The image that the participants run in [default: built from the Dockerfile in this folder]
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
}

impl Compose {
    pub fn run(self) -> Result<()> {
        let deployment = self.source.read()?;
        let image = match &self.image {
            Some(image) => json!({ "image": escaped(json!(image)) }),
            None => json!({ "image": deployment.name, "build": "." }),
        };
        let Broker { mut service, url, volumes, configs } =
            Broker::of(&self.broker.broker(), &deployment)?;
        if service["image"].is_null() {
            extend(&mut service, &image);
        }
        let mut services = json!({ "broker": service });
        let participant = |command: Vec<String>| {
            let mut service = image.clone();
            extend(
                &mut service,
                &json!({
                    "command": escaped(json!(command)),
                    "environment": { "MSGFLO_BROKER": url },
                    "depends_on": { "broker": { "condition": "service_healthy" } },
                    "restart": "unless-stopped",
                }),
            );
            service
        };
        for (name, _, command) in deployment.labelled(&["broker", "setup"])? {
            services[name] = participant(command);
        }
        // The hub of ZeroMQ connects them, too.
        if !url.starts_with("zmq") {
            let mut setup = participant(deployment.setup(&graph_path(&deployment)));
            setup["configs"] = graph_config(&deployment);
            services["setup"] = setup;
        }
        let mut all_configs = json!({ "graph": { "content": escaped(json!(deployment.text)) } });
        extend(&mut all_configs, &configs);
        let document = json!({
            "name": deployment.name,
            "services": services,
            "configs": all_configs,
            "volumes": volumes,
        });
        print!("# For Docker Compose 2.23.1 or later.\n{}", yaml(&document)?);
        Ok(())
    }
}

/// The broker's service, and how the others reach it.
struct Broker {
    service: Value,
    url: &'static str,
    volumes: Value,
    configs: Value,
}

const PASSWORD: &str = "${MSGFLO_BROKER_PASSWORD:?set it to a password of letters and digits}";

const MOSQUITTO: &str = "\
listener 1883
# Only services of this file reach it.
allow_anonymous true
persistence true
persistence_location /mosquitto/data/
max_queued_messages 0
";

impl Broker {
    fn of(url: &str, deployment: &Deployment) -> Result<Self> {
        // A scheme alone is enough: where the broker is, is told here.
        let scheme = url.split(':').next().unwrap_or_default();
        let health = |test: Value| json!({ "test": test, "interval": "5s", "timeout": "10s", "retries": 24 });
        match scheme {
            "amqp" | "amqps" => Ok(Self {
                service: json!({
                    "image": "rabbitmq:4",
                    // Its data is in a folder that is called after it.
                    "hostname": "broker",
                    "environment": {
                        "RABBITMQ_DEFAULT_USER": "msgflo",
                        "RABBITMQ_DEFAULT_PASS": PASSWORD,
                    },
                    "volumes": ["broker:/var/lib/rabbitmq"],
                    "healthcheck": health(json!(["CMD", "rabbitmq-diagnostics", "-q", "check_port_connectivity"])),
                    "restart": "unless-stopped",
                }),
                url: "amqp://msgflo:${MSGFLO_BROKER_PASSWORD}@broker",
                volumes: json!({ "broker": {} }),
                configs: json!({}),
            }),
            "mqtt" | "mqtts" => Ok(Self {
                service: json!({
                    "image": "eclipse-mosquitto:2",
                    "configs": [{ "source": "mosquitto", "target": "/mosquitto/config/mosquitto.conf" }],
                    "volumes": ["broker:/mosquitto/data"],
                    "healthcheck": health(json!(["CMD", "mosquitto_sub", "-t", "$$SYS/broker/uptime", "-C", "1", "-W", "5"])),
                    "restart": "unless-stopped",
                }),
                url: "mqtt://broker",
                volumes: json!({ "broker": {} }),
                configs: json!({ "mosquitto": { "content": MOSQUITTO } }),
            }),
            "zmq" => {
                let mut hub = deployment.setup(&graph_path(deployment));
                hub.extend(["--broker".into(), "zmq://0.0.0.0:5555?hub=auto".into()]);
                Ok(Self {
                    service: json!({
                        "command": escaped(json!(hub)),
                        "configs": graph_config(deployment),
                        // 15B3 is its port, and 0A a socket that listens.
                        "healthcheck": health(json!(["CMD-SHELL", "grep -q ':15B3 .* 0A ' /proc/net/tcp"])),
                        "restart": "unless-stopped",
                    }),
                    url: "zmq://broker:5555",
                    volumes: json!({}),
                    configs: json!({}),
                })
            }
            other => Err(Error::invalid(format!(
                "there is no broker service for `{other}://`; give --broker amqp://, mqtt:// or zmq://"
            ))),
        }
    }
}

/// Where a container finds the graph.
fn graph_path(deployment: &Deployment) -> String {
    format!("/etc/msgflo/{}", deployment.file())
}

fn graph_config(deployment: &Deployment) -> Value {
    json!([{ "source": "graph", "target": graph_path(deployment) }])
}

fn extend(map: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        map[key] = value.clone();
    }
}

/// A `$` that stands for itself.
fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace('$', "$$").into(),
        Value::Array(values) => values.into_iter().map(escaped).collect(),
        other => other,
    }
}
