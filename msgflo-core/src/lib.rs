//! What a MsgFlo participant is, apart from any broker. Users name the crate `msgflo`.
//!
//! | module | subject |
//! |---|---|
//! | [`participant`] | a component, its ports, and how a struct becomes one |
//! | `port` | [`Inport`] and [`Outport`], the fields of such a struct |
//! | [`payload`] | how values become bytes: [`Json`], [`Any`], text, bytes, a format of your own |
//! | [`network`] | the connection on which participants run |
//! | `worker` | the loop from a delivery to its acknowledgement |
//! | [`discovery`] | what participants tell of themselves |
//! | [`statistics`] | what participants tell of their work |
//! | [`transport`] | what is asked of a broker: the contract for transports |
//! | [`memory`] | the transport within one process |
//! | [`testing`] | running a participant in a test, without a broker |

mod attempts;
mod blocking;
mod component;
mod deduplicate;
pub mod discovery;
mod error;
mod headers;
mod identity;
pub mod memory;
mod message;
mod method;
pub mod network;
mod outport;
pub mod participant;
mod pauses;
pub mod payload;
mod policy;
mod port;
mod processing;
mod requests;
pub mod reserved;
mod settings;
mod signature;
pub mod statistics;
pub mod testing;
pub mod trace;
pub mod transport;
mod watchdog;
mod worker;

pub use bytes;
pub use component::{Component, Port};
pub use deduplicate::{Deduplicate, Seen, Window};
pub use discovery::{Definition, PortDefinition};
pub use error::{Error, ErrorKind, Result, permanent, retry_after};
pub use headers::Headers;
pub use message::Message;
pub use msgflo_derive::Participant;
pub use network::{Handle, Network, Settings};
pub use outport::{OutMessage, Outport};
pub use participant::Participant;
pub use payload::*;
pub use policy::{Backoff, Policy, parse_duration};
pub use port::Inport;
pub use processing::Context;
pub use requests::Request;
pub use transport::Transport;
