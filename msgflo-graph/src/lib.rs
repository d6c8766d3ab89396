//! MsgFlo networks as text, and what is to be done for them. No network, nothing asynchronous.
//!
//! | module | subject |
//! |---|---|
//! | [`graph`] | [`Graph`]: what is connected to what, as .fbp text or JSON |
//! | [`foreign`] | [`Foreign`]: participants that are announced on their behalf |
//! | [`library`] | [`Library`]: which command runs a component |
//! | [`plan`] | [`Plan`]: what is to be connected and started, and what is wrong with it |
//! | [`draw`] | a graph as SVG, as Mermaid and as DOT |
//! | `error` | [`Error`]: what is wrong with a file, and where |
//!
//! ```no_run
//! use msgflo_graph::{Announced, Graph, Library, Plan, PlanOptions};
//!
//! let graph = Graph::read("images.fbp")?;
//! let (plan, problems) = Plan::new(&graph, &Announced::default(), &PlanOptions::default());
//! for problem in problems {
//!     eprintln!("{problem}");
//! }
//! let library = Library::find(".")?.with_folder("components")?;
//! for role in &plan.roles {
//!     let values = graph.initial_values(&role.name);
//!     println!("{}: {}", role.name, library.command(&role.component, &role.name, &values)?);
//! }
//! for edge in &plan.edges {
//!     println!("{edge}");
//! }
//! # Ok::<(), msgflo_graph::Error>(())
//! ```

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
