//! What is shown, apart from how.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use msgflo::Definition;
use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::observation::{Answers, Change, Observation, Role};

/// How much of the log is kept.
const LOG: usize = 200;
/// How far Page Up and Page Down go.
const PAGE: u16 = 5;

pub struct View {
    /// The broker's URL, without its password.
    pub url: String,
    pub observation: Observation,
    pub connected: bool,
    /// What happened, and when; the last comes last.
    pub log: VecDeque<(Instant, String)>,
    /// How far the details are scrolled.
    pub scroll: u16,
    /// Role and component. A number would mean another one when somebody comes.
    selected: Option<(String, String)>,
}

impl View {
    pub fn new(url: &str, now: Instant) -> Self {
        let mut view = Self {
            url: url.into(),
            observation: Observation::default(),
            connected: true,
            log: VecDeque::new(),
            scroll: 0,
            selected: None,
        };
        view.note("listening to announcements", now);
        view
    }

    pub fn hear(&mut self, definition: Definition, now: Instant) {
        let change = self.observation.hear(definition, now);
        self.note_changes(change, now);
    }

    pub fn take(&mut self, answers: Answers, now: Instant) {
        let changes = self.observation.take(answers, now);
        self.note_changes(changes, now);
    }

    pub fn look_at_clock(&mut self, now: Instant) {
        let changes = self.observation.look_at_clock(now);
        self.note_changes(changes, now);
    }

    pub fn set_connected(&mut self, connected: bool, now: Instant) {
        if connected != self.connected {
            self.connected = connected;
            self.note(if connected { "connected again" } else { "the connection is lost" }, now);
        }
    }

    /// Breaks when the user wants to quit.
    pub fn handle(&mut self, event: &Event) -> ControlFlow<()> {
        let Event::Key(key) = event else { return ControlFlow::Continue(()) };
        if key.kind == KeyEventKind::Release {
            return ControlFlow::Continue(());
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return ControlFlow::Break(()),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return ControlFlow::Break(());
            }
            KeyCode::Down | KeyCode::Char('j') => self.select(|index| index + 1),
            KeyCode::Up | KeyCode::Char('k') => self.select(|index| index.saturating_sub(1)),
            KeyCode::Home => self.select(|_| 0),
            KeyCode::End => self.select(|_| usize::MAX),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(PAGE),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(PAGE),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// The selected role's place among all; the first one's if none is.
    pub fn selected(&self, roles: &[Role<'_>]) -> usize {
        let is_selected = |role: &Role<'_>| {
            self.selected.as_ref().is_some_and(|(name, component)| {
                role.name() == name && role.definition.component == *component
            })
        };
        roles.iter().position(is_selected).unwrap_or_default()
    }

    fn select(&mut self, to: impl Fn(usize) -> usize) {
        let roles = self.observation.roles();
        let index = to(self.selected(&roles)).min(roles.len().saturating_sub(1));
        let selected = roles.get(index);
        self.selected =
            selected.map(|role| (role.name().to_owned(), role.definition.component.clone()));
        self.scroll = 0;
    }

    fn note_changes(&mut self, changes: impl IntoIterator<Item = Change>, now: Instant) {
        for change in changes {
            self.note(&sentence(change), now);
        }
    }

    fn note(&mut self, what: &str, now: Instant) {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back((now, what.into()));
    }
}

fn sentence(change: Change) -> String {
    match change {
        Change::Joined { id, role } => format!("{role} is there: {id}"),
        Change::Redefined { id, role } => format!("{role} announces other ports: {id}"),
        Change::Returned { id, role } => format!("{role} is there again: {id}"),
        Change::Late { id, role } => format!("{role} is late, it may have ended: {id}"),
        Change::Gone { id, role } => format!("{role} is gone: {id}"),
        Change::Consumers { queue, before, now: 0 } => {
            format!("nobody receives from {queue} any more ({before} did)")
        }
        Change::Consumers { queue, before, now } => {
            format!("{now} receive from {queue} ({before} did before)")
        }
    }
}
