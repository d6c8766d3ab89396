//! Real message brokers for tests, each in a temporary folder and on ports of its own.
//!
//! ```no_run
//! let broker = msgflo_test_broker::RabbitMq::start()?;
//! println!("connect to {}", broker.url());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Dropping a broker stops it and removes its files. If the test process is killed instead, a
//! watchdog process does it.

mod certificates;
mod mosquitto;
mod ports;
mod rabbitmq;
mod server;
mod watchdog;

pub use mosquitto::Mosquitto;
pub use ports::free_port;
pub use rabbitmq::RabbitMq;
