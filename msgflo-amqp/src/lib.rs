//! MsgFlo on RabbitMQ (AMQP 0-9-1), with exactly the queues and exchanges of msgflo-nodejs, so
//! that workers in Rust, Node.js and other languages can share a role.
//!
//! | what | on the broker |
//! |---|---|
//! | inport `q` | durable queue `q` with `x-dead-letter-exchange: dead-q`, and a durable fanout exchange `q` bound to it |
//! | outport `x` | durable fanout exchange `x`; published to with an empty routing key |
//! | `persistent: false` | not durable, auto-delete |
//! | edge | the target's queue is bound to the source's exchange |
//! | dead letters | durable fanout exchange `dead-q`, and a durable queue `dead-q` bound to it (ours: without it, the broker drops what is rejected) |
//! | what is to be tried again, or sent with a delay | durable queues `msgflo.wait.MILLISECONDS.in.q` (or `….out.x`), whose messages expire and then go to `q` (or `x`); deleted when unused for an hour |
//! | discovery | durable queue `fbp` through the default exchange, and a durable fanout exchange `msgflo.discovery` (ours: for any number of watchers) |
//! | statistics | durable fanout exchange `msgflo.statistics` |
//! | send to an inport | default exchange, routing key `q`, mandatory |
//!
//! Messages are published as persistent and confirmed by the broker. What is sent on an outport
//! without edges is confirmed too, and dropped by the broker: an outport need not be connected.
//! What is sent straight to an inport is *mandatory*: if there is no such queue, the broker
//! returns it and [`Transport::publish`] fails.
//!
//! ## What travels
//! Headers are AMQP's headers, as text. Numbers and booleans of other programs are seen as text; tables, lists and
//! binary are not seen. All of them keep their types when a message is sent again: for another
//! attempt, to the dead letters, by a replay. What the broker adds (`x-death`, …) is seen, and not sent again.
//! Identifier, correlation id, content type, and the queue for an answer have at most 255 bytes each, and
//! all headers together some 128 KB (`frame_max`): what is more is an error of whoever sends it.
//!
//! A message's time to live goes to the broker (`expiration`); what has expired becomes a dead letter. A
//! message that waits for another attempt does not expire any more. Priorities act in queues that are declared with
//! `max_priority`. RabbitMQ does not count how often it delivers a message: participants do, in the header
//! `msgflo-deliveries`, when a message comes again that nobody settled; it then goes to the end of its queue.
//!
//! ## URL
//! `amqp://USER:PASSWORD@HOST:PORT/VHOST?…`, or `amqps://…` for TLS. User, password and virtual
//! host are percent-encoded; the virtual host is `/` where the URL has none. Settings:
//!
//! | setting | meaning | default |
//! |---|---|---|
//! | `cacertfile` or `ca_certs` | PEM file of authorities to trust beside the system's | none |
//! | `certfile`, `keyfile` | PEM files of the client's certificate and PKCS#8 key | none |
//! | `heartbeat` | seconds | the broker's (RabbitMQ: 60) |
//! | `connection_timeout` | milliseconds for one attempt to connect | 10,000 |
//! | `frame_max`, `channel_max` | limits to negotiate | the broker's |
//! | `management` | where the management plugin listens, as `http://127.0.0.1:15672` or `https://…`, with user and password if they are others | none |
//!
//! AMQP cannot ask which bindings there are. [`Transport::edges`], and copies of what an inport gets
//! ([`Transport::tap`]), are had with `management`, RabbitMQ's plugin `rabbitmq_management`, and the cargo
//! feature `management`. An inport's copies are of what comes through exchanges: what is sent straight
//! into its queue cannot be copied. Edges that are made later are seen within 2 s.
//!
//! With the same, [`Transport::statistics`] have `unsettled`, `arrived` and `settled`, some 5 s late: so often the
//! plugin collects them. `waiting` and `consumers` are the broker's own (a passive declare), of this moment. The
//! counts begin again with the broker; RabbitMQ does not count what is rejected, so that `settled` is
//! without it.

mod acknowledgement;
mod address;
mod channel;
mod connection;
mod consumer;
mod discovery;
mod lock;
mod management;
mod properties;
mod publisher;
mod reason;
mod resend;
mod runtime;
mod source;
mod tap;
mod topology;
mod transport;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use msgflo_core::{Result, Transport};
use url::Url;

use address::Address;
use connection::Link;
use transport::Amqp;

/// Connects, and stays connected: see [`Transport`].
///
/// While the broker cannot be reached, it is tried again until `timeout` is over, with a line at
/// info level for each attempt.
///
/// # Errors
/// At once if the broker refuses user, password or virtual host, or the URL is wrong; after
/// `timeout` if it cannot be reached.
pub async fn connect(url: &Url, timeout: Duration) -> Result<Arc<dyn Transport>> {
    let link = Link::connect(Address::parse(url)?, timeout).await?;
    Ok(Arc::new(Amqp::new(link)))
}
