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
pub mod discovery;
mod error;
pub mod memory;
mod message;
pub mod network;
pub mod participant;
mod pauses;
pub mod payload;
mod port;
pub mod statistics;
pub mod testing;
pub mod transport;
mod worker;

pub use bytes;
pub use discovery::{Definition, PortDefinition};
pub use error::{Error, ErrorKind, Result};
pub use message::Message;
pub use msgflo_derive::Participant;
pub use network::{Handle, Network, Settings};
pub use participant::{Component, Participant, Port};
pub use payload::*;
pub use port::{Inport, Outport};
pub use transport::Transport;
