//! `msgflo ps`: who is there.

mod report;
pub mod table;

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use anstyle::Style;
use clap::Args;
use msgflo::Result;

use crate::broker::Broker;
use crate::observation::Listen;
use report::{Port, Report, Role};
use table::Table;

/// See who is there, what is bound, and what waits in queues
///
/// Participants that are not heard of for 60 s are late, and may have ended.
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo ps
  msgflo ps --wait 5 --broker mqtt://localhost
  msgflo ps --json | jq -r '.roles[] | select(all(.workers[]; .late)) | .role'
  msgflo ps --json | jq '[.roles[].inports[].waiting] | add'")]
pub struct Ps {
    #[command(flatten)]
    broker: Broker,
    #[command(flatten)]
    listen: Listen,
    /// Print JSON: `broker`, `roles` (each with its `workers`, `inports` and `outports`) and
    /// `edges`. What the broker does not tell is null
    #[arg(long)]
    json: bool,
}

impl Ps {
    pub async fn run(self) -> Result<()> {
        let report = self
            .broker
            .with(async |network| {
                let url = network.transport().url();
                let observation = self.listen.observe(network).await?;
                if observation.len() == 0 {
                    eprintln!("nobody has announced itself on {url}");
                }
                Ok(Report::new(url, &observation, Instant::now()))
            })
            .await?;
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
            return Ok(());
        }
        let width = if io::stdout().is_terminal() {
            ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns.into())
        } else {
            None
        };
        let mut sections = vec![participants(&report)];
        sections.push(ports(&report));
        sections.push(edges(&report));
        sections.retain(|table| !table.is_empty());
        for (index, table) in sections.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            for (row, line) in table.lines(width).enumerate() {
                let style = if row == 0 { Style::new().bold() } else { Style::new() };
                writeln!(out, "{style}{line}{style:#}")?;
            }
        }
        if let Some(reason) = &report.edges_unknown {
            writeln!(out, "\nedges are not known: {reason}")?;
        }
        Ok(())
    }
}

fn participants(report: &Report) -> Table {
    let mut table = Table::new(&["ROLE", "COMPONENT", "WORKERS", "HEARD", "ID"]).numbers(&[2]);
    for Role { role, component, workers, .. } in &report.roles {
        for (index, worker) in workers.iter().enumerate() {
            let (role, component, count) = match index {
                0 => (role.to_owned(), component.to_owned(), workers.len().to_string()),
                _ => Default::default(),
            };
            let late = if worker.late { ", late" } else { "" };
            let heard = format!("{:.0} s ago{late}", worker.heard_seconds_ago);
            table.add([role, component, count, heard, worker.id.clone()]);
        }
    }
    table
}

fn ports(report: &Report) -> Table {
    let told =
        report.roles.iter().flat_map(|role| &role.inports).any(|port| port.waiting.is_some());
    let mut heads = vec!["ROLE", "PORT", "", "QUEUE", "TYPE"];
    if told {
        heads.extend(["WAITING", "CONSUMERS", "DEAD"]);
    }
    let mut table = Table::new(&heads).numbers(&[5, 6, 7]);
    for role in &report.roles {
        let inports = role.inports.iter().map(|port| (port, "in"));
        let outports = role.outports.iter().map(|port| (port, "out"));
        for (index, (port, direction)) in inports.chain(outports).enumerate() {
            let Port { port: id, port_type, queue, .. } = port;
            let role = if index == 0 { role.role.clone() } else { String::new() };
            let queue = queue.clone().unwrap_or_else(|| "(hidden)".into());
            let mut row = vec![role, id.clone(), direction.into(), queue, port_type.clone()];
            if told {
                let number = |number: Option<u64>| number.map_or("".into(), |it| it.to_string());
                row.extend([port.waiting, port.consumers, port.dead_letters].map(number));
            }
            table.add(row);
        }
    }
    table
}

fn edges(report: &Report) -> Table {
    let mut table = Table::new(&["EDGE", "FROM QUEUE", "TO QUEUE"]);
    for edge in report.edges.iter().flatten() {
        table.add([edge.text.clone(), edge.source.clone(), edge.target.clone()]);
    }
    table
}
