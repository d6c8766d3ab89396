//! API keys and passwords, which nobody must see.

use std::ops::Range;

use serde_saphyr::Spanned;

use super::yaml::{self, Yaml};

/// The line with stars for every byte of what is secret, so that all else keeps its place.
pub(super) fn conceal(line: &str, secrets: &[String]) -> String {
    let mut hidden = vec![false; line.len()];
    for secret in secrets {
        for (at, secret) in line.match_indices(secret.as_str()) {
            hidden[at..at + secret.len()].fill(true);
        }
    }
    // The names and passwords of URLs, known or not.
    for (start, _) in line.match_indices("://") {
        let end = line[start..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let url = &line[start..end.map_or(line.len(), |length| start + length)];
        if let Some(place) = credentials(url) {
            hidden[start + place.start..start + place.end].fill(true);
        }
    }
    let star = |(at, c): (usize, char)| match hidden[at] {
        true => "*".repeat(c.len_utf8()),
        false => c.into(),
    };
    line.char_indices().map(star).collect()
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

/// What must not be shown: the values of API keys, and of what may be meant as one.
pub(super) fn values(entries: &[(Spanned<String>, Spanned<Yaml>)], text: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    for (key, value) in entries {
        let name = key.value.to_lowercase();
        let secret = ["key", "token", "secret", "password"].iter().any(|it| name.contains(it));
        match &value.value {
            _ if secret => {
                secrets.extend(value_texts(value, text));
                // The value may be a part of the name, if there is no space between.
                secrets.extend(key.value.split_once(':').map(|(_, value)| value.to_owned()));
            }
            Yaml::Text(url) if name == "broker" => match credentials(url) {
                Some(place) => secrets.push(url[place].to_owned()),
                None if url.contains("://") => {}
                // No URL, whatever it is.
                None => secrets.extend(value_texts(value, text)),
            },
            Yaml::Map(entries) => secrets.extend(values(entries, text)),
            Yaml::Text(text) => secrets.extend(probable_values(text)),
            _ => {}
        }
    }
    // Shorter ones would hide half of the text.
    secrets.retain(|secret| secret.len() > 2);
    secrets.sort_unstable();
    secrets.dedup();
    secrets
}

/// The same for a text that cannot be read: whatever stands behind `apikey`.
pub(super) fn probable_values(text: &str) -> Vec<String> {
    let after_key = |line: &str| {
        let at = line.to_ascii_lowercase().find("apikey")? + "apikey".len();
        let value = line[at..].trim_start_matches(['"', '\'', ' ', ':', '\t']).trim_end();
        (!value.is_empty()).then(|| value.to_owned())
    };
    text.lines().filter_map(after_key).collect()
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
