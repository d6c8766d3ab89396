//! Every command as a user runs it: the real program, on real brokers. A module for each command.

mod asyncapi;
mod brokers;
mod dead;
mod deployment;
mod docs;
mod dump;
mod graph;
mod images;
mod network;
mod new;
mod nodejs;
mod program;
mod project;
mod ps;
mod register;
mod replay;
mod request;
mod scale;
mod scale_govern;
mod scale_simulate;
mod scale_stats;
mod send;
mod setup;
mod spec;
mod terminal;
mod watch;
