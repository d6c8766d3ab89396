//! Every command as a user runs it: the real program, on real brokers. A module for each command.

mod brokers;
mod graph;
mod new;
mod program;
mod send;
mod spec;
