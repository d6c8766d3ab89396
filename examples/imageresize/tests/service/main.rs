//! The real program, driven over HTTP with real photos.

mod api;
mod arguments;
mod browser;
mod client;
mod page;
mod photos;
mod process;
mod refusals;
mod restarts;
mod roles;
mod transports;
mod urls;
