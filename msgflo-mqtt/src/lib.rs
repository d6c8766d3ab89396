//! MsgFlo on MQTT brokers such as Mosquitto, in version 3.1.1 of the protocol or 5. A port's queue is
//! a topic, as with all of MsgFlo's programs, so that what is written in other languages takes part
//! unchanged.
//!
//! | what | on the broker |
//! |---|---|
//! | queue `q` | topic `q`, sent and received at quality of service 1 |
//! | inport `q` | *seats*: persistent sessions `msgflo/queues/q/SEAT` that subscribe to `$share/msgflo/q` |
//! | `persistent: false` | a session that ends with its connection |
//! | edge | a retained record `msgflo/edges/SOURCE/TARGET`, and a *route*: a persistent session that subscribes to `$share/msgflo-to-TARGET/SOURCE` and is forwarded by one process at a time |
//! | dead letters | topic `dead-q`, kept in seats of its own |
//! | how often a message was delivered, and which attempt it is at | while that is more than once, a retained record `msgflo/tallies/QUEUE/SEAT/MESSAGE` |
//! | discovery | topic `fbp`, not retained: every subscriber sees every announcement |
//! | statistics | topic `msgflo/statistics`, not retained |
//!
//! Names are percent-encoded where they stand in one level of a topic. For each seat and route, a
//! retained record with the topic that is also its client identifier says who has it, or `free`.
//! Anybody can list them: `mosquitto_sub -v -t 'msgflo/#'`.
//!
//! ## What is guaranteed
//! - At least once: what the broker has confirmed waits in a seat until it is acknowledged, and
//!   it is acknowledged after everything that came of it is confirmed.
//! - Workers of a role share its messages, each with a seat. What lies in the seat of a worker
//!   that has stopped or died, another gets within 2 s, or the next that comes; if the broker has
//!   crashed with it, after 10 s without an answer. A slow worker's share waits for it: the
//!   broker deals messages out as they arrive, not as they are asked for.
//! - What is to be tried again waits in the worker, unacknowledged in its seat: brokers hold nothing back. It takes a
//!   place among the messages that the broker sends before one is acknowledged: with MQTT 5, 20 may wait
//!   so beside those that are processed; with 3.1.1, the broker decides (Mosquitto: `max_inflight_messages`, 20). If
//!   the worker is lost meanwhile, the message comes again at once, and its attempts go on being counted.
//! - How often a message was delivered and never settled, brokers do not tell. Who delivers one that may have been
//!   delivered before has the broker retain a record of it first, which goes when the message is settled.
//! - A worker that subscribes by itself, like those of msgflo-nodejs, gets every message.
//! - Peers that send at quality of service 0 reach workers that are connected; for those that are
//!   not, Mosquitto drops what is sent so.
//! - It cannot be known whether there is a queue: what is sent to a topic without subscribers, the
//!   broker confirms and drops. Nor can what waits in a queue: [`Transport::statistics`] fails.
//! - Content type and identifier of a message travel between those that speak MQTT 5, as the
//!   property Content Type and the user property `msgflo-id`. MQTT 3.1.1 has no place for them.
//!
//! Connections are driven by the runtime on which [`connect`] is called; if that has one thread, by a thread of
//! their own, so that a method that computes for long does not keep them silent.
//!
//! ## Versions
//! `version=3` is what all of MsgFlo's programs speak; those that speak 5 understand them, and are
//! understood. With `version=5`:
//! - Content type, identifier, headers (user properties), correlation id, the queue for an answer (response
//!   topic), the time of sending and the time to live travel, also along edges and to the dead letters. Each has at
//!   most 65,535 bytes, and, but for the correlation id, no control characters; binary correlation data is not seen, and survives.
//!   All properties together must fit into a packet with the payload.
//! - What the broker refuses is an error of whoever sends it: a forbidden topic, a quota, a message
//!   that is longer than the broker says that it takes. With 3.1.1, a broker cannot refuse a message.
//! - The broker sends a worker no more at once than its concurrency and 20 more, and the rest only when something
//!   is acknowledged. With 3.1.1, it sends as many as it likes (Mosquitto: `max_inflight_messages`),
//!   and they wait here.
//! - No more messages are on their way to the broker at once than it says that it takes: with
//!   Mosquitto, also `max_inflight_messages`, by default 20. With 3.1.1, it is up to 1000.
//!
//! ## The broker
//! Set `persistence true`, so that sessions survive a restart, and `max_queued_messages 0`: by
//! default, Mosquitto drops what is more than 1000 messages in a session. A broker that forgets
//! sessions after some time (`persistent_client_expiration`) forgets queues. What it has confirmed
//! and not saved is lost when it crashes (`autosave_interval`). Mosquitto 2.0 forgets shared
//! subscriptions when it restarts. So before a link sends to a topic for the first time since
//! it has connected, it asks on `msgflo/questions` who has the seats there; they subscribe again
//! and answer on `msgflo/answers`. What nobody has, it subscribes itself. Programs that are not
//! ours do not ask: what they send before a participant is back or sends, can be lost.
//!
//! Set `max_inflight_messages` to the highest concurrency that a participant has. By default,
//! Mosquitto sends 20 messages before the first is acknowledged, so that a worker has no more than
//! 20 in hand, whatever its concurrency. Far more would have the first worker that comes take
//! everything that waits in its seat, and the others nothing.
//!
//! A user needs to read and write `msgflo/#` and `fbp`, beside the topics of the ports. Mosquitto
//! does not tell clients that speak MQTT 3.1.1 which other topics are forbidden (`acl_file`): it
//! confirms what is sent there, and drops it. With `version=5`, it tells. Either way, Mosquitto
//! 2.0.11 also closes the connection if `max_queued_messages` is 0; it is made anew.
//!
//! ## URL
//! `mqtt://USER:PASSWORD@HOST:PORT?…`, or `mqtts://…` for TLS. User and password are
//! percent-encoded. Settings:
//!
//! | setting | meaning | default |
//! |---|---|---|
//! | `ca_certs` or `cacertfile` | PEM file of authorities to trust beside the system's | none |
//! | `certfile`, `keyfile` | PEM files of the client's certificate and key | none |
//! | `qos` | 0, 1 or 2, for sending; received is with 1 at most, as 2 takes a message from the broker before it is processed | 1 |
//! | `keep_alive` | seconds, from 1 on, with MQTT 5 from 5 on; a silent connection is given up after twice as long | 30 |
//! | `client_id` | of the connection that sends | made up |
//! | `session` | a name; messages that wait for this participant while it is away, no other worker takes | none |
//! | `max_packet` | bytes of a message with its topic, at most | 268,435,455 |
//! | `connection_timeout` | milliseconds for one attempt to connect | 10,000 |
//! | `router` | `all`: also forward edges whose ends are in other processes | only one's own |
//! | `version` | of MQTT: 3 (3.1.1) or 5 | 3 |

mod address;
mod assurance;
mod consumer;
mod inbox;
mod link;
mod presence;
mod properties;
mod registry;
mod router;
mod runtime;
mod seat;
mod session;
mod source;
mod tally;
mod tap;
mod tls;
mod topic;
mod transport;
mod v3;
mod v5;

use std::sync::Arc;
use std::time::Duration;

use msgflo_core::{Result, Transport};
use url::Url;

use address::Address;
use link::Link;
use transport::Mqtt;

/// Connects, and stays connected: see [`Transport`].
///
/// While the broker cannot be reached, it is tried again until `timeout` is over, with a line at
/// info level for each attempt.
///
/// # Errors
/// At once if the broker refuses user, password or the topics `msgflo/#`, does not speak the
/// version or lacks what is needed, its certificate is not trusted or it does not trust ours, or
/// the URL is wrong; after `timeout` if it cannot be reached.
pub async fn connect(url: &Url, timeout: Duration) -> Result<Arc<dyn Transport>> {
    let link = Link::connect(Address::parse(url)?, timeout).await?;
    Ok(Arc::new(Mqtt::new(link)))
}
