//! YAML in which everything has its place.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

/// What stands at a place.
pub(super) enum Yaml {
    /// In the order of the text, and with keys that are there twice.
    Map(Vec<(Spanned<String>, Spanned<Yaml>)>),
    List(Vec<Spanned<Yaml>>),
    Text(String),
    Number(f64),
    Boolean,
    Nothing,
}

impl Yaml {
    /// What it is, for sentences. Texts are not quoted: they may be secret.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Map(_) => "a mapping",
            Self::List(_) => "a list",
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Boolean => "true or false",
            Self::Nothing => "nothing",
        }
    }
}

/// Reads a text that has one document.
///
/// # Errors
/// What is wrong, and at which bytes of the text.
pub(super) fn read(text: &str) -> Result<Spanned<Yaml>, (String, Range<usize>)> {
    let options = serde_saphyr::options! {
        // What nests deeper than this, is no configuration, and would take too much stack.
        budget: serde_saphyr::budget! { max_depth: 30 },
        // They are reported with all else that is wrong.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // As guv's parser does it.
        strict_booleans: true,
        null_as_string: true,
        // Octal to some parsers, and decimal to others.
        leading_zero_numbers_as_strings: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        // The place is shown.
        let message = message.split(" at line ").next().unwrap_or_default();
        let place = error.location().map_or(0..0, |location| place(text, location));
        (format!("not YAML: {message}"), place)
    })
}

/// The bytes that a location is about.
pub(super) fn place(text: &str, location: Location) -> Range<usize> {
    let span = location.span();
    if let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) {
        let start = usize::try_from(start).unwrap_or(text.len()).min(text.len());
        let length = usize::try_from(length).unwrap_or_default();
        return start..start.saturating_add(length).min(text.len());
    }
    let before = usize::try_from(location.line()).unwrap_or_default().saturating_sub(1);
    let line_start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let characters = usize::try_from(location.column()).unwrap_or_default().saturating_sub(1);
    let at = text[line_start..].char_indices().nth(characters);
    let at = at.map_or(text.len(), |(index, _)| line_start + index);
    at..at
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list or a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Yaml::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Yaml, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Yaml::List(values))
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Yaml, E> {
        Ok(Yaml::Boolean)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value as f64))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Yaml, E> {
        Ok(Yaml::Number(value as f64))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Yaml, E> {
        Ok(Yaml::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.into()))
    }
}
