//! What only RabbitMQ's management plugin tells: which bindings there are.

use msgflo_core::transport::Edge;
use msgflo_core::{ErrorKind, Result};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;

use crate::address::Address;

/// What the queues begin with that the broker has named: those of watchers and taps.
const UNNAMED: &str = "amq.gen";

/// Where the plugin answers.
#[derive(Clone)]
#[cfg_attr(not(feature = "management"), allow(dead_code))]
pub(crate) struct Management {
    /// Of the virtual host's bindings.
    bindings: Url,
    user: String,
    password: String,
    /// PEM, to trust instead of the well-known ones.
    authorities: Option<String>,
}

/// A queue that gets what an exchange is sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Binding {
    pub(crate) source: String,
    pub(crate) destination: String,
    destination_type: String,
    pub(crate) routing_key: String,
}

impl Binding {
    pub(crate) fn leads_to(&self, queue: &str) -> bool {
        self.destination_type == "queue" && self.destination == queue
    }
}

impl Management {
    pub(crate) fn parse(
        url: &str,
        (user, password): (&str, &str),
        vhost: &str,
        authorities: Option<&str>,
    ) -> Result<Self, String> {
        let wrong = || "`management` is not a URL like http://127.0.0.1:15672".to_owned();
        let mut bindings = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(bindings.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let (mut user, mut password) = (user.to_owned(), password.to_owned());
        if !bindings.username().is_empty() {
            let decode = |text| percent_decode_str(text).decode_utf8().map(Into::into);
            user = decode(bindings.username()).map_err(|_| wrong())?;
            password = decode(bindings.password().unwrap_or_default()).map_err(|_| wrong())?;
        }
        bindings.set_username("").map_err(|()| wrong())?;
        bindings.set_password(None).map_err(|()| wrong())?;
        let path = bindings.path_segments_mut().map(|mut path| {
            path.pop_if_empty().extend(["api", "bindings", vhost]);
        });
        path.map_err(|()| wrong())?;
        bindings.set_query(None);
        Ok(Self { bindings, user, password, authorities: authorities.map(Into::into) })
    }
}

/// A broker URL whose `management` shows no password.
pub(crate) fn without_password(url: &Url) -> Url {
    let secret = |name: &str| name == "management";
    if !url.query_pairs().any(|(name, _)| secret(&name)) {
        return url.clone();
    }
    let pairs = url.query_pairs().map(|(name, value)| {
        let shown = match Url::parse(&value) {
            Ok(pages) if secret(&name) => msgflo_core::transport::without_password(&pages),
            _ => value.into_owned(),
        };
        (name, shown)
    });
    let mut shown = url.clone();
    shown.query_pairs_mut().clear().extend_pairs(pairs);
    shown
}

/// All bindings of the virtual host. `what` is wanted of them, for the error.
pub(crate) async fn bindings(address: &Address, what: &str) -> Result<Vec<Binding>> {
    let cannot = |why: String| ErrorKind::Unsupported {
        url: address.shown.clone(),
        what: format!("{what}: {why}"),
    };
    let Some(management) = address.management.clone() else {
        let why = "only RabbitMQ's management plugin knows; run `rabbitmq-plugins enable rabbitmq_management` there, and add `?management=http://HOST:15672` to the URL";
        return Err(cannot(why.into()).into());
    };
    let json = tokio::task::spawn_blocking(move || get(&management)).await?.map_err(cannot)?;
    let bindings = serde_json::from_slice(&json);
    Ok(bindings.map_err(|error| cannot(format!("its answer is not understood ({error})")))?)
}

/// The edges among bindings. Ports of the same name are connected without one.
pub(crate) fn edges(bindings: &[Binding]) -> Vec<Edge> {
    let named = |binding: &&Binding| {
        let Binding { source, destination, .. } = binding;
        binding.leads_to(destination)
            && !source.is_empty()
            && source != destination
            && !destination.starts_with(UNNAMED)
    };
    let edges = bindings.iter().filter(named).map(|binding| Edge {
        source: binding.source.clone(),
        target: binding.destination.clone(),
    });
    let mut edges: Vec<_> = edges.collect();
    edges.sort_by(|one, other| (&one.source, &one.target).cmp(&(&other.source, &other.target)));
    edges.dedup();
    edges
}

/// How long an answer may take.
#[cfg(feature = "management")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

#[cfg(feature = "management")]
fn get(management: &Management) -> Result<Vec<u8>, String> {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

    let mut tls = TlsConfig::builder();
    if let Some(pem) = &management.authorities {
        let certificates = parse_pem(pem.as_bytes()).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        tls = tls.root_certs(RootCerts::from(certificates));
    }
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .tls_config(tls.build())
        .build()
        .new_agent();
    let Management { bindings: url, user, password, .. } = management;
    let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let request = agent.get(url.as_str()).header("Authorization", format!("Basic {credentials}"));
    let answer = request.call();
    let answer = answer.and_then(|mut answer| answer.body_mut().read_to_vec());
    answer.map_err(|error| match error {
        ureq::Error::StatusCode(status @ (401 | 403)) => format!(
            "{url} answered {status}; the user `{user}` needs the tag `management` (`rabbitmqctl set_user_tags USER management`), and its password must be right"
        ),
        ureq::Error::StatusCode(404) => {
            format!("{url} answered 404; is `management` RabbitMQ's management plugin?")
        }
        error => format!(
            "{url} did not answer ({error}); is the plugin `rabbitmq_management` enabled there?"
        ),
    })
}

#[cfg(not(feature = "management"))]
fn get(_: &Management) -> Result<Vec<u8>, String> {
    Err("this program was built without the cargo feature `management` of msgflo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_password_and_virtual_host_are_those_of_the_broker_unless_given() {
        let parse = |url, vhost| Management::parse(url, ("me@home", "p/w"), vhost, None);
        let Management { bindings, user, password, .. } = parse("http://h:15672", "a/b").unwrap();
        assert_eq!(bindings.as_str(), "http://h:15672/api/bindings/a%2Fb");
        assert_eq!((&*user, &*password), ("me@home", "p/w"));
        let given = parse("https://u%40:p%3A@h/rabbit/", "/").unwrap();
        assert_eq!(given.bindings.as_str(), "https://h/rabbit/api/bindings/%2F");
        assert_eq!((&*given.user, &*given.password), ("u@", "p:"));
        assert!(parse("localhost:15672", "/").is_err());
    }

    #[test]
    fn edges_are_bindings_between_ports_of_different_names() {
        let binding = |source: &str, destination: &str, destination_type: &str| Binding {
            source: source.into(),
            destination: destination.into(),
            destination_type: destination_type.into(),
            routing_key: String::new(),
        };
        let bindings = [
            binding("", "b", "queue"),
            binding("b", "b", "queue"),
            binding("b", "c", "queue"),
            binding("a", "b", "queue"),
            binding("a", "b", "queue"),
            binding("a", "amq.gen-x", "queue"),
            binding("a", "x", "exchange"),
        ];
        let found = edges(&bindings);
        let found: Vec<_> = found.iter().map(|edge| [&*edge.source, &*edge.target]).collect();
        assert_eq!(found, [["a", "b"], ["b", "c"]]);
    }
}
