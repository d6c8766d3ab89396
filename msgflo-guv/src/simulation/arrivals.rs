//! When jobs come.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};

use crate::config::Role;

/// How the rate of jobs changes, as a share of what `maximum` workers can process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Half of it, always.
    Steady,
    /// A fifth, from a third of the time on seven tenths, and after two thirds a fifth again.
    Step,
    /// A day: from a twentieth up to three quarters and down again, once a day.
    Diurnal,
    /// A tenth, and every half an hour nine tenths for two minutes.
    Burst,
}

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Steady, Self::Step, Self::Diurnal, Self::Burst];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        ["steady", "step", "diurnal", "burst"][self as usize]
    }

    /// The load on average, of what the maximum of workers can process.
    pub fn mean_load(self) -> f64 {
        match self {
            Self::Steady => 0.5,
            Self::Step => 0.2 + 0.5 / 3.0,
            Self::Diurnal => 0.4,
            Self::Burst => 0.1 + 0.8 / 15.0,
        }
    }

    /// The load at a time, of what the maximum of workers can process.
    fn load(self, time: f64, duration: f64) -> f64 {
        match self {
            Self::Steady => 0.5,
            Self::Step if (duration / 3.0..duration * 2.0 / 3.0).contains(&time) => 0.7,
            Self::Step => 0.2,
            Self::Diurnal => 0.05 + 0.35 * (1.0 - (time / 86_400.0 * TAU).cos()),
            Self::Burst if time % 1_800.0 >= 1_680.0 => 0.9,
            Self::Burst => 0.1,
        }
    }

    /// A Poisson process whose rate changes, by thinning (Lewis and Shedler 1979).
    pub(super) fn arrivals(self, role: &Role, duration: f64, random: &mut impl Rng) -> Vec<f64> {
        let capacity = role.capacity();
        let mut arrivals = Vec::new();
        let mut time = 0.0;
        loop {
            let uniform: f64 = random.random();
            time -= (1.0 - uniform).ln() / capacity;
            if time >= duration {
                return arrivals;
            }
            if random.random::<f64>() < self.load(time, duration) {
                arrivals.push(time);
            }
        }
    }
}
