//! How long jobs take.

use rand::Rng;
use rand_distr::{Distribution, Exp, LogNormal, Normal};

use crate::config::Role;

/// How the processing times of a role's jobs are distributed. Their mean is always `processing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobTimes {
    /// Around the mean, with `stddev`, and never below a tenth of the mean.
    Normal,
    /// Most are shorter than the mean and some are much longer, with `stddev`.
    LogNormal,
    /// Exponential: the standard deviation is the mean, whatever the role says.
    Exponential,
}

impl JobTimes {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Normal, Self::LogNormal, Self::Exponential];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        ["normal", "lognormal", "exponential"][self as usize]
    }

    pub(super) fn sampler(self, role: &Role) -> Sampler {
        let (mean, stddev) = (role.processing, role.stddev);
        // None where the settings allow no such distribution: all jobs take the mean.
        match self {
            Self::Normal => Normal::new(mean, stddev).map_or(Sampler::Constant(mean), |normal| {
                Sampler::Normal { normal, least: mean / 10.0 }
            }),
            Self::LogNormal => LogNormal::from_mean_cv(mean, stddev / mean)
                .map_or(Sampler::Constant(mean), Sampler::LogNormal),
            Self::Exponential => {
                Exp::new(1.0 / mean).map_or(Sampler::Constant(mean), Sampler::Exponential)
            }
        }
    }
}

pub(super) enum Sampler {
    Constant(f64),
    Normal { normal: Normal<f64>, least: f64 },
    LogNormal(LogNormal<f64>),
    Exponential(Exp<f64>),
}

impl Sampler {
    pub(super) fn sample(&self, random: &mut impl Rng) -> f64 {
        match self {
            Self::Constant(mean) => *mean,
            Self::Normal { normal, least } => normal.sample(random).max(*least),
            Self::LogNormal(distribution) => distribution.sample(random),
            Self::Exponential(distribution) => distribution.sample(random),
        }
    }
}
