//! How long something took, many times over: mean, variance and quantiles, without keeping the times.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How far a quantile may be off: 2%. Bucket `i` has the times from over γ^(i-1) to γ^i seconds, with
/// γ = (1 + 0.02) / (1 - 0.02).
pub const RELATIVE_ERROR: f64 = 0.02;

/// ln γ.
const LN_GAMMA: f64 = 0.040_005_334_613_699_21;
/// The bucket of everything that took 1 µs or less.
const FIRST: i32 = -345;
/// The bucket of everything that took 1,000,000 s or more.
const LAST: i32 = 346;
const BUCKETS: usize = (LAST - FIRST + 1) as usize;

/// No time and no sum of squares is larger, so that sums of them stay finite.
const MOST: f64 = 1e12;

/// The quantiles that are written out.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// A measure of how long something takes, that can be merged with others: count, mean, variance and
/// quantiles. It takes the same memory, however many times are recorded: at most 6 KB.
///
/// Mean and variance are exact (Welford 1962; merged as Chan, Golub and LeVeque 1979). Quantiles are within
/// 2% of the true ones: they are of a histogram with logarithmic buckets (DDSketch: Masson, Rim and
/// Lee 2019), for times from 1 µs to 1,000,000 s; what is outside counts as that.
///
/// ```
/// use std::time::Duration;
/// use msgflo_core::statistics::Durations;
///
/// let mut durations = Durations::default();
/// for milliseconds in 1..=100 {
///     durations.record(Duration::from_millis(milliseconds));
/// }
/// assert_eq!(durations.count(), 100);
/// assert!((durations.mean() - 0.0505).abs() < 1e-9);
/// assert!((durations.quantile(0.9).unwrap() - 0.09).abs() < 0.02 * 0.09);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Durations {
    count: u64,
    mean: f64,
    /// The sum of all squared differences from the mean.
    squares: f64,
    /// None, as long as nothing is recorded, or all.
    buckets: Vec<u64>,
}

impl Durations {
    /// Without any, but with the memory for them.
    pub(crate) fn reserved() -> Self {
        Self { buckets: vec![0; BUCKETS], ..Self::default() }
    }

    /// Takes one into account.
    pub fn record(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64().min(MOST);
        self.count = self.count.saturating_add(1);
        let difference = seconds - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (seconds - self.mean);
        if self.buckets.is_empty() {
            self.buckets.resize(BUCKETS, 0);
        }
        let bucket = &mut self.buckets[position(seconds)];
        *bucket = bucket.saturating_add(1);
    }

    /// Takes all those of another into account.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.buckets.is_empty() {
            self.buckets.resize(BUCKETS, 0);
        }
        let count = self.count.saturating_add(other.count);
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let difference = other.mean - self.mean;
        self.mean += difference * (theirs / (ours + theirs));
        self.squares += other.squares + difference * difference * (ours * theirs / (ours + theirs));
        self.count = count;
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket = bucket.saturating_add(*more);
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// On average, in seconds; 0 if there is none.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The mean squared difference from the mean, in seconds squared; 0 if there is none.
    pub fn variance(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / self.count as f64).max(0.0) }
    }

    /// The standard deviation, in seconds.
    pub fn stddev(&self) -> f64 {
        self.variance().sqrt()
    }

    /// What this share of them, from 0 to 1, takes no longer than, in seconds; `None` if there is
    /// none, or the share is not one.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 || !(0.0..=1.0).contains(&share) {
            return None;
        }
        let rank = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        let position = self.buckets.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        Some(middle(FIRST + position.unwrap_or(BUCKETS - 1) as i32))
    }
}

/// Where in the buckets a time belongs.
fn position(seconds: f64) -> usize {
    // What is not positive has a logarithm of minus infinity, which becomes the smallest number.
    let index = (seconds.ln() / LN_GAMMA).ceil() as i32;
    (index.clamp(FIRST, LAST) - FIRST) as usize
}

/// What is no further than 2% from everything in a bucket.
fn middle(index: i32) -> f64 {
    (f64::from(index) * LN_GAMMA).exp() * (1.0 - RELATIVE_ERROR)
}

/// As it is in a message.
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    mean: f64,
    variance: f64,
    /// For people, and for those who merge nothing: not read again.
    #[serde(default, skip_deserializing)]
    quantiles: Map<String, Value>,
    histogram: Histogram,
}

#[derive(Serialize, Deserialize)]
struct Histogram {
    relative_error: f64,
    /// Index and count of those that have any.
    buckets: Vec<(i32, u64)>,
}

impl From<Durations> for Written {
    fn from(durations: Durations) -> Self {
        let quantiles = QUANTILES
            .into_iter()
            .filter_map(|share| Some((share.to_string(), durations.quantile(share)?.into())));
        let buckets = durations.buckets.iter().zip(FIRST..).filter(|(count, _)| **count > 0);
        Self {
            count: durations.count,
            mean: durations.mean,
            variance: durations.variance(),
            quantiles: quantiles.collect(),
            histogram: Histogram {
                relative_error: RELATIVE_ERROR,
                buckets: buckets.map(|(count, index)| (index, *count)).collect(),
            },
        }
    }
}

impl TryFrom<Written> for Durations {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { count, mean, variance, histogram, .. } = written;
        let within = |number: f64| (0.0..=MOST).contains(&number);
        if !within(mean) || !within(variance) {
            return Err(format!(
                "a mean of {mean} and a variance of {variance}: both are 0 to {MOST:e}"
            ));
        }
        if (histogram.relative_error - RELATIVE_ERROR).abs() > 1e-9 {
            return Err(format!(
                "a histogram with a relative error of {}: it must be {RELATIVE_ERROR}",
                histogram.relative_error
            ));
        }
        let mut durations = if count > 0 { Self::reserved() } else { Self::default() };
        let mut sum = 0_u64;
        for (index, more) in histogram.buckets {
            if !(FIRST..=LAST).contains(&index) {
                return Err(format!("a bucket {index}: there are {FIRST} to {LAST}"));
            }
            sum = sum.saturating_add(more);
            if sum > count {
                break;
            }
            if let Some(bucket) = durations.buckets.get_mut((index - FIRST) as usize) {
                *bucket += more;
            }
        }
        if sum != count {
            return Err(format!("a count of {count} that is not the sum of the buckets'"));
        }
        if count > 0 {
            (durations.count, durations.mean) = (count, mean);
            durations.squares = variance * count as f64;
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests;
