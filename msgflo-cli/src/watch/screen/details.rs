//! The selected role: its ports, edges and workers.

use std::time::Instant;

use msgflo::PortDefinition;
use msgflo::transport::Edge;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Stylize;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Wrap};

use super::super::ago::ago;
use super::super::view::View;
use super::per_second;
use crate::observation::{Observation, Participant, Reading};

pub fn draw(frame: &mut Frame<'_>, area: Rect, view: &mut View, now: Instant) {
    let roles = view.observation.roles();
    let Some(role) = roles.get(view.selected(&roles)) else {
        return frame.render_widget(Block::bordered(), area);
    };
    let observation = &view.observation;
    let edges = observation.edges().unwrap_or_default();
    let definition = role.definition;
    let mut text = Text::from(definition.component.clone());
    if !definition.label.is_empty() {
        text.push_line(definition.label.clone().italic());
    }
    for port in &definition.inports {
        push_port(&mut text, "in", port);
        let queue = port.queue.as_deref().unwrap_or_default();
        if let Some(reading) = observation.reading(queue) {
            text.push_line(tell(reading));
        }
        for edge in edges.iter().filter(|edge| edge.target == queue) {
            text.push_line(format!("     from {}", sources(observation, edge)));
        }
    }
    for port in &definition.outports {
        push_port(&mut text, "out", port);
        for edge in edges.iter().filter(|edge| Some(&edge.source) == port.queue.as_ref()) {
            text.push_line(format!("     to {}", targets(observation, edge)));
        }
    }
    text.push_line("workers".bold());
    text.extend(role.workers.iter().map(|worker| tell_worker(worker, now)));

    let block = Block::bordered().title(format!(" {} ", role.name()).bold());
    let inner = block.inner(area);
    // About so many lines when they are wrapped.
    let width = usize::from(inner.width.max(1));
    let lines: usize = text.iter().map(|line| line.width().div_ceil(width).max(1)).sum();
    let most = lines.saturating_sub(inner.height.into());
    let scroll = view.scroll.min(u16::try_from(most).unwrap_or(u16::MAX));
    let details = Paragraph::new(text).wrap(Wrap { trim: false }).scroll((scroll, 0));
    frame.render_widget(details.block(block), area);
    view.scroll = scroll;
}

fn push_port(text: &mut Text<'_>, direction: &'static str, port: &PortDefinition) {
    let queue = port.queue.as_deref().filter(|queue| !queue.is_empty()).unwrap_or("hidden");
    text.push_line(Line::from(vec![
        format!("{direction:<4} {}", port.id).bold(),
        format!("  {queue}").into(),
        format!("  {}", port.port_type).dim(),
    ]));
    if let Some(description) = &port.description {
        text.push_line(format!("     {description}").italic());
    }
}

fn tell(reading: &Reading) -> Line<'static> {
    let statistics = reading.statistics;
    let mut told = format!("     {} waiting", statistics.waiting);
    if let Some(growth) = reading.growth {
        told += &format!(" ({}/s)", per_second(growth));
    }
    told += &format!(", {} consumers", statistics.consumers);
    if let Some(unsettled) = statistics.unsettled {
        told += &format!(", {unsettled} in work");
    }
    let mut line = Line::from(told);
    if let Some(dead) = reading.dead_letters.filter(|dead| *dead > 0) {
        line.push_span(format!(", {dead} dead").red());
    }
    if statistics.consumers == 0 && statistics.waiting > 0 { line.red() } else { line }
}

fn tell_worker(worker: &Participant, now: Instant) -> Line<'static> {
    let heard = ago(now.duration_since(worker.heard));
    let line = Line::from(format!("     {}  heard {heard} ago", worker.definition.id));
    if worker.is_late(now) { line.yellow() } else { line }
}

fn sources(observation: &Observation, edge: &Edge) -> String {
    names(observation.sources(edge), &edge.source)
}

fn targets(observation: &Observation, edge: &Edge) -> String {
    names(observation.targets(edge), &edge.target)
}

fn names(ports: Vec<(&str, &str)>, queue: &str) -> String {
    if ports.is_empty() {
        return format!("`{queue}`, of which nobody told");
    }
    ports.iter().map(|(role, port)| format!("{role} {port}")).collect::<Vec<_>>().join(", ")
}
