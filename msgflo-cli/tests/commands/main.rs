//! Every command as a user runs it: the real program, on real brokers. A module for each command.

mod asyncapi;
mod brokers;
mod docs;
mod dump;
mod images;
mod program;
mod ps;
mod replay;
mod request;
mod send;
mod terminal;
mod watch;
