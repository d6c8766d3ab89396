//! The governor with real processes, on a real RabbitMQ, and scraped over HTTP.

mod process;
mod rabbitmq;
mod workplace;
