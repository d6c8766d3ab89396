//! How it is shown.

mod details;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::ago::ago;
use super::view::View;
use crate::observation::{Observation, Role};

/// From this width on, things stand side by side.
const WIDE: u16 = 80;
/// From this width on, components are shown.
const ROOMY: u16 = 46;

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, view: &mut View, now: Instant) {
    let wide = frame.area().width >= WIDE;
    let rows =
        [Constraint::Length(1), Constraint::Fill(2), Constraint::Max(if wide { 10 } else { 6 })];
    let [head, top, bottom] = Layout::vertical(rows).areas(frame.area());
    let halves = [Constraint::Fill(1), Constraint::Fill(1)];
    let [roles, details] = if wide {
        Layout::horizontal(halves)
    } else {
        Layout::vertical([Constraint::Fill(2), Constraint::Fill(3)])
    }
    .areas(top);
    draw_head(frame, head, view, now);
    draw_roles(frame, roles, view, now);
    details::draw(frame, details, view, now);
    if wide {
        let [edges, log] = Layout::horizontal(halves).areas(bottom);
        draw_edges(frame, edges, &view.observation);
        draw_log(frame, log, view, now);
    } else {
        // A role's edges are among its details.
        draw_log(frame, bottom, view, now);
    }
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, view: &View, now: Instant) {
    let roles = view.observation.roles();
    let present: usize = roles.iter().map(|role| role.present(now)).sum();
    let mut line = Line::from(vec![
        format!(" {}  ", view.url).bold(),
        format!("{} {}, ", roles.len(), if roles.len() == 1 { "role" } else { "roles" }).into(),
        format!("{present} {}", if present == 1 { "worker" } else { "workers" }).into(),
    ]);
    if !view.connected {
        line.push_span("  the connection is lost, trying again".red().bold());
    }
    let keys = Line::from("↑↓ select  q quit ").right_aligned().dim();
    if line.width() + keys.width() < area.width.into() {
        frame.render_widget(keys, area);
        let [area, _] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(18)]).areas(area);
        return frame.render_widget(line, area);
    }
    frame.render_widget(line, area);
}

fn draw_roles(frame: &mut Frame<'_>, area: Rect, view: &View, now: Instant) {
    let observation = &view.observation;
    let roles = observation.roles();
    let block = Block::bordered().title(" Roles ");
    if roles.is_empty() {
        let text =
            "Nobody has announced itself yet. Participants repeat their announcements every 27 s.";
        let text = Paragraph::new(text).wrap(Wrap { trim: true }).block(block);
        return frame.render_widget(text, area);
    }
    let components = area.width >= ROOMY;
    let queues = observation.has_readings();
    let mut heads = vec!["ROLE"];
    let mut widths = vec![Constraint::Fill(2)];
    if components {
        heads.push("COMPONENT");
        widths.push(Constraint::Fill(3));
    }
    heads.push("WORKERS");
    widths.push(Constraint::Length(7));
    if queues {
        heads.extend(["WAITING", "PER S"]);
        widths.extend([Constraint::Length(7), Constraint::Length(7)]);
    }
    let rows = roles.iter().map(|role| {
        let mut cells = vec![Cell::from(role.name())];
        if components {
            cells.push(role.definition.component.as_str().into());
        }
        let present = role.present(now);
        let late = role.workers.len() - present;
        let workers = if late == 0 { present.to_string() } else { format!("{present} -{late}") };
        cells.push(Line::from(workers).right_aligned().into());
        if queues {
            let backlog = Backlog::of(role, observation);
            let waiting = backlog.waiting.map_or(String::new(), |waiting| waiting.to_string());
            let growth = backlog.growth.map_or(String::new(), per_second);
            cells.push(Line::from(waiting).right_aligned().into());
            cells.push(Line::from(growth).right_aligned().into());
        }
        let style = match (present, late) {
            (0, _) => Style::new().red(),
            (_, 1..) => Style::new().yellow(),
            _ => Style::new(),
        };
        Row::new(cells).style(style)
    });
    let selected = view.selected(&roles);
    let table = Table::new(rows, widths)
        .header(Row::new(heads).bold())
        .row_highlight_style(Style::new().reversed())
        .block(block);
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
}

/// What waits for a role.
#[derive(Default)]
struct Backlog {
    waiting: Option<u64>,
    growth: Option<f64>,
}

impl Backlog {
    fn of(role: &Role<'_>, observation: &Observation) -> Self {
        let mut sum = Self::default();
        for port in role.inports() {
            let Some(reading) = port.queue.as_ref().and_then(|queue| observation.reading(queue))
            else {
                continue;
            };
            *sum.waiting.get_or_insert_default() += reading.statistics.waiting;
            if let Some(growth) = reading.growth {
                *sum.growth.get_or_insert_default() += growth;
            }
        }
        sum
    }
}

/// How much more waits with every second, with its sign.
fn per_second(growth: f64) -> String {
    match growth.abs() {
        0.0..0.05 => "0".into(),
        0.05..10.0 => format!("{growth:+.1}"),
        _ => format!("{growth:+.0}"),
    }
}

fn draw_edges(frame: &mut Frame<'_>, area: Rect, observation: &Observation) {
    let (title, text) = match observation.edges() {
        Ok(edges) => {
            let lines = edges.iter().map(|edge| observation.describe(edge)).collect();
            (format!(" Edges: {} ", edges.len()), cut(lines, area))
        }
        Err(reason) => (" Edges ".to_owned(), Text::from(format!("not known: {reason}"))),
    };
    let edges = Paragraph::new(text).wrap(Wrap { trim: false });
    frame.render_widget(edges.block(Block::bordered().title(title)), area);
}

/// As many lines as fit into the area's frame.
fn cut(mut lines: Vec<String>, area: Rect) -> Text<'static> {
    let most = usize::from(area.height.saturating_sub(2));
    if lines.len() > most {
        let more = lines.len() - most.saturating_sub(1);
        lines.truncate(most.saturating_sub(1));
        lines.push(format!("… and {more} more"));
    }
    Text::from_iter(lines)
}

fn draw_log(frame: &mut Frame<'_>, area: Rect, view: &View, now: Instant) {
    let most = usize::from(area.height.saturating_sub(2));
    let lines = view.log.iter().rev().take(most).rev().map(|(at, what)| {
        Line::from(vec![
            format!("{:>7}  ", ago(now.duration_since(*at))).dim(),
            what.as_str().into(),
        ])
    });
    let log = Paragraph::new(Text::from_iter(lines));
    frame.render_widget(log.block(Block::bordered().title(" Log ")), area);
}

#[cfg(test)]
mod tests;
