//! MsgFlo on ZeroMQ. ZeroMQ has no broker, so a [`Hub`] is one: clients are DEALER sockets, and the
//! hub is a ROUTER, in the manner of the Majordomo pattern (ZeroMQ RFC 7 and 18). It has queues that
//! workers share, credit, acknowledgement, redelivery, edges, dead letters, and discovery, with
//! the queues of `memory://` beneath. `docs/zmq.md` specifies the frames, for clients in other
//! languages.
//!
//! ## URL
//! `zmq://HOST:PORT?…`; `127.0.0.1` and 5555 where it has none. Settings:
//!
//! | setting | meaning | default |
//! |---|---|---|
//! | `hub=auto` | start a hub there, in this process, if nobody has | there must be one |
//! | `timeout` | who is silent for so many seconds is dead: a client to the hub, and the hub to a client | 10 |
//! | `max_frame` | how large a message may be, in bytes, all frames together; the hub's own counts | 67,108,864 |
//! | `capacity` | messages that a queue of the hub holds before senders wait | 10,000 |
//! | `capacity_bytes` | bytes that a queue of the hub holds before senders wait | 268,435,456 |
//!
//! `capacity` and `capacity_bytes` concern who starts the hub. Dead letters are kept up to the same,
//! the oldest go first. What the hub holds beside that is bounded too: for each worker, what it has in
//! hand (its concurrency); for each sender, what waits for room, in bytes no more than `max_frame`.
//!
//! ## What is guaranteed
//! At least once, like on a broker, for as long as the hub lives: a worker that dies, or is
//! silent, has its messages delivered to another. The hub holds messages in memory. If *it*
//! dies, what it held is lost; what it had not confirmed is sent again by who sent it, and queues,
//! edges and consumers are made again by the clients. With `hub=auto`, one of them takes over.
//!
//! The queue of an inport that is declared with `persistent: false` goes with the last client that
//! declared or consumes it, and comes again with a client that reconnects. Requests have theirs so.
//!
//! Retries, delays and expiry wait at the hub, without a part of anybody's concurrency. What a client had
//! in hand when it was lost is counted, and is given up when that was too often; what a client that stops
//! gives back is not. Hubs from before there were headers drop these, and cannot hold back or count: a
//! participant that needs it does not start there, and a retry waits in the worker, as one of the messages
//! that it has in hand.
//!
//! Connections, and the hub, are driven by the runtime on which they are made; if that has one thread,
//! by a thread of their own, so that a method that computes for long does not keep them silent.
//!
//! ## Security
//! The zeromq crate has no CURVE: nothing is encrypted, and nobody is asked who they are. Listen
//! on loopback, or in a network of your own; a hub warns when it listens elsewhere. What is no
//! ZeroMQ, too large, or makes no sense is dropped with a warning.
//!
//! ## Why not the zeromq crate's sockets
//! Both ends speak ZMTP 3.0 by themselves, in one short file, and are tested against the crate and
//! against libzmq (pyzmq). What the crate (0.7) lacks:
//! - A ROUTER reserves as much memory as a frame's header claims, and collects the frames of a
//!   message without a limit, so that a few bytes from anybody end the whole process. It also
//!   lets a client take another's name.
//! - A DEALER does not reconnect, waits for ever when its peer is gone, and queues up to 100,000
//!   messages unseen. It passes each message through a queue and a task of its own: without, a worker
//!   with 1,000 messages in hand repeats half as many again a second.
//!
//! In either case, reconnection, heartbeats and the window (at most 1,024 requests are unanswered;
//! deliveries are bounded by the credit) are this crate's own, and a hub must answer `HELLO`: that
//! somebody accepts a TCP connection says nothing.

mod address;
mod auto;
mod extras;
mod frames;
mod hub;
mod link;
mod outbox;
mod runtime;
mod session;
mod settlements;
mod streams;
mod topology;
mod transport;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use msgflo_core::{Result, Transport};
use url::Url;

use address::Address;
pub use hub::Hub;
use link::Link;
use transport::Zmq;

/// Connects, and stays connected: see [`Transport`].
///
/// While no hub answers, it is tried again until `timeout` is over, with a line at info level for
/// each attempt. With `hub=auto`, one is started.
///
/// # Errors
/// At once if the URL is wrong; after `timeout` if no hub answers.
pub async fn connect(url: &Url, timeout: Duration) -> Result<Arc<dyn Transport>> {
    let link = runtime::drive(Link::connect(Address::parse(url)?, timeout)).await?;
    Ok(Arc::new(Zmq::new(link)))
}
