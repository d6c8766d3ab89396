//! What only RabbitMQ's management plugin tells: which bindings there are, and how many messages were
//! in a queue.

use std::time::Duration;

use msgflo_core::transport::{Edge, QueueStatistics};
use msgflo_core::{ErrorKind, Result};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio::time::timeout;
use tracing::warn;
use url::Url;

use crate::address::Address;

/// What the queues begin with that the broker has named: those of watchers and taps.
const UNNAMED: &str = "amq.gen";

/// Where the plugin answers.
#[derive(Clone)]
#[cfg_attr(not(feature = "management"), allow(dead_code))]
pub(crate) struct Management {
    /// The plugin's API.
    api: Url,
    vhost: String,
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
        let mut api = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(api.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let (mut user, mut password) = (user.to_owned(), password.to_owned());
        if !api.username().is_empty() {
            let decode = |text| percent_decode_str(text).decode_utf8().map(Into::into);
            user = decode(api.username()).map_err(|_| wrong())?;
            password = decode(api.password().unwrap_or_default()).map_err(|_| wrong())?;
        }
        api.set_username("").map_err(|()| wrong())?;
        api.set_password(None).map_err(|()| wrong())?;
        let path = api.path_segments_mut().map(|mut path| {
            path.pop_if_empty().push("api");
        });
        path.map_err(|()| wrong())?;
        api.set_query(None);
        let (vhost, authorities) = (vhost.to_owned(), authorities.map(Into::into));
        Ok(Self { api, vhost, user, password, authorities })
    }

    /// What the virtual host has of a kind: all, or the one of a name.
    fn page(&self, kind: &str, name: Option<&str>) -> Url {
        let mut url = self.api.clone();
        // Cannot fail: it has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend([kind, &self.vhost]).extend(name);
        }
        url
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
    let url = management.page("bindings", None);
    let json =
        tokio::task::spawn_blocking(move || get(&management, &url)).await?.map_err(cannot)?;
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

/// A queue as the plugin tells of it: some 5 s late, and all at one moment.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Counted {
    /// Those that wait and those that are unacknowledged; not told of a queue that is new.
    messages_unacknowledged: Option<u64>,
    /// Since the broker began; not told before the first message.
    message_stats: Option<MessageStats>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct MessageStats {
    publish: u64,
    ack: u64,
    deliver_no_ack: u64,
    get_no_ack: u64,
}

impl Counted {
    /// Together with what the broker itself told at this moment.
    pub(crate) fn add_to(&self, statistics: &mut QueueStatistics) {
        statistics.unsettled = self.messages_unacknowledged;
        let Some(counts) = &self.message_stats else { return };
        let settled = [counts.ack, counts.deliver_no_ack, counts.get_no_ack];
        statistics.arrived = Some(counts.publish);
        statistics.settled = Some(settled.into_iter().fold(0, u64::saturating_add));
    }
}

/// What the plugin tells of a queue, if it is there and answers. Else only that is missing.
pub(crate) async fn counted(address: &Address, queue: &str) -> Option<Counted> {
    if cfg!(not(feature = "management")) {
        return None;
    }
    let management = address.management.clone()?;
    let url = management.page("queues", Some(queue));
    let asked = tokio::task::spawn_blocking(move || get(&management, &url));
    let answer = match timeout(SHORT_PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {SHORT_PATIENCE:?}")),
    };
    let counted = answer.and_then(|json| {
        serde_json::from_slice(&json)
            .map_err(|error| format!("its answer is not understood ({error})"))
    });
    counted
        .inspect_err(|why| {
            warn!("what is unacknowledged in `{queue}` on {} is not known: {why}", address.shown)
        })
        .ok()
}

/// How long that may take, beside what the broker itself tells.
const SHORT_PATIENCE: Duration = Duration::from_secs(4);

/// How long an answer may take.
#[cfg(feature = "management")]
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(feature = "management")]
fn get(management: &Management, url: &Url) -> Result<Vec<u8>, String> {
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
    let Management { user, password, .. } = management;
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
fn get(_: &Management, _: &Url) -> Result<Vec<u8>, String> {
    Err("this program was built without the cargo feature `management` of msgflo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_password_and_virtual_host_are_those_of_the_broker_unless_given() {
        let parse = |url, vhost| Management::parse(url, ("me@home", "p/w"), vhost, None);
        let plain = parse("http://h:15672", "a/b").unwrap();
        let page = |management: &Management| management.page("bindings", None).to_string();
        assert_eq!(page(&plain), "http://h:15672/api/bindings/a%2Fb");
        let queue = plain.page("queues", Some("my/queue"));
        assert_eq!(queue.as_str(), "http://h:15672/api/queues/a%2Fb/my%2Fqueue");
        assert_eq!((&*plain.user, &*plain.password), ("me@home", "p/w"));
        let given = parse("https://u%40:p%3A@h/rabbit/", "/").unwrap();
        assert_eq!(page(&given), "https://h/rabbit/api/bindings/%2F");
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
