//! From a text to roles.

use std::collections::HashMap;
use std::ops::Range;

use serde_saphyr::{Location, Spanned};

use super::layers::{Given, Layers, Settings, Value};
use super::problem::{Report, Severity};
use super::setting::{self, Kind, Setting};
use super::yaml::{self, Yaml};
use super::{Configuration, Environment, Model, Problems, Role, advice, secret};

/// What every role inherits.
const EVERY_ROLE: &str = "*";

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
        self.report.conceal(&secret::probable_places(self.report.text));
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
        self.report.conceal(&secret::places(&entries, self.report.text));

        let mut inherited = Settings::default();
        let mut named: Vec<(String, Range<usize>, Settings)> = Vec::new();
        let mut places = HashMap::new();
        for (name, value) in entries {
            let place = self.place(name.defined);
            let name = name.value;
            if let Some(first) = places.insert(name.clone(), place.clone()) {
                let line = self.report.line(&first);
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
        } else if role.contains(char::is_control) {
            let message = format!("the name `{role}` has control characters");
            self.report.add(Severity::Error, place.clone(), message, None);
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

    fn place(&self, location: Location) -> Range<usize> {
        yaml::place(self.report.text, location)
    }
}
