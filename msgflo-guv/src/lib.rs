//! GuvScale for every MsgFlo transport: given the jobs that wait in a queue and what is known of
//! processing times, runs as many workers as it takes to do practically all jobs within a deadline.
//!
//! - [`config`]: what a user wants, for each role.
//! - [`model`]: from what is known now to a number of workers. Pure: no clock, no broker.
//! - [`simulation`]: trying a configuration out; [`plot`]: how it went.
//! - [`reading`]: what a broker and the workers tell of a role's queue.
//! - [`backend`]: what runs workers.
//! - [`governor`]: what polls, decides, and has a backend do it.
//! - [`metrics`]: what the governor knows, for Prometheus.
//! - [`secret`]: what is known and not shown.
//! - [`statuspage`]: shows jobs in flight on statuspage.io.

pub mod backend;
pub mod config;
pub mod governor;
mod http;
pub mod metrics;
pub mod model;
pub mod plot;
pub mod reading;
pub mod secret;
pub mod simulation;
pub mod statuspage;
