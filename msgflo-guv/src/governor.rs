//! What polls queues, decides, and has a backend run as many workers as were decided upon.
//!
//! - [`Controller`] is one role's part of it. Pure: it is told the time and what was read, and
//!   answers what is to be done and said.
//! - [`Governor`] polls each role at its `pollinterval`, and does what the controllers say.
//! - [`Brokers`] connects to the brokers that roles name, as long as it takes.
//!
//! When something that is needed for a decision is missing (the broker, the queue, the backend's
//! answer), the number of workers stays what it was decided to be last. It is never changed
//! because of missing data.

mod booting;
mod broker;
mod controller;
mod faults;
mod polling;
#[cfg(test)]
mod tests;
mod together;

pub use broker::Brokers;
pub use controller::{Change, Controller, Step};
pub use faults::{Fault, Notice, TimedOut};
pub use polling::{Event, Governor};
