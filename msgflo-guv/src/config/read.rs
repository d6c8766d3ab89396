//! From a text to roles.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde_saphyr::{Location, Spanned};

use super::problem::{Report, Severity, probable_secrets};
use super::setting::{self, Kind, Setting};
use super::yaml::{self, Yaml};
use super::{Configuration, Environment, Model, Problems, Role, advice};

/// What every role inherits.
const EVERY_ROLE: &str = "*";

/// What stands below a name, by the settings' long names.
#[derive(Default)]
pub(super) struct Settings {
    given: BTreeMap<&'static str, Given>,
    /// Some of it cannot be used.
    wrong: bool,
}

struct Given {
    /// As it is written: long or short.
    key: String,
    place: Range<usize>,
    value: Value,
}

enum Value {
    Text(String),
    Number(f64),
    /// Which is guv's way back from what every role inherits to the default.
    Nothing,
}

/// A role's settings on top of what every role inherits.
pub(super) struct Layers<'a> {
    own: &'a Settings,
    inherited: &'a Settings,
    /// Where the role's name stands.
    name: Range<usize>,
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
    fn role(&self, name: &str, environment: &Environment) -> Role {
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

/// Reads a configuration, in which these keys may stand without a meaning.
pub(super) fn read(
    file: &str,
    text: &str,
    environment: &Environment,
    allowed: &[String],
) -> Result<Configuration, Problems> {
    let mut reader = Reader { report: Report::new(file, text), allowed };
    let roles = reader.roles(environment);
    if reader.report.has_errors() {
        return Err(Problems(reader.report.into_problems()));
    }
    Ok(Configuration { roles, problems: reader.report.into_problems() })
}

struct Reader<'a> {
    report: Report<'a>,
    allowed: &'a [String],
}

impl Reader<'_> {
    fn roles(&mut self, environment: &Environment) -> Vec<Role> {
        // Until it is known what is where.
        self.report.secrets = probable_secrets(self.report.text);
        let document = match yaml::read(self.report.text) {
            Ok(document) => document,
            Err((message, place)) => {
                self.report.add(Severity::Error, place, message, None);
                return Vec::new();
            }
        };
        let help = Some("write `role: { queue: …, deadline: 60, processing: 10 }`".to_owned());
        let whole = self.place(document.defined);
        let entries = match document.value {
            Yaml::Map(entries) => entries,
            Yaml::Nothing => Vec::new(),
            other => {
                let message = format!("not a configuration but {}", other.kind());
                self.report.add(Severity::Error, whole, message, help);
                return Vec::new();
            }
        };
        self.report.secrets = self.secrets(&entries);

        let mut inherited = Settings::default();
        let mut named: Vec<(String, Range<usize>, Settings)> = Vec::new();
        let mut lines = HashMap::new();
        for (name, value) in entries {
            let place = self.place(name.defined);
            let name = name.value;
            if let Some(line) = lines.insert(name.clone(), self.report.line(&place)) {
                let message = format!("`{name}` is there twice, first in line {line}");
                self.report.add(Severity::Error, place.clone(), message, None);
                self.settings(&name, place, value);
                continue;
            }
            let settings = self.settings(&name, place.clone(), value);
            if name == EVERY_ROLE {
                inherited = settings;
            } else {
                named.push((name, place, settings));
            }
        }
        if named.is_empty() {
            self.report.add(Severity::Error, 0..0, "there are no roles", help);
        }
        self.complete(&named, &inherited, environment)
    }

    fn complete(
        &mut self,
        named: &[(String, Range<usize>, Settings)],
        inherited: &Settings,
        environment: &Environment,
    ) -> Vec<Role> {
        let mut roles: Vec<Role> = Vec::new();
        for (name, place, own) in named {
            let layers = Layers { own, inherited, name: place.clone() };
            let role = layers.role(name, environment);
            let same = |other: &&Role| (&other.worker, &other.app) == (&role.worker, &role.app);
            if let Some(other) = roles.iter().find(same) {
                let (worker, other) = (&role.worker, &other.name);
                let message = format!("`{name}` and `{other}` both scale the worker `{worker}`");
                let help = "each would undo what the other does: give one of them another \
                            `worker`, or another `app`";
                let place = layers.place(&["worker"]);
                self.report.add(Severity::Error, place, message, help.to_owned());
            }
            // What is said of a role that is wrong already, would be wrong as well.
            if !own.wrong && !inherited.wrong {
                advice::give(&role, &layers, &roles, &mut self.report);
            }
            roles.push(role);
        }
        roles
    }

    fn settings(&mut self, role: &str, place: Range<usize>, value: Spanned<Yaml>) -> Settings {
        let mut settings = Settings::default();
        if role.trim().is_empty() {
            self.report.add(Severity::Error, place.clone(), "a role's name is empty", None);
        }
        let entries = match value.value {
            Yaml::Map(entries) => entries,
            Yaml::Nothing => return settings,
            other => {
                let help = match setting::find(role) {
                    Some(_) => {
                        format!(
                            "settings stand below a role's name: write `myrole: {{ {role}: … }}`"
                        )
                    }
                    None => format!("write `{role}: {{}}`, with settings in it"),
                };
                let message =
                    format!("role `{role}` is not a mapping of settings, but {}", { other.kind() });
                self.report.add(Severity::Error, place, message, help);
                settings.wrong = true;
                return settings;
            }
        };
        for (key, value) in entries {
            let place = self.place(key.defined);
            match setting::find(&key.value) {
                Some(setting) => self.setting(setting, key.value, place, value, &mut settings),
                None => self.unknown(&key.value, place, &value.value),
            }
        }
        settings
    }

    fn setting(
        &mut self,
        setting: &Setting,
        key: String,
        place: Range<usize>,
        value: Spanned<Yaml>,
        settings: &mut Settings,
    ) {
        if let Some(first) = settings.given.get(setting.name) {
            let line = self.report.line(&first.place);
            let message = match first.key == key {
                true => format!("`{key}` is given twice, first in line {line}"),
                false => format!("`{key}` is `{}`, which line {line} gives", first.key),
            };
            self.report.add(Severity::Error, place.clone(), message, None);
            settings.wrong = true;
        }
        let value_place = self.place(value.defined);
        let value = match self.value(setting, &key, value_place, value.value) {
            Some(value) => value,
            None => {
                settings.wrong = true;
                Value::Nothing
            }
        };
        settings.given.insert(setting.name, Given { key, place, value });
    }

    /// A setting's value, if it can be used.
    fn value(
        &mut self,
        setting: &Setting,
        key: &str,
        place: Range<usize>,
        value: Yaml,
    ) -> Option<Value> {
        let is_text = matches!(setting.kind, Kind::Text | Kind::Secret | Kind::Model);
        let (message, help) = match value {
            Yaml::Nothing => return Some(Value::Nothing),
            Yaml::Text(model) if setting.kind == Kind::Model => match model.parse::<Model>() {
                Ok(_) => return Some(Value::Text(model)),
                Err(wrong) => (wrong, None),
            },
            Yaml::Text(text) if is_text => {
                if text.is_empty() {
                    let message = format!("`{key}` is empty, which counts as not given");
                    self.report.add(Severity::Mistake, place, message, None);
                }
                return Some(Value::Text(text));
            }
            Yaml::Number(value) if !is_text => match setting.kind.wrong(value) {
                Some(wrong) => (format!("`{key}` {wrong}"), None),
                None => {
                    if value == 0.0 && setting.kind == Kind::TimeOrNothing {
                        let message = format!("`{key}: 0` counts as not given");
                        self.report.add(Severity::Warning, place, message, None);
                    }
                    return Some(Value::Number(value));
                }
            },
            other if is_text => {
                let quotes = matches!(other, Yaml::Number(_) | Yaml::Boolean);
                let help = quotes.then(|| format!("write `{key}: \"…\"`, in quotes"));
                (format!("`{key}` is not a text but {}", other.kind()), help)
            }
            other => {
                let help = matches!(other, Yaml::Text(_))
                    .then(|| format!("write `{key}: 10`: a number without quotes and units"));
                (format!("`{key}` is not a number but {}", other.kind()), help)
            }
        };
        self.report.add(Severity::Error, place, message, help);
        None
    }

    fn unknown(&mut self, key: &str, place: Range<usize>, value: &Yaml) {
        if self.allowed.iter().any(|allowed| allowed == key) {
            return;
        }
        let parts = key.split_once(':').filter(|_| matches!(value, Yaml::Nothing));
        let known = parts.and_then(|(name, rest)| Some((name, setting::find(name.trim())?, rest)));
        let (key, help) = match known {
            Some((name, setting, rest)) => {
                // It may have a secret in it.
                let secret = matches!(setting.name, "apikey" | "broker");
                let rest = if secret { "…" } else { rest };
                let help = format!("write `{name}: {rest}`, with a space after the colon");
                (format!("{name}:{rest}"), Some(help))
            }
            None => {
                let nearest = setting::nearest(key);
                (key.to_owned(), nearest.map(|nearest| format!("did you mean `{nearest}`?")))
            }
        };
        self.report.add(Severity::Mistake, place, format!("unknown setting `{key}`"), help);
    }

    /// What must not be shown: the values of API keys, and of what may be meant as one.
    fn secrets(&self, entries: &[(Spanned<String>, Spanned<Yaml>)]) -> Vec<String> {
        let mut secrets = Vec::new();
        for (key, value) in entries {
            let name = key.value.to_lowercase();
            let secret = ["key", "token", "secret", "password"].iter().any(|it| name.contains(it));
            match &value.value {
                _ if secret => {
                    secrets.extend(value_texts(value, self.report.text));
                    // The value may be a part of the name, if there is no space between.
                    secrets.extend(key.value.split_once(':').map(|(_, value)| value.to_owned()));
                }
                Yaml::Map(entries) => secrets.extend(self.secrets(entries)),
                Yaml::Text(text) => secrets.extend(probable_secrets(text)),
                _ => {}
            }
        }
        secrets.retain(|secret| secret.len() > 2);
        secrets
    }

    fn place(&self, location: Location) -> Range<usize> {
        yaml::place(self.report.text, location)
    }
}

/// A value, as it is meant and as it is written.
fn value_texts(value: &Spanned<Yaml>, text: &str) -> Vec<String> {
    let place = yaml::place(text, value.defined);
    let written = text.get(place).unwrap_or_default().lines();
    let mut texts: Vec<String> = written.map(|line| line.trim().to_owned()).collect();
    match &value.value {
        Yaml::Text(value) => texts.extend(value.lines().map(str::to_owned)),
        Yaml::List(values) => texts.extend(values.iter().flat_map(|it| value_texts(it, text))),
        Yaml::Map(entries) => {
            texts.extend(entries.iter().flat_map(|(_, value)| value_texts(value, text)));
        }
        _ => {}
    }
    texts
}
