//! What only ZeroMQ has: the hub.

mod ages;
mod capacity;
mod hostile;
#[path = "../interop/install.rs"]
#[allow(dead_code, reason = "Node.js is not needed here")]
mod install;
mod network;
mod processes;
mod python;
#[path = "../worker/mod.rs"]
mod worker;
