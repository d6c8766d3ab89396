//! The program under test, as processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(60);

/// A process of `imageresize` that is ready. Killed when it is dropped.
pub struct Process {
    child: Child,
    /// The line that it printed when it was.
    pub ready: String,
}

impl Process {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_imageresize"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(BufReader::new(child.stdout.take().unwrap()));
        match lines.recv_timeout(PATIENCE) {
            Ok(ready) => Self { child, ready },
            Err(error) => {
                child.kill().unwrap();
                let status = child.wait().unwrap();
                let what = match error {
                    RecvTimeoutError::Timeout => "is not ready in time",
                    RecvTimeoutError::Disconnected => "ended before it was ready",
                };
                panic!("imageresize {arguments:?} {what} ({status})");
            }
        }
    }

    pub fn url(&self) -> &str {
        let url = self.ready.split_whitespace().find(|word| word.starts_with("http://"));
        url.unwrap_or_else(|| panic!("no URL in `{}`", self.ready))
    }

    /// As `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As `kill` does; returns when the process has ended.
    pub fn terminate(mut self) -> ExitStatus {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "imageresize does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(output: impl BufRead + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // Nobody listens after the first.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The whole service in one process, with a data folder of its own.
pub struct Service {
    process: Process,
    folder: TempDir,
}

impl Service {
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { process: Self::process(folder.path(), arguments), folder }
    }

    fn process(folder: &Path, arguments: &[&str]) -> Process {
        let data = folder.join("data");
        let mut all = vec!["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        all.extend(arguments);
        Process::start(&all)
    }

    pub fn url(&self) -> &str {
        self.process.url()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it, and starts it again on the same data.
    pub fn kill_and_restart(self, arguments: &[&str]) -> Self {
        let Self { process, folder } = self;
        process.kill();
        Self { process: Self::process(folder.path(), arguments), folder }
    }

    /// Asks it to stop, and starts it again on the same data.
    pub fn terminate_and_restart(self, arguments: &[&str]) -> Self {
        let Self { process, folder } = self;
        let status = process.terminate();
        assert!(status.success(), "{status}");
        Self { process: Self::process(folder.path(), arguments), folder }
    }
}
