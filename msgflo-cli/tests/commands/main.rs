//! Every command as a user runs it: the real program, on real brokers. A module for each command.

mod brokers;
mod deployment;
mod dump;
mod nodejs;
mod program;
mod project;
mod register;
mod replay;
mod request;
mod send;
mod setup;
