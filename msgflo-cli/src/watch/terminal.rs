//! The terminal: taken for a while, and given back as it was.

use std::thread;
use std::time::Instant;

use msgflo::{Error, Result};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

use super::screen;
use super::view::View;

/// The whole terminal, until this is dropped. A panic gives it back, too.
pub struct Terminal {
    terminal: DefaultTerminal,
    events: mpsc::Receiver<std::io::Result<Event>>,
}

impl Terminal {
    pub fn open() -> Result<Self> {
        let terminal = ratatui::try_init().map_err(cannot_use)?;
        let (sender, events) = mpsc::channel(16);
        // Reading blocks; this ends with the process.
        thread::spawn(move || {
            loop {
                let event = event::read();
                let failed = event.is_err();
                if sender.blocking_send(event).is_err() || failed {
                    return;
                }
            }
        });
        Ok(Self { terminal, events })
    }

    pub fn draw(&mut self, view: &mut View) -> Result<()> {
        let drawn = self.terminal.draw(|frame| screen::draw(frame, view, Instant::now()));
        drawn.map(|_| ()).map_err(cannot_use)
    }

    /// The next key, or that the size has changed.
    pub async fn next(&mut self) -> Result<Event> {
        match self.events.recv().await {
            Some(event) => event.map_err(cannot_use),
            None => Err(Error::message("the terminal is closed")),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn cannot_use(error: std::io::Error) -> Error {
    Error::message(format!("cannot use the terminal: {error}; `msgflo ps` needs none"))
}
