//! A participant's process.

use std::collections::VecDeque;
use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use msgflo::{Error, Result};
use msgflo_graph::CommandLine;
use msgflo_guv::backend::process::ending;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::participants::{Options, Start};

/// So many lines on standard error are shown when it ends.
const SHOWN: usize = 20;
/// What is left on standard error when it has ended, is read for so long: its children may hold
/// it open.
const REMAINDER: Duration = Duration::from_secs(1);

/// A started program and, as its process group, whatever it starts. Dropping it leaves it alone.
pub struct Process {
    child: Child,
    group: Option<Pid>,
    first_line: oneshot::Receiver<()>,
    last_errors: Arc<Mutex<VecDeque<String>>>,
    reading_errors: JoinHandle<()>,
}

impl Process {
    pub fn start(start: &Start, options: &Options) -> Result<Self> {
        let role = &start.role.name;
        let mut command = match &options.shell {
            Some(shell) => {
                let mut command = Command::new(shell);
                command.args(["-c", &start.command.line]);
                command
            }
            None => {
                let CommandLine { program, args, .. } = &start.command;
                let mut command = Command::new(own_program(program));
                command.args(args);
                command
            }
        };
        command
            .env("MSGFLO_BROKER", &options.broker)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for us, and we tell it. It reaches what a shell or `cargo run` starts, too.
            .process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let line = &start.command.line;
            Error::message(format!("cannot start {role} by `{line}`: {error}; is it installed?"))
        })?;
        let (ready, first_line) = oneshot::channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let last_errors = Arc::new(Mutex::new(VecDeque::new()));
        let prefix = |forward: bool| forward.then(|| role.clone());
        tokio::spawn(read_output(stdout, prefix(options.forward_stdout), ready));
        let errors = read_errors(stderr, prefix(options.forward_stderr), last_errors.clone());
        let reading_errors = tokio::spawn(errors);
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, group, first_line, last_errors, reading_errors })
    }

    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns when it has printed a line, or how it has ended without.
    pub async fn ready(&mut self) -> std::result::Result<(), String> {
        let told = tokio::select! {
            told = &mut self.first_line => told.is_ok(),
            // What it has printed last, may not be read yet.
            _ = self.child.wait() => {
                timeout(REMAINDER, &mut self.first_line).await.is_ok_and(|told| told.is_ok())
            }
        };
        if told { Ok(()) } else { Err(self.end().await) }
    }

    /// Returns how it has ended, with what it wrote on standard error.
    pub async fn end(&mut self) -> String {
        let status = self.child.wait().await;
        let _ = timeout(REMAINDER, &mut self.reading_errors).await;
        let ended = match status {
            Ok(status) => ending(status),
            Err(error) => format!("has ended: {error}"),
        };
        let errors = self.last_errors.lock().unwrap_or_else(PoisonError::into_inner);
        match errors.len() {
            0 => format!("{ended}, and wrote nothing on standard error"),
            _ => {
                let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
                format!("{ended}; on standard error:\n  {}", errors.join("\n  "))
            }
        }
    }

    /// Asks it to stop, and waits for `patience`.
    pub async fn stop(mut self, patience: impl Future<Output = ()>) {
        self.signal(Signal::TERM);
        tokio::select! {
            _ = self.child.wait() => {}
            () = patience => {}
        }
        self.kill_rest();
        let _ = self.child.wait().await;
    }

    /// Kills what does not listen, and what it has left behind.
    pub fn kill_rest(&mut self) {
        self.signal(Signal::KILL);
        // The number may be another's now.
        self.group = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // Fails when nobody is left.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// This program's own names are found beside it, wherever that is.
fn own_program(program: &str) -> std::path::PathBuf {
    const OWN: [&str; 3] = ["msgflo", "msgflo-setup", "msgflo-register-foreign"];
    let beside = || Some(std::env::current_exe().ok()?.with_file_name(program));
    let own = OWN.contains(&program).then(beside).flatten();
    own.filter(|own| own.exists()).unwrap_or_else(|| program.into())
}

async fn read_output(
    stdout: Option<impl AsyncRead + Unpin>,
    role: Option<String>,
    ready: oneshot::Sender<()>,
) {
    let mut ready = Some(ready);
    each_line(stdout, |line| {
        if let Some(role) = &role {
            // Fails when nobody reads it.
            let _ = writeln!(std::io::stdout(), "{role}: {line}");
        }
        if let Some(ready) = ready.take() {
            let _ = ready.send(());
        }
    })
    .await;
}

async fn read_errors(
    stderr: Option<impl AsyncRead + Unpin>,
    role: Option<String>,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    each_line(stderr, |line| {
        if let Some(role) = &role {
            let _ = writeln!(std::io::stderr(), "{role}: {line}");
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == SHOWN {
            last.pop_front();
        }
        last.push_back(line.into_owned());
    })
    .await;
}

async fn each_line(
    stream: Option<impl AsyncRead + Unpin>,
    mut each: impl FnMut(std::borrow::Cow<'_, str>),
) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        each(String::from_utf8_lossy(line.trim_ascii_end()));
        line.clear();
    }
}
