//! API keys and passwords, which nobody must see.

use std::ops::Range;

use serde_saphyr::Spanned;

use super::yaml::{self, Yaml};

/// The text with stars for every byte of what is secret, so that all else keeps its place.
pub(super) fn conceal(text: &str, secrets: &[Range<usize>]) -> String {
    let mut hidden = vec![false; text.len()];
    let mut hide = |place: Range<usize>| {
        if let Some(hidden) = hidden.get_mut(place) {
            hidden.fill(true);
        }
    };
    secrets.iter().cloned().for_each(&mut hide);
    // The names and passwords of URLs, wherever they are.
    let mut seen = 0;
    for (start, _) in text.match_indices("://") {
        if start < seen {
            continue;
        }
        let end = text[start..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        seen = end.map_or(text.len(), |length| start + length);
        if let Some(place) = credentials(&text[start..seen]) {
            hide(start + place.start..start + place.end);
        }
    }
    let star = |(at, c): (usize, char)| match hidden[at] && c != '\n' {
        true => "*".repeat(c.len_utf8()),
        false => c.into(),
    };
    text.char_indices().map(star).collect()
}

/// A URL as it may be shown.
pub(super) fn without_password(url: &str) -> String {
    let mut url = url.to_owned();
    if let Some(place) = credentials(&url) {
        url.replace_range(place, "…");
    }
    url
}

/// Where a URL has its name and password, if it has.
fn credentials(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + "://".len();
    let end = url.rfind('@').filter(|end| *end > start)?;
    Some(start..end)
}

/// Where a text has what must not be shown: the values of API keys, and of what may be meant as one.
pub(super) fn places(
    entries: &[(Spanned<String>, Spanned<Yaml>)],
    text: &str,
) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    for (key, value) in entries {
        let name = key.value.to_lowercase();
        let secret = ["key", "token", "secret", "password"].iter().any(|it| name.contains(it));
        match &value.value {
            _ if secret => {
                value_places(value, text, &mut secrets);
                // The value may be a part of the name, if there is no space between.
                if name.contains(':') {
                    secrets.push(yaml::place(text, key.defined));
                }
            }
            Yaml::Text(url) if name == "broker" => {
                let place = yaml::place(text, value.defined);
                let written = text.get(place.clone()).unwrap_or_default();
                match credentials(written) {
                    Some(within) => {
                        secrets.push(place.start + within.start..place.start + within.end)
                    }
                    None if url.contains("://") && !url.contains('@') => {}
                    // No URL, whatever it is.
                    None => secrets.push(place),
                }
            }
            Yaml::Map(entries) => secrets.extend(places(entries, text)),
            Yaml::Text(value_text) if value_text.to_ascii_lowercase().contains("apikey") => {
                secrets.push(yaml::place(text, value.defined));
            }
            _ => {}
        }
    }
    secrets
}

/// The same for a text that cannot be read: whatever stands behind `apikey`.
pub(super) fn probable_places(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut secrets = Vec::new();
    for line in text.split_inclusive('\n') {
        let key = line.to_ascii_lowercase().find("apikey");
        secrets.extend(key.map(|at| start + at + "apikey".len()..start + line.len()));
        start += line.len();
    }
    secrets
}

/// All that a value consists of, as it is written.
fn value_places(value: &Spanned<Yaml>, text: &str, places: &mut Vec<Range<usize>>) {
    match &value.value {
        Yaml::List(values) => values.iter().for_each(|value| value_places(value, text, places)),
        Yaml::Map(entries) => {
            entries.iter().for_each(|(_, value)| value_places(value, text, places));
        }
        _ => places.push(yaml::place(text, value.defined)),
    }
}
