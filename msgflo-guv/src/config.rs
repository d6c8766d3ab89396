//! What a user wants: guv's configuration, for each role.
//!
//! ```
//! use msgflo_guv::config::{Configuration, Environment};
//!
//! let text = "
//! '*': { boot: 5, pollinterval: 5 }
//! emailsender: { queue: send-email, d: 180, min: 0, concurrency: 10, p: 0.3 }
//! ";
//! let configuration = Configuration::parse("autoscale.guv.yaml", text, &Environment::default())?;
//! let role = &configuration.roles[0];
//! assert_eq!((role.queue.as_str(), role.deadline, role.boot), ("send-email", 180.0, 5.0));
//! # Ok::<(), msgflo_guv::config::Problems>(())
//! ```

mod advice;
mod environment;
mod layers;
mod problem;
mod read;
mod secret;
mod setting;
mod yaml;

use std::fmt;
use std::str::FromStr;

pub use environment::Environment;
pub use problem::{Problem, Problems, Severity};

/// All roles of a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Configuration {
    /// In the order of the file.
    pub roles: Vec<Role>,
    /// What is wrong with it, and does not make it unusable; in the order of the file.
    pub problems: Vec<Problem>,
}

impl Configuration {
    /// Reads the text of a file (YAML, of which JSON is a part) with this name.
    ///
    /// # Errors
    /// All that is wrong with it, if it cannot be used.
    pub fn parse(file: &str, text: &str, environment: &Environment) -> Result<Self, Problems> {
        Self::parse_allowing(file, text, environment, &[])
    }

    /// The same, if these keys are no mistakes though they are no settings.
    ///
    /// # Errors
    /// All that is wrong with it, if it cannot be used.
    pub fn parse_allowing(
        file: &str,
        text: &str,
        environment: &Environment,
        keys: &[String],
    ) -> Result<Self, Problems> {
        read::read(file, text, environment, keys)
    }

    /// The role with this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }
}

/// One role: a queue of jobs, the workers that do them, and by when.
///
/// All times are in seconds, as in the file.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Role {
    /// The role's name.
    pub name: String,
    /// The queue that its workers receive from. The role's name by default.
    pub queue: String,
    /// What the backend calls the workers: an entry of a Procfile, a Heroku process type, a
    /// Kubernetes deployment. The role's name by default.
    pub worker: String,
    /// What starts a worker on this machine.
    pub command: Option<String>,
    /// The Heroku app or the Kubernetes namespace that the workers belong to.
    pub app: Option<String>,
    /// The broker's URL.
    pub broker: Option<String>,
    /// The key of Heroku's API. Never shown.
    pub apikey: Option<String>,
    /// The size of a Heroku dyno that runs a worker.
    pub dynosize: Option<String>,
    /// The page at statuspage.io that jobs in flight are reported to.
    pub statuspage: Option<String>,
    /// The metric of that page.
    pub metric: Option<String>,
    /// Practically all jobs are done within this time after they came. 60 s by default.
    pub deadline: f64,
    /// Never fewer workers than this. 1 by default.
    pub minimum: u32,
    /// Never more workers than this. 5 by default.
    pub maximum: u32,
    /// How many jobs one worker processes at once. 1 by default.
    pub concurrency: u32,
    /// How long one job takes on average. 10 s by default.
    pub processing: f64,
    /// Standard deviation of that. Half of `processing` by default.
    pub stddev: f64,
    /// How long a worker takes from being started to its first job. 30 s by default.
    pub boot: f64,
    /// How many of 100 jobs are to be done within the deadline. 99 by default.
    pub percentile: f64,
    /// When the last of the waiting jobs is to be begun; if it is given, it is not calculated from
    /// deadline, percentile and stddev.
    pub target: Option<f64>,
    /// How long from one decision to the next. 30 s by default.
    pub pollinterval: f64,
    /// How long a higher estimate holds up scaling down. 120 s by default.
    pub history: f64,
    /// What decides. `deadline` by default.
    pub model: Model,
}

/// How a number of workers is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// Boot time, arrivals, work in flight and measured processing times are taken into account.
    #[default]
    Deadline,
    /// guv's own.
    Proportional,
}

impl Model {
    /// Their names, in the order of the variants.
    pub const NAMES: [&'static str; 2] = ["deadline", "proportional"];
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Model {
    type Err = String;

    /// By its name.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "deadline" => Ok(Self::Deadline),
            "proportional" => Ok(Self::Proportional),
            _ => Err(format!("there is no model `{name}`: write `deadline` or `proportional`")),
        }
    }
}

impl Role {
    /// A role for which nothing is said.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            queue: name.into(),
            worker: name.into(),
            command: None,
            app: None,
            broker: None,
            apikey: None,
            dynosize: None,
            statuspage: None,
            metric: None,
            deadline: 60.0,
            minimum: 1,
            maximum: 5,
            concurrency: 1,
            processing: 10.0,
            stddev: 5.0,
            boot: 30.0,
            percentile: 99.0,
            target: None,
            pollinterval: 30.0,
            history: 120.0,
            model: Model::default(),
        }
    }

    /// How many jobs in a second all workers of the maximum do.
    pub fn capacity(&self) -> f64 {
        f64::from(self.maximum) * f64::from(self.concurrency) / self.processing
    }
}

/// Without secrets.
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            queue,
            worker,
            command,
            app,
            broker,
            apikey,
            dynosize,
            statuspage,
            metric,
            deadline,
            minimum,
            maximum,
            concurrency,
            processing,
            stddev,
            boot,
            percentile,
            target,
            pollinterval,
            history,
            model,
        } = self;
        f.debug_struct("Role")
            .field("name", name)
            .field("queue", queue)
            .field("worker", worker)
            .field("command", command)
            .field("app", app)
            .field("broker", &broker.as_deref().map(secret::without_password))
            .field("apikey", &apikey.as_ref().map(|_| "…"))
            .field("dynosize", dynosize)
            .field("statuspage", statuspage)
            .field("metric", metric)
            .field("deadline", deadline)
            .field("minimum", minimum)
            .field("maximum", maximum)
            .field("concurrency", concurrency)
            .field("processing", processing)
            .field("stddev", stddev)
            .field("boot", boot)
            .field("percentile", percentile)
            .field("target", target)
            .field("pollinterval", pollinterval)
            .field("history", history)
            .field("model", model)
            .finish()
    }
}

#[cfg(test)]
mod tests;
