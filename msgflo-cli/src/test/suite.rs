//! Files with tests, as fbp-spec has them.

use std::path::Path;
use std::time::Duration;

use msgflo::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expectation::Expectation;

/// Tests of one component.
#[derive(Debug)]
pub struct Suite {
    pub name: String,
    /// The component that is tested.
    pub topic: String,
    pub has_fixture: bool,
    pub skip: Option<String>,
    pub cases: Vec<Case>,
}

/// One test.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub assertion: String,
    pub skip: Option<String>,
    pub timeout: Option<Duration>,
    /// Or why there are none.
    pub steps: Result<Vec<Step>, String>,
}

/// What is sent, and what must come of it.
#[derive(Debug)]
pub struct Step {
    /// Inport and value.
    pub inputs: Map<String, Value>,
    /// Outport and what its message must be.
    pub expected: Vec<(String, Vec<Expectation>)>,
}

#[derive(Deserialize)]
struct SuiteForm {
    topic: String,
    name: Option<String>,
    fixture: Option<Value>,
    skip: Option<Value>,
    timeout: Option<f64>,
    #[serde(default)]
    cases: Vec<CaseForm>,
}

#[derive(Deserialize)]
struct CaseForm {
    name: String,
    #[serde(default)]
    assertion: String,
    inputs: OneOrMany,
    expect: OneOrMany,
    skip: Option<Value>,
    timeout: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Map<String, Value>>),
    One(Map<String, Value>),
}

impl OneOrMany {
    fn list(self) -> Vec<Map<String, Value>> {
        match self {
            Self::Many(list) => list,
            Self::One(one) => vec![one],
        }
    }
}

/// Reads a file with suites, separated by `---`.
pub fn read(file: &Path) -> Result<Vec<Suite>> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::invalid(format!("cannot read {name}: {error}")))?;
    // `on` and `yes` are texts, as for fbp-spec.
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options)
        .map_err(|error| Error::invalid(format!("{name} is not YAML: {error}")))?;
    let suites: Vec<Value> = documents
        .into_iter()
        .flat_map(|document| match document {
            Value::Array(suites) => suites,
            suite => vec![suite],
        })
        .filter(|suite| !suite.is_null())
        .collect();
    if suites.is_empty() {
        return Err(Error::invalid(format!("{name} has no suite: write `topic:` and `cases:`")));
    }
    let numbered = suites.into_iter().enumerate();
    numbered
        .map(|(index, suite)| {
            Suite::read(suite)
                .map_err(|wrong| Error::invalid(format!("{name}: suite {}: {wrong}", index + 1)))
        })
        .collect()
}

impl Suite {
    fn read(value: Value) -> Result<Self, String> {
        // Case by case, to say which one is wrong.
        let cases = value.get("cases").and_then(Value::as_array).into_iter().flatten();
        for (index, case) in cases.enumerate() {
            CaseForm::deserialize(case).map_err(|error| {
                let name = case.get("name").and_then(Value::as_str);
                let name = name.map_or((index + 1).to_string(), |name| format!("`{name}`"));
                format!("case {name}: {}", reason(&error))
            })?;
        }
        let form = SuiteForm::deserialize(value).map_err(|error| error.to_string())?;
        let cases = form.cases.into_iter().map(|case| {
            let name = case.name.clone();
            Case::read(case, form.timeout).map_err(|wrong| format!("case `{name}`: {wrong}"))
        });
        Ok(Self {
            cases: cases.collect::<Result<_, _>>()?,
            name: form.name.filter(|name| !name.is_empty()).unwrap_or_else(|| form.topic.clone()),
            topic: form.topic,
            has_fixture: form.fixture.is_some(),
            skip: form.skip.and_then(skip),
        })
    }
}

/// What serde says of [`OneOrMany`] helps nobody.
fn reason(error: &serde_json::Error) -> String {
    match error.to_string() {
        text if text.contains("OneOrMany") => {
            "`inputs` and `expect` are mappings from port to value, or lists of such".into()
        }
        text => text,
    }
}

impl Case {
    fn read(form: CaseForm, suite_timeout: Option<f64>) -> Result<Self, String> {
        let (inputs, expected) = (form.inputs.list(), form.expect.list());
        let (sent, awaited) = (inputs.len(), expected.len());
        let steps = inputs.into_iter().zip(expected).map(|(inputs, expected)| {
            let read = |(port, value): (String, Value)| match Expectation::read(&value) {
                Ok(expectations) => Ok((port, expectations)),
                Err(wrong) => Err(format!("port `{port}`: {wrong}")),
            };
            let expected = expected.into_iter().map(read).collect::<Result<_, String>>()?;
            Ok(Step { inputs, expected })
        });
        let steps = steps.collect::<Result<Vec<_>, String>>()?;
        let timeout = form.timeout.or(suite_timeout).map(|milliseconds| {
            Duration::try_from_secs_f64(milliseconds / 1000.0)
                .map_err(|_| format!("timeout {milliseconds} is no number of milliseconds"))
        });
        Ok(Self {
            name: form.name,
            assertion: form.assertion,
            skip: form.skip.and_then(skip),
            timeout: timeout.transpose()?,
            steps: match sent == awaited {
                true => Ok(steps),
                // A test that fails, as in fbp-spec.
                false => {
                    Err(format!("{sent} inputs and {awaited} expectations; give as many of both"))
                }
            },
        })
    }
}

/// The reason for skipping, where it is to be skipped.
fn skip(value: Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(reason) if reason.is_empty() => None,
        Value::String(reason) => Some(reason),
        other => Some(other.to_string()),
    }
}
