//! What can be set.

/// What a setting is called, and what it can be.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) shorthand: Option<&'static str>,
    pub(super) kind: Kind,
}

/// What a setting can be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Never shown.
    Secret,
    /// `deadline` or `proportional`.
    Model,
    /// A time in seconds, more than zero.
    Time,
    /// A time in seconds, or zero.
    TimeOrZero,
    /// A time in seconds; zero counts as not given, as in guv.
    TimeOrNothing,
    /// A whole number, no less than this.
    Count(u32),
    /// More than 0, and less than 100.
    Percentile,
}

/// guv's own, and `model` and `command`.
pub(super) const SETTINGS: &[Setting] = &[
    setting("queue", Some("q"), Kind::Text),
    setting("worker", Some("w"), Kind::Text),
    setting("command", None, Kind::Text),
    setting("app", None, Kind::Text),
    setting("broker", None, Kind::Text),
    setting("apikey", None, Kind::Secret),
    setting("dynosize", None, Kind::Text),
    setting("statuspage", None, Kind::Text),
    setting("metric", None, Kind::Text),
    setting("model", None, Kind::Model),
    setting("deadline", Some("d"), Kind::Time),
    setting("processing", Some("p"), Kind::Time),
    setting("stddev", None, Kind::TimeOrNothing),
    setting("boot", None, Kind::TimeOrZero),
    setting("target", None, Kind::TimeOrNothing),
    setting("pollinterval", None, Kind::Time),
    setting("history", None, Kind::TimeOrZero),
    setting("percentile", None, Kind::Percentile),
    setting("minimum", Some("min"), Kind::Count(0)),
    setting("maximum", Some("max"), Kind::Count(0)),
    setting("concurrency", None, Kind::Count(1)),
];

const fn setting(name: &'static str, shorthand: Option<&'static str>, kind: Kind) -> Setting {
    Setting { name, shorthand, kind }
}

/// The setting with this name or shorthand.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name || setting.shorthand == Some(name))
}

/// The name that was probably meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    SETTINGS
        .iter()
        .map(|setting| (strsim::damerau_levenshtein(&wanted, setting.name), setting.name))
        // A third of the letters may differ, and in short names one or two.
        .filter(|(distance, name)| {
            let length = wanted.chars().count().max(name.len());
            *distance < length && *distance <= (length / 3).max(2)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Longer than this is no time that anybody waits for: 31 years.
pub(super) const LONGEST: f64 = 1e9;
/// More than this is no number of workers, or of jobs at once.
pub(super) const MOST: f64 = 1e6;

impl Kind {
    /// Why a number cannot be, if so: "`x` …".
    pub(super) fn wrong(self, value: f64) -> Option<String> {
        let (least, most, unit) = match self {
            Self::Count(least) => (f64::from(least), MOST, ""),
            Self::Percentile => (0.0, 100.0, ""),
            _ => (0.0, LONGEST, " s"),
        };
        if !value.is_finite() {
            return Some("is not a finite number".into());
        }
        if value < 0.0 {
            return Some(format!("is negative: {value}{unit}"));
        }
        if self == Self::Percentile && (value <= least || value >= most) {
            return Some(format!("is {value}, and must be more than 0 and less than 100"));
        }
        if value > most {
            return Some(format!("is {value:e}{unit}, which is absurd: at most {most:e}{unit}"));
        }
        if value == 0.0 && self == Self::Time {
            return Some("is 0, and must be more".into());
        }
        if matches!(self, Self::Count(_)) && (value.fract() != 0.0 || value < least) {
            return Some(format!("is {value}, and must be a whole number of {least} or more"));
        }
        None
    }
}
