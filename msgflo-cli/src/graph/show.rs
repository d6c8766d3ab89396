//! `msgflo graph show`: a picture of a graph, or of the network that runs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use msgflo::{Error, Result};
use msgflo_graph::draw;

use super::running;
use crate::broker::Broker;
use crate::input;

/// Draw a graph, or the network that runs
///
/// The network is drawn as its participants announce it, with the edges that the broker tells of.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo graph show images.fbp --output images.svg
  msgflo graph show images.fbp --format mermaid
  msgflo graph show --running --broker amqp://localhost --format dot | dot -Tpng > network.png")]
pub struct Show {
    /// The graph, .fbp or JSON; - is standard input
    #[arg(required_unless_present = "running")]
    file: Option<PathBuf>,
    /// Draw the network that runs, instead of a graph
    #[arg(long, conflicts_with = "file")]
    running: bool,
    /// How to draw it [default: by the name of --output, else svg]
    #[arg(long)]
    format: Option<Format>,
    /// Write it to this file, instead of to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// With --running: listen to announcements for this long. Participants repeat theirs every 27 s;
    /// RabbitMQ and ZeroMQ hubs keep them, so that a moment is enough; MQTT brokers do not
    /// [default: 3, on MQTT 28]
    #[arg(long, value_name = "SECONDS", value_parser = msgflo::parse_seconds)]
    wait: Option<Duration>,
    #[command(flatten)]
    broker: Broker,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Svg,
    Mermaid,
    Dot,
}

impl Format {
    fn of(file: &Path) -> Option<Self> {
        let extension = file.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "svg" => Self::Svg,
            "mmd" | "mermaid" => Self::Mermaid,
            "dot" | "gv" => Self::Dot,
            _ => return None,
        })
    }
}

impl Show {
    pub async fn run(self) -> Result<()> {
        let graph = match &self.file {
            Some(file) => input::graph(file)?.0,
            None => {
                self.broker.with(async |network| running::graph(network, self.wait).await).await?
            }
        };
        let named = self.output.as_deref().and_then(Format::of);
        let drawing = match self.format.or(named).unwrap_or(Format::Svg) {
            Format::Svg => draw::svg(&graph),
            Format::Mermaid => draw::mermaid(&graph),
            Format::Dot => draw::dot(&graph),
        };
        match self.output {
            None => Ok(io::stdout().write_all(drawing.as_bytes())?),
            Some(file) => std::fs::write(&file, drawing).map_err(|error| {
                Error::invalid(format!("cannot write {}: {error}", file.display()))
            }),
        }
    }
}
