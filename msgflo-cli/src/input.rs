//! Files that a user gives, and what is wrong with them.

use std::path::Path;

use clap::ValueEnum;
use msgflo::{Error, Result};
use msgflo_graph::Graph;

/// How a graph is written down.
#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    Json,
    Fbp,
}

/// A file that cannot be used: exit code 2.
pub fn wrong(error: msgflo_graph::Error) -> Error {
    let text = error.to_string();
    // The program says "error:" itself.
    Error::invalid(text.strip_prefix("error: ").unwrap_or(&text))
}

/// A graph from a file, or from standard input if the file is `-`.
pub fn graph(file: &Path) -> Result<(Graph, Format)> {
    if file == Path::new("-") {
        let text = std::io::read_to_string(std::io::stdin().lock())
            .map_err(|error| Error::invalid(format!("cannot read standard input: {error}")))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        return match is_json(text) {
            true => Graph::from_json(text).map(|graph| (graph, Format::Json)),
            false => Graph::from_fbp(text).map(|graph| (graph, Format::Fbp)),
        }
        .map_err(wrong);
    }
    let graph = Graph::read(file).map_err(wrong)?;
    let extension = file.extension().map(|extension| extension.to_ascii_lowercase());
    let json = match extension.as_ref().and_then(|extension| extension.to_str()) {
        Some("fbp") => false,
        Some("json") => true,
        _ => std::fs::read_to_string(file).is_ok_and(|text| is_json(&text)),
    };
    Ok((graph, if json { Format::Json } else { Format::Fbp }))
}

/// No .fbp text is JSON.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
