//! `msgflo docs`: the network as an AsyncAPI document.

mod asyncapi;
mod schema;
mod server;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use msgflo::{Error, Result};

use crate::broker::Broker;
use crate::observation::Listen;
use crate::outcome::TimedOut;

/// Document the running network: AsyncAPI 3.0
///
/// Every port's queue is a channel, and every port an operation of its role, with the schema that
/// was announced or one of the port's type.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo docs --output asyncapi.yaml
  msgflo docs --title 'Image service' --wait 28 | jq .channels")]
pub struct Docs {
    #[command(flatten)]
    broker: Broker,
    #[command(flatten)]
    listen: Listen,
    /// The document's title
    #[arg(long, default_value = "MsgFlo network")]
    title: String,
    /// The document's version
    #[arg(long, default_value = "1.0.0")]
    document_version: String,
    /// Write to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How it is written [default: by the file's name, else json]
    #[arg(long)]
    format: Option<Format>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

impl Format {
    fn of(file: Option<&Path>) -> Self {
        match file.and_then(Path::extension) {
            Some(ending) if ending == "yaml" || ending == "yml" => Self::Yaml,
            _ => Self::Json,
        }
    }
}

impl Docs {
    pub async fn run(self) -> Result<()> {
        let server = server::describe(&self.broker.url())?;
        let document = self
            .broker
            .with(async |network| {
                let url = network.transport().url();
                let observation = self.listen.observe(network).await?;
                if observation.len() == 0 {
                    let nobody = format!("nobody has announced itself on {url}");
                    return Err(TimedOut(format!("{nobody}; there is nothing to document")).into());
                }
                Ok(asyncapi::document(&self.title, &self.document_version, &server, &observation))
            })
            .await?;
        let text = match self.format.unwrap_or_else(|| Format::of(self.output.as_deref())) {
            Format::Json => format!("{document:#}\n"),
            Format::Yaml => serde_saphyr::to_string(&document).map_err(Error::new)?,
        };
        match &self.output {
            Some(file) => std::fs::write(file, text).map_err(|error| {
                Error::invalid(format!("cannot write --output {}: {error}", file.display()))
            }),
            None => Ok(io::stdout().write_all(text.as_bytes())?),
        }
    }
}
