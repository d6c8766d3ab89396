//! Workers as processes of this machine, started and stopped by command.
//!
//! - A worker is stopped by SIGTERM, and takes the time that it needs to finish its jobs. It no
//!   longer counts meanwhile. The ones that were started last are stopped first.
//! - A worker that ends by itself is reported, and missed at the next poll. Where workers die soon
//!   after they were started, again and again, the next are started later and later.
//! - A worker and what it starts are a process group, so that Ctrl-C in a terminal does not reach
//!   them: it is for the governor.
//! - What workers print goes to standard error, also what they print on standard output.

mod command;
mod procfile;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use msgflo::{Error, Result};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Backend;
use crate::config::Role;
use worker::Worker;

pub use command::Command;
pub use procfile::Procfile;
pub use worker::ending;

/// Whoever lives so long did not die of being started.
const LONG_LIFE: Duration = Duration::from_secs(30);
/// Workers that die at once are started again after 1 s, 2 s, 4 s, … and this at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The backend. Dropping it asks all workers to stop, and waits for none.
pub struct Process {
    commands: HashMap<String, Command>,
    shared: Arc<Shared>,
}

/// What the backend and those who attend to its workers share.
struct Shared {
    roles: Mutex<HashMap<String, Workers>>,
    /// How many processes there are, those that are being stopped included.
    count: watch::Sender<usize>,
    on_death: OnDeath,
}

/// Told the role, and how a worker died.
type OnDeath = Box<dyn Fn(&str, &str) + Send + Sync>;

#[derive(Default)]
struct Workers {
    /// In the order in which they were started.
    running: Vec<Worker>,
    stopping: Vec<Worker>,
    deaths: Deaths,
}

/// Workers of a role that have died soon after they were started.
#[derive(Default)]
struct Deaths {
    /// How many, without one that lived long in between.
    in_a_row: u32,
    last: String,
    /// When the next worker may be started.
    pause_until: Option<Instant>,
}

impl Process {
    /// Runs a role's workers by the command under its name. When one has ended without being asked
    /// to, `on_death` is told its role, and how it was, in a sentence.
    pub fn new(
        commands: HashMap<String, Command>,
        on_death: impl Fn(&str, &str) + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            roles: Mutex::default(),
            count: watch::Sender::new(0),
            on_death: Box::new(on_death),
        };
        Self { commands, shared: Arc::new(shared) }
    }

    /// Asks all workers to stop, and returns when they have ended, however long that takes.
    pub async fn stop(&self) {
        for workers in self.shared.roles().values_mut() {
            workers.stop(usize::MAX);
        }
        // The sender is in here, too.
        let _ = self.shared.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Ends all workers at once. What they are at is left to the broker to deliver again.
    pub async fn kill(&self) {
        for workers in self.shared.roles().values_mut() {
            workers.stop(usize::MAX);
            workers.stopping.iter().for_each(Worker::kill);
        }
        let _ = self.shared.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// How many processes there are, those that are being stopped included.
    pub fn processes(&self) -> usize {
        *self.shared.count.borrow()
    }

    fn scale_one(&self, role: &Role, wanted: u32) -> Result<()> {
        let mut roles = self.shared.roles();
        let workers = roles.entry(role.name.clone()).or_default();
        let (there, wanted) = (workers.running.len(), wanted as usize);
        if wanted <= there {
            workers.stop(there - wanted);
            return Ok(());
        }
        let command = self.commands.get(&role.name).ok_or_else(|| {
            Error::invalid(format!("there is no command for workers of role `{}`", role.name))
        })?;
        workers.deaths.allow_start()?;
        for _ in there..wanted {
            let worker = command.start()?;
            workers.running.push(attend(&self.shared, &role.name, worker));
        }
        Ok(())
    }
}

#[async_trait]
impl Backend for Process {
    async fn workers(&self, roles: &[&Role]) -> Vec<Result<Option<u32>>> {
        let known = self.shared.roles();
        let count = |role: &&Role| known.get(&role.name).map_or(0, |role| role.running.len());
        roles.iter().map(|role| Ok(Some(count(role) as u32))).collect()
    }

    async fn scale(&self, changes: &[(&Role, u32)]) -> Vec<Result<()>> {
        changes.iter().map(|(role, wanted)| self.scale_one(role, *wanted)).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for workers in self.shared.roles().values_mut() {
            workers.stop(usize::MAX);
        }
    }
}

impl Shared {
    fn roles(&self) -> MutexGuard<'_, HashMap<String, Workers>> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker has ended.
    fn ended(&self, role: &str, id: u32, how: &str) {
        let died = self.roles().get_mut(role).and_then(|workers| workers.remove(id, how));
        if let Some(death) = died {
            (self.on_death)(role, &death);
        }
        self.count.send_modify(|count| *count -= 1);
    }
}

/// Waits for the worker's end.
fn attend(shared: &Arc<Shared>, role: &str, (worker, end): (Worker, worker::End)) -> Worker {
    shared.count.send_modify(|count| *count += 1);
    let (shared, role, id) = (shared.clone(), role.to_owned(), worker.id());
    tokio::spawn(async move {
        let how = end.wait().await;
        shared.ended(&role, id, &how);
    });
    worker
}

impl Workers {
    /// Asks so many to stop.
    fn stop(&mut self, count: usize) {
        let kept = self.running.len().saturating_sub(count);
        for worker in self.running.drain(kept..) {
            worker.terminate();
            self.stopping.push(worker);
        }
    }

    /// Takes out one that has ended; what is to be said if it was not asked to.
    fn remove(&mut self, id: u32, how: &str) -> Option<String> {
        self.stopping.retain(|worker| worker.id() != id);
        let at = self.running.iter().position(|worker| worker.id() == id)?;
        let worker = self.running.remove(at);
        self.deaths.count(worker.age(), how);
        Some(format!("worker {id} {how}, after {:.0} s", worker.age().as_secs_f64()))
    }
}

impl Deaths {
    fn count(&mut self, age: Duration, how: &str) {
        if age >= LONG_LIFE {
            *self = Self::default();
            return;
        }
        how.clone_into(&mut self.last);
        // Those that were started together also die together: that is one time.
        if self.pause_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.in_a_row += 1;
        // One may always die; from the second, it is no accident.
        if let Some(doublings) = self.in_a_row.checked_sub(2) {
            let pause = Duration::from_secs(1 << doublings.min(6)).min(LONGEST_PAUSE);
            self.pause_until = Some(Instant::now() + pause);
        }
    }

    fn allow_start(&self) -> Result<()> {
        let pause = self.pause_until.map(|until| until.saturating_duration_since(Instant::now()));
        match pause.filter(|pause| !pause.is_zero()) {
            None => Ok(()),
            Some(pause) => Err(Error::message(format!(
                "workers die soon after they are started, {} times in a row (the last one {}); the \
                 next is started in {:.0} s",
                self.in_a_row,
                self.last,
                pause.as_secs_f64().ceil()
            ))),
        }
    }
}
