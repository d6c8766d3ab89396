//! One worker's process.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

/// How often it is looked whether what a shell has started goes on without it.
const LOOK: Duration = Duration::from_millis(50);

/// A worker, and whatever it starts: a process group. Dropping it leaves it alone.
pub(super) struct Worker {
    id: u32,
    group: Option<Pid>,
    started: Instant,
}

/// Where a worker's end is seen.
pub(super) struct End {
    child: Child,
    group: Option<Pid>,
}

impl Worker {
    /// Of a child that leads a process group.
    pub(super) fn new(child: Child) -> (Self, End) {
        let id = child.id().unwrap_or_default();
        let group = Pid::from_raw(id.cast_signed());
        (Self { id, group, started: Instant::now() }, End { child, group })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Asks it to finish what it is at, and end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// To the whole group, since npm, Cargo and shells do not pass signals on.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // Fails when nobody is left.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl End {
    /// Returns how it has ended, when all of its group have: a shell ends at once, and what it has
    /// started may be at its last job.
    pub(super) async fn wait(mut self) -> String {
        let how = match self.child.wait().await {
            Ok(status) => ending(status),
            Err(error) => format!("has ended: {error}"),
        };
        while self.group.is_some_and(|group| test_kill_process_group(group).is_ok()) {
            sleep(LOOK).await;
        }
        how
    }
}

/// How a process has ended, as the rest of a sentence about it.
pub fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("has ended with exit code {code}"),
        None => format!("was ended by {status}"),
    }
}
