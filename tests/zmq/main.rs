//! What only ZeroMQ has: the hub.

mod hostile;
#[path = "../interop/install.rs"]
#[allow(dead_code)]
mod install;
mod network;
mod processes;
mod python;
#[path = "../worker/mod.rs"]
mod worker;
