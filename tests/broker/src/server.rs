//! A program that runs in the background and says on its output when it is ready.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How much of the output an error tells.
const LINES: usize = 200;

/// Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pid_file: PathBuf,
    output: Arc<Mutex<VecDeque<String>>>,
    ready: Receiver<()>,
}

impl Server {
    /// Starts the program with its process id in `NAME.pid` in the folder, where the watchdog
    /// finds it. A line with `ready` in it says that it is.
    pub(crate) fn spawn(
        folder: &Path,
        name: &str,
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, String)],
        ready: &'static str,
    ) -> io::Result<Self> {
        let pid_file = folder.join(format!("{name}.pid"));
        let (reader, writer) = io::pipe()?;
        // The program writes its id before it is one: there is no moment in which the test
        // process could be killed and the watchdog not know of it.
        let child = Command::new("/bin/sh")
            .args(["-c", r#"echo $$ >"$0" && exec "$@""#])
            .arg(&pid_file)
            .arg(program)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let (is_ready, receiver) = mpsc::channel();
        let lines = output.clone();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if line.contains(ready) {
                    // Fails when nobody waits any more.
                    let _ = is_ready.send(());
                }
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });
        Ok(Self { child, pid_file, output, ready: receiver })
    }

    /// Returns when the program says that it is ready.
    pub(crate) fn wait_until_ready(&self, timeout: Duration) -> io::Result<()> {
        let problem = match self.ready.recv_timeout(timeout) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => format!("was not ready after {timeout:?}"),
            Err(RecvTimeoutError::Disconnected) => "ended before it was ready".into(),
        };
        Err(io::Error::other(format!("{} {problem}:\n{}", self.name(), self.output())))
    }

    /// Asks the program to end, and returns when it has.
    pub(crate) fn terminate(mut self, timeout: Duration) -> io::Result<()> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + timeout;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "{} did not end within {timeout:?}:\n{}",
                    self.name(),
                    self.output()
                )));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    fn name(&self) -> String {
        self.pid_file.with_extension("").display().to_string()
    }

    /// The last lines that the program wrote.
    fn output(&self) -> String {
        let lines = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.pid_file);
    }
}
