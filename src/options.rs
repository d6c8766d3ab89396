//! The arguments and the environment of a participant.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use msgflo_core::transport::without_password;
use msgflo_core::{Backoff, Error, Policy, Result, Settings, network, parse_duration};
use serde_json::Value;
use url::Url;

use crate::scheme::CONNECT_TIMEOUT;

/// What every participant can be told on its command line. [`run`](crate::run) reads it; a
/// program with arguments of its own can `#[command(flatten)]` it.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    #[command(flatten)]
    broker: BrokerOptions,

    /// The name of this node in the network; workers of one role share its work [default: the
    /// component's name in small letters]
    #[arg(long, visible_alias = "name", value_name = "NAME")]
    role: Option<String>,

    /// How many messages of an inport are processed at once; PORT=N is for one inport, whatever it
    /// says itself. Can be given several times [default: 10]
    #[arg(long, value_name = "N|PORT=N", value_parser = concurrency)]
    concurrency: Vec<Concurrency>,

    /// How often a message is tried before it is a dead letter, where its inport does not say
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,

    /// How long a message waits between two attempts, like 5s, or 1s..5m: doubled each time, from the
    /// first to the second
    #[arg(long, value_name = "TIME|TIME..TIME", default_value = "1s..5m")]
    backoff: Backoff,

    /// How long an attempt may take, like 60s [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Make a message a dead letter that was delivered so often and never settled, as it ends the
    /// process each time; 0 is never
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_deliveries: u32,

    /// How long what is in flight may take when the participant is told to stop; what is not finished
    /// then goes back to its queue
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "25")]
    shutdown_timeout: Duration,

    /// Announce this participant so often that it is not missed for longer than this
    #[arg(long, value_name = "SECONDS", env = "MSGFLO_DISCOVERY_PERIOD", value_parser = parse_seconds,
          default_value = "60")]
    discovery_period: Duration,

    /// Tell so often how long messages took, for `msgflo scale`; 0 is never
    #[arg(long, value_name = "SECONDS", env = "MSGFLO_STATISTICS_PERIOD", value_parser = parse_seconds,
          default_value = "10")]
    statistics_period: Duration,

    /// Process this value on an inport before any message; can be given several times
    #[arg(long = "iip", value_name = "PORT=JSON", value_parser = iip)]
    iips: Vec<(String, Value)>,

    /// Print the discovery message and exit; needs no broker
    #[arg(long)]
    describe: bool,
}

/// Which broker a program connects to, for those that are no participants.
#[derive(Args, Clone)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// The broker: amqp://USER:PASSWORD@HOST/VHOST, amqps://…, mqtt://USER:PASSWORD@HOST, mqtts://…,
    /// zmq://HOST:PORT or memory:// [env: MSGFLO_BROKER,
    /// CLOUDAMQP_URL] [default: amqp://localhost]
    #[arg(long, value_name = "URL")]
    broker: Option<String>,

    /// How long to try to reach the broker at start
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "30")]
    connect_timeout: Duration,
}

/// The URL may have a password in it.
impl fmt::Debug for BrokerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broker = self.broker.as_deref().map(|url| match Url::parse(url) {
            Ok(url) => without_password(&url),
            Err(_) => "not a URL".into(),
        });
        f.debug_struct("BrokerOptions")
            .field("broker", &broker)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

impl BrokerOptions {
    /// The broker's URL: from `--broker`, else `MSGFLO_BROKER`, else `CLOUDAMQP_URL`, else
    /// `amqp://localhost`.
    pub fn broker(&self) -> String {
        let environment = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
        self.broker
            .clone()
            .or_else(|| environment("MSGFLO_BROKER"))
            .or_else(|| environment("CLOUDAMQP_URL"))
            .unwrap_or_else(|| "amqp://localhost".into())
    }

    /// How long to try to reach the broker at start. 30 s by default.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }
}

impl Options {
    /// The broker's URL: see [`BrokerOptions::broker`].
    pub fn broker(&self) -> String {
        self.broker.broker()
    }

    /// The role: from `--role`, else the component's name (`imageresize/ResizeImage`) without
    /// its library, in small letters.
    pub fn role(&self, component: &str) -> String {
        self.role
            .clone()
            .unwrap_or_else(|| component.rsplit('/').next().unwrap_or(component).to_lowercase())
    }

    /// How the participant is to be run.
    pub fn settings(&self) -> Settings {
        let of_all = self.concurrency.iter().rev().find(|it| it.port.is_none());
        let of_ports = self.concurrency.iter();
        let of_ports = of_ports.filter_map(|it| Some((it.port.clone()?, it.concurrency)));
        Settings {
            concurrency: of_all.map_or(network::DEFAULT_CONCURRENCY, |it| it.concurrency),
            port_concurrency: of_ports.collect(),
            policy: Policy {
                attempts: self.attempts,
                backoff: self.backoff,
                timeout: self.timeout,
                max_deliveries: self.max_deliveries,
            },
            discovery_period: self.discovery_period,
            statistics_period: self.statistics_period,
            iips: self.iips.clone(),
        }
    }

    /// How long to try to reach the broker at start. 30 s by default.
    pub fn connect_timeout(&self) -> Duration {
        self.broker.connect_timeout()
    }

    /// How long what is in flight may take when the participant is told to stop. 25 s by default.
    pub fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// Whether only the discovery message is asked for.
    pub fn describe(&self) -> bool {
        self.describe
    }
}

/// Where a program answers over HTTP how it is. [`run`](crate::run) reads it; a program with arguments of its
/// own, which may have another `--listen`, can `#[command(flatten)]` it.
#[derive(Args, Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListenOptions {
    /// Answer there over HTTP: /healthz, /readyz and, for Prometheus, /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "MSGFLO_LISTEN")]
    pub listen: Option<SocketAddr>,
}

/// Reads a number of seconds from an argument, like 30 or 0.5: a `value_parser` for `clap`.
///
/// ```
/// assert_eq!(msgflo::parse_seconds("0.5").unwrap().as_millis(), 500);
/// assert!(msgflo::parse_seconds("-1").is_err());
/// ```
///
/// # Errors
/// If it is none, is negative, or is more than there is time.
pub fn parse_seconds(text: &str) -> Result<Duration> {
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(
        || Error::invalid(format!("`{text}` is not a number of seconds; write it like 30 or 0.5")),
    )
}

/// How many messages are processed at once, of all inports or one.
#[derive(Clone, Debug)]
struct Concurrency {
    port: Option<String>,
    concurrency: u16,
}

fn concurrency(text: &str) -> Result<Concurrency> {
    let (port, number) = match text.split_once('=') {
        Some((port, number)) => (Some(port.to_owned()), number),
        None => (None, text),
    };
    match number.parse() {
        Ok(concurrency) if concurrency > 0 => Ok(Concurrency { port, concurrency }),
        _ => Err(Error::invalid(format!(
            "`{text}` is not a number from 1 to 65535, or one for an inport; write it like 10 or in=20"
        ))),
    }
}

fn iip(text: &str) -> Result<(String, Value)> {
    let invalid = |what: String| {
        Error::invalid(format!("{what}; write it like --iip 'width=640' or --iip 'in={{\"a\":1}}'"))
    };
    let (port, json) = text.split_once('=').ok_or_else(|| invalid("no `=` in it".into()))?;
    let value = serde_json::from_str(json)
        .map_err(|error| invalid(format!("the value of `{port}` is not JSON: {error}")))?;
    Ok((port.into(), value))
}

// `default_value` wants text; this keeps it the same as the constants that document it.
const _: () = assert!(CONNECT_TIMEOUT.as_secs() == 30);
const _: () = assert!(network::DEFAULT_DISCOVERY_PERIOD.as_secs() == 60);
const _: () = assert!(network::DEFAULT_STATISTICS_PERIOD.as_secs() == 10);
