//! The `msgflo` program as a process.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a finished command has left.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Its standard output, if all went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Its standard error, if it ended with this exit code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_msgflo"));
    for name in ["MSGFLO_BROKER", "CLOUDAMQP_URL", "RUST_LOG", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    for name in ["GUV_CONFIG", "GUV_BROKER", "GUV_APP", "HEROKU_API_KEY", "STATUSPAGE_ID"] {
        command.env_remove(name);
    }
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub async fn msgflo(arguments: &[&str]) -> Finished {
    run(command(arguments)).await
}

/// Runs it to its end with something on standard input.
pub async fn msgflo_with_input(arguments: &[&str], input: &[u8]) -> Finished {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).await.unwrap();
    drop(stdin);
    finish(child).await
}

/// Runs any command to its end.
pub async fn run(mut command: Command) -> Finished {
    finish(command.spawn().unwrap()).await
}

async fn finish(child: Child) -> Finished {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("msgflo ends in time").unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that goes on until it is told to stop.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(command(arguments))
    }

    pub fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line on standard output.
    pub async fn line(&mut self) -> String {
        match timeout(PATIENCE, self.lines.next_line()).await.expect("a line").unwrap() {
            Some(line) => line,
            None => panic!("msgflo ended: {}", self.stderr().await),
        }
    }

    /// The first line on standard output that has this in it.
    pub async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self.line().await;
            if line.contains(text) {
                return line;
            }
        }
    }

    async fn stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = timeout(PATIENCE, stderr.read_to_string(&mut text)).await;
        }
        text
    }

    /// As Ctrl-C does; returns when it has ended.
    pub async fn interrupt(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it stops").unwrap();
        (status, self.stderr().await)
    }
}
