//! MsgFlo networks as text, and what is to be done for them. No network, nothing asynchronous.
//!
//! | module | subject |
//! |---|---|
//! | [`graph`] | [`Graph`]: what is connected to what, as .fbp text or JSON |
//! | [`foreign`] | [`Foreign`]: participants that are announced on their behalf |
//! | [`library`] | [`Library`]: which command runs a component |
//! | [`plan`] | [`Plan`]: what is to be connected and started, and what is wrong with it |
//! | [`draw`] | a graph as Mermaid and as DOT |
//! | `error` | [`Error`]: what is wrong with a file, and where |

pub mod draw;
mod error;
mod fbp;
pub mod foreign;
pub mod graph;
pub mod library;
mod nearest;
pub mod plan;

pub use error::{Error, Result, TextError};
pub use foreign::Foreign;
pub use graph::{Connection, Endpoint, Export, Graph, Group, Process, Source};
pub use library::{CommandLine, Library};
pub use plan::{Announced, Plan, PlanOptions, Problem, Severity};
