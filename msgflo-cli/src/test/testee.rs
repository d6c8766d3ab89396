//! The participant that is tested.

use std::process::Stdio;
use std::time::Duration;

use msgflo::{Definition, Error, Network, PortDefinition, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::outcome::TimedOut;

/// How long a participant that was started may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a participant announced.
pub struct Testee(Definition);

impl Testee {
    /// Waits for the participant in this role, or if none is given, with this component.
    pub async fn find(
        network: &Network,
        role: Option<&str>,
        component: &str,
        patience: Duration,
    ) -> Result<Self> {
        let mut announcements = network.watch().await?;
        let mut others = Vec::new();
        let search = async {
            while let Some(definition) = announcements.next().await {
                let definition = definition?;
                let found = match role {
                    Some(role) => definition.role == role,
                    None => definition.component == component,
                };
                if found {
                    return Ok(Self(definition));
                }
                let other = match role {
                    Some(_) => definition.role,
                    None => definition.component,
                };
                if !others.contains(&other) {
                    others.push(other);
                }
            }
            Err(Error::message("the connection was closed"))
        };
        if let Ok(found) = timeout(patience, search).await {
            return found;
        }
        let (url, seconds) = (network.transport().url(), patience.as_secs_f32());
        let wanted = match role {
            Some(role) => format!("no participant in role `{role}`"),
            None => format!("no participant with component `{component}` (--role)"),
        };
        others.sort();
        let heard = match others.is_empty() {
            true => "nobody else did either".into(),
            false => format!("there are `{}`", others.join("`, `")),
        };
        Err(TimedOut(format!(
            "{wanted} announced itself on {url} within {seconds} s (--wait); {heard}"
        ))
        .into())
    }

    pub fn role(&self) -> &str {
        &self.0.role
    }

    /// The queue of an inport.
    pub fn inport(&self, port: &str) -> Result<&str, String> {
        queue(&self.0.inports, port).ok_or_else(|| self.unknown("inport", port, &self.0.inports))
    }

    /// The outport of this name as it is announced.
    pub fn outport(&self, port: &str) -> Result<&str, String> {
        let found = find(&self.0.outports, port).map(|port| port.id.as_str());
        found.ok_or_else(|| self.unknown("outport", port, &self.0.outports))
    }

    /// Its outports and their queues.
    pub fn outports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.outports.iter().filter_map(|port| Some((port.id.as_str(), port.queue.as_deref()?)))
    }

    fn unknown(&self, what: &str, port: &str, ports: &[PortDefinition]) -> String {
        let known: Vec<_> = ports.iter().map(|port| format!("`{}`", port.id)).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        format!("no {what} `{port}`: `{}` has {known}", self.role())
    }
}

/// Names are the same without regard to case, as in graphs.
fn find<'a>(ports: &'a [PortDefinition], name: &str) -> Option<&'a PortDefinition> {
    let exact = ports.iter().find(|port| port.id == name);
    exact.or_else(|| ports.iter().find(|port| port.id.to_lowercase() == name.to_lowercase()))
}

fn queue<'a>(ports: &'a [PortDefinition], name: &str) -> Option<&'a str> {
    find(ports, name)?.queue.as_deref()
}

/// A participant that was started for the tests.
pub struct Started {
    command: String,
    child: Child,
}

impl Started {
    pub fn start(command: &str, broker: &str) -> Result<Self> {
        let invalid = |reason: String| Error::invalid(format!("--start '{command}': {reason}"));
        let words = shell_words::split(command).map_err(|error| invalid(error.to_string()))?;
        let Some((program, arguments)) = words.split_first() else {
            return Err(invalid("no command".into()));
        };
        let child = Command::new(program)
            .args(arguments)
            .env("MSGFLO_BROKER", broker)
            .stdin(Stdio::null())
            // Standard output is for the results.
            .stdout(std::io::stderr())
            // Cargo and npm do not pass signals on.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self { command: command.to_owned(), child })
    }

    /// Does something while it runs.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            worked = work => worked,
            ended = self.child.wait() => {
                let (command, status) = (&self.command, ended?);
                Err(Error::message(format!("`{command}` ended before it was tested: {status}")))
            }
        }
    }

    /// Ends it, as Ctrl-C does; if that does not help, by force.
    pub async fn stop(mut self) {
        let group = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        for signal in [Signal::INT, Signal::KILL] {
            if let Some(group) = group {
                let _ = kill_process_group(group, signal);
            }
            if timeout(PATIENCE, self.child.wait()).await.is_ok() {
                return;
            }
        }
    }
}
