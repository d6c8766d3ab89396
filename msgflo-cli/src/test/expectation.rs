//! What is expected of a message: the predicates of fbp-spec.

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

/// One expectation: all its predicates must hold.
#[derive(Debug)]
pub struct Expectation {
    path: Option<(String, JsonPath)>,
    predicates: Vec<Predicate>,
}

#[derive(Debug)]
enum Predicate {
    Equals(Value),
    Above(f64),
    Below(f64),
    Type(String),
    HaveKeys(Vec<String>),
    IncludeKeys(Vec<String>),
    Contains(Value),
    NoError,
}

const KNOWN: &str =
    "equals, above, below, type, haveKeys, includeKeys, contains and noterror, with path";

impl Expectation {
    /// Reads one expectation, or a list of them.
    pub fn read(value: &Value) -> Result<Vec<Self>, String> {
        match value {
            Value::Array(list) => list.iter().map(Self::read_one).collect(),
            one => Ok(vec![Self::read_one(one)?]),
        }
    }

    fn read_one(value: &Value) -> Result<Self, String> {
        let Value::Object(keys) = value else {
            return Err(format!("{value} is no expectation: write `equals: {value}`"));
        };
        let mut expectation = Self { path: None, predicates: Vec::new() };
        for (key, value) in keys {
            match key.as_str() {
                "path" => expectation.path = Some(path(value)?),
                _ => expectation.predicates.push(Predicate::read(key, value)?),
            }
        }
        if expectation.predicates.is_empty() {
            return Err(format!("nothing is expected: there are {KNOWN}"));
        }
        Ok(expectation)
    }

    /// What is wrong with a message, if anything is.
    pub fn check(&self, message: &Value) -> Result<(), String> {
        let Some((text, path)) = &self.path else {
            return self.check_one(message).map_err(|wrong| format!("expected {wrong}"));
        };
        let found = path.query(message).all();
        if found.is_empty() {
            return Err(format!("expected something at {text}, got {message}"));
        }
        let wrong = |wrong| format!("at {text}: expected {wrong}");
        found.into_iter().try_for_each(|value| self.check_one(value).map_err(wrong))
    }

    fn check_one(&self, value: &Value) -> Result<(), String> {
        let broken = self.predicates.iter().find(|predicate| !predicate.holds(value));
        broken.map_or(Ok(()), |predicate| Err(format!("{}, got {value}", predicate.text())))
    }
}

fn path(value: &Value) -> Result<(String, JsonPath), String> {
    let Value::String(text) = value else { return Err(format!("path {value} is no text")) };
    // The schema's own example has no `$`.
    let whole = if text.starts_with('$') { text.clone() } else { format!("$.{text}") };
    match JsonPath::parse(&whole) {
        Ok(path) => Ok((text.clone(), path)),
        Err(error) => Err(format!("path `{text}` is no JSONPath: {error}")),
    }
}

impl Predicate {
    fn read(name: &str, value: &Value) -> Result<Self, String> {
        let number = || value.as_f64().ok_or_else(|| format!("{name}: {value} is no number"));
        let keys = || {
            let keys = serde_json::from_value::<Vec<String>>(value.clone());
            keys.map_err(|_| format!("{name}: {value} is no list of keys"))
        };
        Ok(match name {
            "equals" => Self::Equals(value.clone()),
            "above" => Self::Above(number()?),
            "below" => Self::Below(number()?),
            "type" => match value.as_str() {
                Some(name) => Self::Type(name.to_lowercase()),
                None => return Err(format!("type: {value} is no name of a type")),
            },
            "haveKeys" => Self::HaveKeys(keys()?),
            "includeKeys" => Self::IncludeKeys(keys()?),
            "contains" => Self::Contains(value.clone()),
            "noterror" => Self::NoError,
            _ => return Err(format!("there is no `{name}`: there are {KNOWN}")),
        })
    }

    fn holds(&self, value: &Value) -> bool {
        let has = |keys: &Map<String, Value>, wanted: &[String]| {
            wanted.iter().all(|key| keys.contains_key(key))
        };
        match (self, value) {
            (Self::Equals(wanted), value) => same(wanted, value),
            (Self::Above(limit), value) => value.as_f64().is_some_and(|number| number > *limit),
            (Self::Below(limit), value) => value.as_f64().is_some_and(|number| number < *limit),
            (Self::Type(wanted), value) => wanted == type_of(value),
            (Self::HaveKeys(wanted), Value::Object(keys)) => {
                keys.len() == wanted.len() && has(keys, wanted)
            }
            (Self::IncludeKeys(wanted), Value::Object(keys)) => has(keys, wanted),
            (Self::Contains(Value::String(wanted)), Value::String(text)) => text.contains(wanted),
            (Self::Contains(wanted), Value::Array(items)) => {
                items.iter().any(|item| same(wanted, item))
            }
            (Self::NoError, value) => value.get("message").is_none_or(Value::is_null),
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Equals(wanted) => wanted.to_string(),
            Self::Above(limit) => format!("a number above {limit}"),
            Self::Below(limit) => format!("a number below {limit}"),
            Self::Type(wanted) => format!("the type {wanted}"),
            Self::HaveKeys(wanted) => format!("the keys {} and no others", wanted.join(", ")),
            Self::IncludeKeys(wanted) => format!("the keys {}", wanted.join(", ")),
            Self::Contains(wanted) => format!("something with {wanted} in it"),
            Self::NoError => "no error".into(),
        }
    }
}

/// As JavaScript compares: 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
