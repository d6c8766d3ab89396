//! What a role has of its own, on top of what every role inherits.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Environment, Role};

/// What stands below a name, by the settings' long names.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) given: BTreeMap<&'static str, Given>,
    /// Some of it cannot be used.
    pub(super) wrong: bool,
}

/// A setting as it is given.
pub(super) struct Given {
    /// As it is written: long or short.
    pub(super) key: String,
    pub(super) place: Range<usize>,
    pub(super) value: Value,
}

/// What a setting is given as.
pub(super) enum Value {
    Text(String),
    Number(f64),
    /// Which is guv's way back from what every role inherits to the default.
    Nothing,
}

/// A role's settings on top of what every role inherits.
pub(super) struct Layers<'a> {
    pub(super) own: &'a Settings,
    pub(super) inherited: &'a Settings,
    /// Where the role's name stands.
    pub(super) name: Range<usize>,
}

impl Layers<'_> {
    fn given(&self, name: &str) -> Option<&Given> {
        self.own.given.get(name).or_else(|| self.inherited.given.get(name))
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.given(name)?.value {
            Value::Number(value) => Some(value),
            _ => None,
        }
    }

    fn count(&self, name: &str) -> Option<u32> {
        // Within the bounds of a count, which are far below.
        self.number(name).map(|value| value as u32)
    }

    fn text(&self, name: &str) -> Option<String> {
        match &self.given(name)?.value {
            Value::Text(value) if !value.is_empty() => Some(value.clone()),
            _ => None,
        }
    }

    /// Where the first of these settings is given, first by the role itself.
    pub(super) fn place(&self, names: &[&str]) -> Range<usize> {
        let places = |settings: &Settings| {
            names.iter().find_map(|name| settings.given.get(name).map(|given| given.place.clone()))
        };
        let place = places(self.own).or_else(|| places(self.inherited));
        place.unwrap_or_else(|| self.name.clone())
    }

    /// As guv does it: what is derived from others, is derived after inheriting.
    pub(super) fn role(&self, name: &str, environment: &Environment) -> Role {
        let default = Role::new(name);
        let processing = self.number("processing").unwrap_or(default.processing);
        let not_zero = |value: &f64| *value != 0.0;
        Role {
            queue: self.text("queue").unwrap_or_else(|| name.into()),
            worker: self.text("worker").unwrap_or_else(|| name.into()),
            command: self.text("command"),
            app: self.text("app").or_else(|| environment.app.clone()),
            broker: self.text("broker").or_else(|| environment.broker.clone()),
            apikey: self.text("apikey").or_else(|| environment.apikey.clone()),
            dynosize: self.text("dynosize"),
            statuspage: self.text("statuspage").or_else(|| environment.statuspage.clone()),
            metric: self.text("metric"),
            deadline: self.number("deadline").unwrap_or(default.deadline),
            minimum: self.count("minimum").unwrap_or(default.minimum),
            maximum: self.count("maximum").unwrap_or(default.maximum),
            concurrency: self.count("concurrency").unwrap_or(default.concurrency),
            processing,
            stddev: self.number("stddev").filter(not_zero).unwrap_or(processing * 0.5),
            boot: self.number("boot").unwrap_or(default.boot),
            percentile: self.number("percentile").unwrap_or(default.percentile),
            target: self.number("target").filter(not_zero),
            pollinterval: self.number("pollinterval").unwrap_or(default.pollinterval),
            history: self.number("history").unwrap_or(default.history),
            model: self.text("model").and_then(|it| it.parse().ok()).unwrap_or(default.model),
            name: default.name,
        }
    }
}
