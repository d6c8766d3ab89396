//! Every command as a user runs it: the real program, on real brokers. A module for each command.

mod brokers;
mod deployment;
mod nodejs;
mod program;
mod project;
mod register;
mod send;
mod setup;
