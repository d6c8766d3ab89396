use super::*;

fn of(seconds: impl IntoIterator<Item = f64>) -> Durations {
    let mut durations = Durations::default();
    seconds.into_iter().for_each(|seconds| durations.record(Duration::from_secs_f64(seconds)));
    durations
}

/// From 0 to 1, the same each time.
fn random(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
}

/// Few that take long, from microseconds to minutes.
fn skewed(seed: u64, count: usize) -> Vec<f64> {
    random(seed).take(count).map(|share| 1e-5 * (16.0 * share * share).exp()).collect()
}

fn is_near(one: f64, other: f64, relative: f64) -> bool {
    (one - other).abs() <= relative * other.abs()
}

#[test]
fn mean_and_variance_are_those_of_the_times() {
    let times = skewed(1, 5000);
    let durations = of(times.clone());
    let mean = times.iter().sum::<f64>() / 5000.0;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / 5000.0;
    assert_eq!(durations.count(), 5000);
    assert!(is_near(durations.mean(), mean, 1e-6), "{} {mean}", durations.mean());
    assert!(is_near(durations.variance(), variance, 1e-6), "{} {variance}", durations.variance());
}

#[test]
fn quantiles_are_within_two_percent() {
    for seed in 1..20 {
        let mut times = skewed(seed, 1000);
        let durations = of(times.clone());
        times.sort_by(f64::total_cmp);
        for share in [0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = times[(share * 1000.0_f64).ceil() as usize - 1];
            let found = durations.quantile(share).unwrap();
            // And a nanosecond, to which times are cut.
            assert!(is_near(found, exact, RELATIVE_ERROR + 1e-4), "{share}: {found} {exact}");
        }
    }
}

#[test]
fn merged_they_are_as_recorded_together() {
    let (some, more) = (skewed(3, 700), skewed(4, 1300));
    let mut merged = of(some.clone());
    merged.merge(&of(more.clone()));
    let together = of(some.into_iter().chain(more));
    assert_eq!(merged.buckets, together.buckets);
    assert_eq!(merged.count(), together.count());
    assert!(is_near(merged.mean(), together.mean(), 1e-9));
    assert!(is_near(merged.variance(), together.variance(), 1e-9));
    let mut with_none = together.clone();
    with_none.merge(&Durations::default());
    assert_eq!(with_none, together);
    let mut from_none = Durations::default();
    from_none.merge(&together);
    assert_eq!(from_none, together);
}

#[test]
fn nothing_has_no_quantiles_and_extremes_have_their_places() {
    assert_eq!(Durations::default().quantile(0.5), None);
    assert_eq!((Durations::default().mean(), Durations::default().variance()), (0.0, 0.0));
    let extremes = of([0.0, 0.0, 1e9]);
    assert!(extremes.quantile(0.5).unwrap() <= 1.02e-6);
    assert!(is_near(extremes.quantile(1.0).unwrap(), 1e6, 0.05));
    for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(extremes.quantile(share), None);
    }
    of([1.0]).record(Duration::MAX);
}

#[test]
fn they_come_back_from_json() {
    for durations in [of(skewed(5, 400)), of([0.25]), Durations::default()] {
        let json = serde_json::to_value(&durations).unwrap();
        let read: Durations = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(read.count(), durations.count());
        assert!((read.variance() - durations.variance()).abs() < 1e-12);
        assert_eq!(serde_json::to_value(&read).unwrap()["histogram"], json["histogram"]);
        assert_eq!(read.quantile(0.9), durations.quantile(0.9));
    }
    let json = serde_json::to_value(of([0.25])).unwrap();
    assert!(is_near(json["quantiles"]["0.99"].as_f64().unwrap(), 0.25, RELATIVE_ERROR));
    assert_eq!(json["histogram"]["buckets"][0][0], -34);
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |json: &str| serde_json::from_str::<Durations>(json).unwrap_err().to_string();
    let with = |count: &str, mean: &str, variance: &str, error: &str, buckets: &str| {
        refused(&format!(
            r#"{{"count":{count},"mean":{mean},"variance":{variance},
                "histogram":{{"relative_error":{error},"buckets":{buckets}}}}}"#
        ))
    };
    assert!(with("1", "-1", "0", "0.02", "[[0,1]]").contains("a mean of -1"));
    assert!(with("1", "1", "-0.5", "0.02", "[[0,1]]").contains("variance of -0.5"));
    assert!(with("1", "1e300", "0", "0.02", "[[0,1]]").contains("a mean of"));
    assert!(with("1", "NaN", "0", "0.02", "[[0,1]]").contains("expected"));
    assert!(with("1", "null", "0", "0.02", "[[0,1]]").contains("null"));
    assert!(with("-1", "1", "0", "0.02", "[[0,1]]").contains("-1"));
    assert!(with("2", "1", "0", "0.02", "[[0,1]]").contains("not the sum"));
    assert!(
        with("1", "1", "0", "0.02", "[[0,9],[1,18446744073709551615]]").contains("not the sum")
    );
    assert!(with("1", "1", "0", "0.02", "[[100000,1]]").contains("a bucket 100000"));
    assert!(with("1", "1", "0", "0.02", "[[0,-1]]").contains("-1"));
    assert!(with("1", "1", "0", "0.01", "[[0,1]]").contains("relative error of 0.01"));
    let millions = format!("[{}[0,1]]", "[0,1],".repeat(2_000_000));
    assert!(with("1", "1", "0", "0.02", &millions).contains("not the sum"));
    // The largest there can be, twice: sums stay numbers.
    let largest = r#"{"count":18446744073709551615,"mean":1e12,"variance":1e12,
        "histogram":{"relative_error":0.02,"buckets":[[0,18446744073709551615]]}}"#;
    let largest: Durations = serde_json::from_str(largest).unwrap();
    let mut merged = largest.clone();
    merged.merge(&largest);
    merged.merge(&of([0.1]));
    assert!(merged.mean().is_finite() && merged.variance().is_finite());
    assert!(merged.quantile(0.99).is_some());
}
