//! How long jobs take.

use msgflo::statistics::Durations;

use super::normal;
use crate::config::Role;

/// How long jobs take. All times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Processing {
    /// On average.
    pub mean: f64,
    /// Standard deviation.
    pub stddev: f64,
    /// As many of 100 jobs as the role's `percentile` says take no longer than this.
    pub percentile: f64,
    /// The whole distribution: quantiles in the middles of [`SHARES`].
    pub quantiles: [f64; POINTS],
}

/// How many quantiles a distribution is known by.
pub const POINTS: usize = 2 * HALF;

const HALF: usize = 24;

/// Of how many jobs each quantile stands for: half of them for the quicker nine tenths, and half for
/// the slowest tenth, which is what deadlines are about.
pub const SHARES: [f64; 2] = [0.9 / HALF as f64, 0.1 / HALF as f64];

impl Processing {
    /// From quantiles.
    pub fn new(mean: f64, stddev: f64, percentile: f64, quantile: impl Fn(f64) -> f64) -> Self {
        let middle = |point: usize| match point.checked_sub(HALF) {
            None => SHARES[0] * (point as f64 + 0.5),
            Some(slow) => 0.9 + SHARES[1] * (slow as f64 + 0.5),
        };
        Self {
            mean,
            stddev,
            percentile: quantile(percentile / 100.0).max(0.0),
            quantiles: std::array::from_fn(|point| quantile(middle(point)).max(0.0)),
        }
    }

    /// As the role's settings have it: distributed normally, as guv takes it.
    pub fn set(role: &Role) -> Self {
        let Role { processing, stddev, percentile, .. } = *role;
        Self::new(processing, stddev, percentile, |share| {
            processing + normal::quantile(share) * stddev
        })
    }

    /// As it was measured, if enough jobs were.
    ///
    /// Of the slowest jobs, a measure of few knows little: there it is at least the normal
    /// distribution with the measured mean and standard deviation.
    pub fn measured(durations: &Durations, percentile: f64) -> Option<Self> {
        let (mean, stddev) = (durations.mean(), durations.stddev());
        let count = durations.count();
        if count < ENOUGH || mean <= 0.0 {
            return None;
        }
        let known = 1.0 - FEW / count as f64;
        Some(Self::new(mean, stddev, percentile, |share| {
            let measured = durations.quantile(share.clamp(0.0, 1.0)).unwrap_or(mean);
            match share > known {
                true => measured.max(mean + normal::quantile(share) * stddev),
                false => measured,
            }
        }))
    }

    /// Each quantile, with the share of jobs that it stands for.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let share = |point| SHARES[usize::from(point >= HALF)];
        self.quantiles.iter().enumerate().map(move |(point, seconds)| (share(point), *seconds))
    }
}

/// Fewer jobs than this tell nothing.
const ENOUGH: u64 = 10;
/// A quantile is known if at least so many measured jobs are above it.
const FEW: f64 = 3.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_measured_is_believed_as_far_as_it_goes() {
        let mut durations = Durations::default();
        (0..5).for_each(|_| durations.record(Duration::from_secs(1)));
        assert_eq!(Processing::measured(&durations, 99.0), None);
        (0..95).for_each(|_| durations.record(Duration::from_secs(1)));
        (0..20).for_each(|_| durations.record(Duration::from_secs(9)));
        let few = Processing::measured(&durations, 90.0).unwrap();
        assert!((few.percentile - 9.0).abs() < 0.2, "{few:?}");
        let slowest = few.mean + normal::quantile(0.999) * few.stddev;
        let highest = Processing::measured(&durations, 99.9).unwrap().percentile;
        assert!((highest - slowest).abs() < 1e-9, "{highest} {slowest}");
        let shares: f64 = few.points().map(|(share, _)| share).sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }
}
