//! What a user wants: guv's configuration, for each role.

/// One role: a queue of jobs, the workers that do them, and by when.
///
/// All times are in seconds, as in the file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Role {
    /// The role's name.
    pub name: String,
    /// The queue that its workers receive from. The role's name by default.
    pub queue: String,
    /// What the backend calls the workers: an entry of a Procfile, a Heroku process type, a
    /// Kubernetes deployment. The role's name by default.
    pub worker: String,
    /// The Heroku app or the Kubernetes namespace that the workers belong to.
    pub app: Option<String>,
    /// The broker's URL.
    pub broker: Option<String>,
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

impl Role {
    /// A role for which nothing is said.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            queue: name.into(),
            worker: name.into(),
            app: None,
            broker: None,
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
}
