//! `msgflo k8s`: for Kubernetes.

use clap::Args;
use msgflo::{BrokerOptions, Error, Result};
use serde_json::{Value, json};
use url::Url;

use super::{Source, yaml};

/// Print Deployments for Kubernetes: one for each role, and one that connects them
///
/// The broker's URL is the key `url` of the Secret `msgflo-broker`:
///   kubectl create secret generic msgflo-broker --from-literal=url=amqp://USER:PASSWORD@HOST
///
/// A participant ends when it fails, and is then restarted. While it lives, the probes ask whether it
/// has a connection to the broker's port (that of --broker), by `grep` on /proc/net/tcp in its
/// container: it is ready as long as it has one, and is restarted if it has none for 5 minutes.
///
/// Commands are those of the component library, so the image needs what they name; and the program
/// msgflo, for the Deployment that connects them.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  msgflo k8s images.fbp --image registry.example/images | kubectl apply -f -
  msgflo k8s images.fbp --image images:7 --replicas 2 --replicas resize=8 --broker mqtt://any"
)]
pub struct K8s {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    broker: BrokerOptions,
    /// The image that the participants run in [default: the graph's name]
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// How many workers roles have, or one of them [default: 1]
    #[arg(long, value_name = "[ROLE=]N", value_parser = replicas)]
    replicas: Vec<(Option<String>, u32)>,
}

const SECRET: &str = "msgflo-broker";
const GRAPHS: &str = "/etc/msgflo";

impl K8s {
    pub fn run(self) -> Result<()> {
        let deployment = self.source.read()?;
        let network = &deployment.name;
        let known = |role: &str| deployment.roles.iter().any(|(other, _)| other.name == role);
        for role in self.replicas.iter().filter_map(|(role, _)| role.as_deref()) {
            if !known(role) {
                let error = format!("--replicas {role}=…: the graph has no such role");
                return Err(Error::invalid(error));
            }
        }
        let image = self.image.as_deref().unwrap_or(network);
        let probe = connected(port(&self.broker.broker())?);
        let container = |command: Vec<String>| {
            json!({
                "name": "participant",
                "image": image,
                "args": escaped(command),
                "env": [{
                    "name": "MSGFLO_BROKER",
                    "valueFrom": { "secretKeyRef": { "name": SECRET, "key": "url" } },
                }],
                "readinessProbe": { "exec": probe, "periodSeconds": 5 },
                "livenessProbe": { "exec": probe, "periodSeconds": 30, "failureThreshold": 10 },
            })
        };
        let mut documents = Vec::new();
        let setup = format!("{network}-setup");
        for (name, role, command) in deployment.labelled(&[&setup])? {
            let pod = json!({ "containers": [container(command)] });
            documents.push(workload(network, &name, self.replicas_of(&role.name), pod));
        }
        let file = deployment.file();
        let mut connecting = container(deployment.setup(&format!("{GRAPHS}/{file}")));
        connecting["volumeMounts"] = json!([{ "name": "graph", "mountPath": GRAPHS }]);
        let pod = json!({
            "containers": [connecting],
            "volumes": [{ "name": "graph", "configMap": { "name": setup } }],
        });
        documents.push(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": setup, "labels": labels(network, &setup) },
            "data": { file: deployment.text },
        }));
        documents.push(workload(network, &setup, 1, pod));
        let documents = documents.iter().map(yaml).collect::<Result<Vec<_>>>()?;
        print!("{}", documents.join("---\n"));
        Ok(())
    }

    /// What is said of the role itself counts, and what is said last.
    fn replicas_of(&self, role: &str) -> u32 {
        let said = |of: Option<&str>| {
            self.replicas.iter().rev().find(|(role, _)| role.as_deref() == of).map(|(_, n)| *n)
        };
        said(Some(role)).or_else(|| said(None)).unwrap_or(1)
    }
}

fn labels(network: &str, name: &str) -> Value {
    json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": network })
}

fn workload(network: &str, name: &str, replicas: u32, pod: Value) -> Value {
    let labels = labels(network, name);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name, "labels": labels },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    })
}

/// A command that succeeds while there is a connection to a port of another machine.
fn connected(port: u16) -> Value {
    // `01` is the state of a connection that is established, behind the address of the other end.
    let line = format!(":{port:04X} 01 ");
    json!({ "command": ["grep", "-qs", line, "/proc/net/tcp", "/proc/net/tcp6"] })
}

fn port(url: &str) -> Result<u16> {
    let url = Url::parse(url).map_err(|error| {
        Error::invalid(format!("--broker cannot be read ({error}); write it like amqp://any"))
    })?;
    let usual = match url.scheme() {
        "amqp" => Some(5672),
        "amqps" => Some(5671),
        "mqtt" => Some(1883),
        "mqtts" => Some(8883),
        _ => None,
    };
    url.port().or(usual).ok_or_else(|| {
        Error::invalid("the probes need to know the broker's port; give it with --broker")
    })
}

/// `$(` would stand for a variable.
fn escaped(command: Vec<String>) -> Vec<String> {
    command.into_iter().map(|word| word.replace("$(", "$$(")).collect()
}

fn replicas(text: &str) -> Result<(Option<String>, u32)> {
    let (role, number) = match text.split_once('=') {
        Some((role, number)) => (Some(role.to_owned()), number),
        None => (None, text),
    };
    let number = number.parse().map_err(|_| {
        Error::invalid(format!("`{text}` is not a number; write it like 3 or resize=3"))
    })?;
    Ok((role, number))
}
