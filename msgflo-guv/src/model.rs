//! From what is known of a role now to a number of workers.
//!
//! Everything here is pure: the same input gives the same decision.

mod arrivals;
mod deadline;
mod erlang;
mod normal;
mod processing;
mod proportional;

pub use arrivals::ArrivalEstimator;
pub use deadline::deadline;
pub use processing::{POINTS, Processing, SHARES};
pub use proportional::proportional;

use crate::config::{Model, Role};

/// What is known when a decision is made. All times are in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Jobs that wait in the queue.
    pub waiting: u64,
    /// Jobs that workers have and have not finished, if that is known.
    pub in_flight: Option<u64>,
    /// Jobs that come in a second, if that is known.
    pub arrivals: Option<Arrivals>,
    /// How long jobs take, if it was measured. Else the role's settings are believed.
    pub processing: Option<Processing>,
    /// Workers that were started and not stopped, if that is known. Those that boot count.
    pub workers: Option<u32>,
    /// For each of `workers` that still boots: how long until it takes its first job.
    pub booting: Vec<f64>,
    /// Earlier estimates, oldest first, as far back as the role's `history` goes.
    pub history: Vec<u32>,
}

/// How jobs come, as an [`ArrivalEstimator`] has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// Jobs in a second.
    pub rate: f64,
    /// Standard error of the rate.
    pub error: f64,
    /// Seconds and jobs from one poll to the next, the last one first: how old waiting jobs are.
    pub recent: Vec<(f64, f64)>,
}

/// What is to be done, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Which model decided.
    pub model: Model,
    /// How many workers are needed now, between the role's minimum and maximum.
    pub estimate: u32,
    /// How many workers to have from now on; `None` to leave them as they are.
    pub next: Option<u32>,
    /// Every figure behind it, in the order of the calculation.
    pub figures: Vec<Figure>,
    /// What is wrong with the settings, in sentences.
    pub warnings: Vec<String>,
}

/// A figure behind a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name, in small letters with underscores.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its unit: `s`, `jobs`, `workers`, `jobs/s`, or nothing.
    pub unit: &'static str,
    /// How it was found, in a few words or a formula.
    pub meaning: String,
}

/// Decides for a role, by its model.
pub fn decide(role: &Role, observed: &Observed) -> Decision {
    match role.model {
        Model::Deadline => deadline(role, observed),
        Model::Proportional => proportional(role, observed),
    }
}
