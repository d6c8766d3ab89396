//! `msgflo graph convert`: .fbp to JSON, and back.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use msgflo::Result;

use crate::input::{self, Format};

/// Convert a graph from .fbp to JSON, or from JSON to .fbp
///
/// JSON keeps everything. The .fbp language has no groups, and only metadata of letters and digits.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo graph convert images.fbp > images.json
  msgflo graph convert images.json --to fbp
  curl -s https://example.org/graph.json | msgflo graph convert -")]
pub struct Convert {
    /// The graph, .fbp or JSON; - is standard input
    file: PathBuf,
    /// What to make of it [default: JSON of .fbp, .fbp of JSON]
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,
}

impl Convert {
    pub fn run(self) -> Result<()> {
        let (graph, found) = input::graph(&self.file)?;
        let to = self.to.unwrap_or(match found {
            Format::Json => Format::Fbp,
            Format::Fbp => Format::Json,
        });
        let text = match to {
            Format::Json => format!("{:#}\n", graph.to_json()),
            Format::Fbp => graph.to_fbp().map_err(input::wrong)?,
        };
        Ok(io::stdout().write_all(text.as_bytes())?)
    }
}
