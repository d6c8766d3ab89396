//! MsgFlo connects programs in any language into one network through a message broker. With
//! this crate, a struct becomes a *participant* of it: it receives on inports, sends on outports,
//! and announces both, on RabbitMQ, MQTT, ZeroMQ or within one process, with any payload format.
//!
//! ```no_run
//! use msgflo::{Inport, Json, Outport, Participant};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Reading {
//!     celsius: f64,
//! }
//!
//! #[derive(Serialize)]
//! struct Alarm {
//!     text: String,
//! }
//!
//! /// Raise an alarm when it is too hot
//! #[derive(Participant, Default)]
//! #[participant(component = "weather/Watch", icon = "thermometer-full")]
//! struct Watch {
//!     #[inport(process = check)]
//!     reading: Inport<Json<Reading>>,
//!     /// One for each reading above the limit
//!     #[outport]
//!     alarm: Outport<Json<Alarm>>,
//!     limit: f64,
//! }
//!
//! impl Watch {
//!     async fn check(&self, Json(reading): Json<Reading>) -> msgflo::Result<()> {
//!         if reading.celsius > self.limit {
//!             self.alarm.send(Json(Alarm { text: format!("{} °C", reading.celsius) })).await?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> msgflo::Result<()> {
//!     msgflo::run(Watch { limit: 30.0, ..Default::default() }).await
//! }
//! ```
//!
//! - [`run`] is the whole `main` of a worker, and [`Program`] adds sources, timers and servers to it;
//!   [`connect`] is for several participants in one process, and for programs of another make.
//! - A message is acknowledged when its method returns `Ok`, and everything it has sent is
//!   confirmed by the broker by then. `Err`, or a panic, rejects it: to the dead letters.
//! - [`testing::Harness`] runs a participant in a test, without a broker.
//!
//! | feature | brings |
//! |---|---|
//! | `cli` | on by default: [`run`], [`Program`] and [`Options`], with `clap`, `tracing-subscriber` and the Prometheus exporter; a library that embeds msgflo does without |
//! | `amqp` | `amqp://` and `amqps://` URLs: RabbitMQ |
//! | `management` | edges on RabbitMQ, and copies of what inports get there, by its management plugin: `?management=` |
//! | `mqtt` | `mqtt://` and `mqtts://` URLs: MQTT brokers such as Mosquitto |
//! | `zmq` | `zmq://` URLs: ZeroMQ, and the hub that is its broker, `msgflo::zmq::Hub` |
//! | `protobuf` | [`Protobuf`](payload) payloads, by `prost` |
//! | `xml` | [`Xml`](payload) payloads, by `quick-xml` |
//! | `schema` | bare `#[inport(schema)]`: JSON schemas by `schemars` |
//!
//! `memory://` URLs, for participants of one process, need none.

#[cfg(feature = "cli")]
mod listen;
#[cfg(feature = "cli")]
mod options;
#[cfg(feature = "cli")]
mod program;
#[cfg(feature = "cli")]
mod run;
mod scheme;
#[cfg(feature = "cli")]
mod signals;

pub use msgflo_core::*;
#[cfg(feature = "cli")]
pub use options::{BrokerOptions, ListenOptions, Options, parse_seconds};
#[cfg(feature = "cli")]
pub use program::{Program, Stop};
#[cfg(feature = "cli")]
pub use run::{log_to_stderr, run};
pub use scheme::{connect, connect_within, register_transport};
#[cfg(feature = "cli")]
pub use signals::StopSignals;

/// The hub that is ZeroMQ's broker, to be run in a program.
#[cfg(feature = "zmq")]
pub mod zmq {
    pub use msgflo_zmq::Hub;
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
