//! A program under test, with everything that it starts.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long something that must happen may take, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program so that it dies with the one that started it, where the system can do that.
pub const GUARD: &str = r#"
command -v setpriv >/dev/null && exec setpriv --pdeathsig KILL -- "$@"
exec "$@"
"#;

/// Dropping it kills it, and what it has started.
pub struct Process {
    shown: String,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// What is left of a program that has ended.
pub struct Ended {
    pub status: ExitStatus,
    /// What of its standard output nobody has read before.
    pub stdout: String,
    pub stderr: String,
}

impl Process {
    pub fn start(command: &Command) -> Self {
        let mut guarded = Command::new("sh");
        guarded.args(["-c", GUARD, "guard"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(name, value),
                None => guarded.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guarded.current_dir(folder);
        }
        let mut child = guarded
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = Arc::new(Mutex::new(String::new()));
        let collected = stderr.clone();
        let readers = vec![
            thread::spawn(move || {
                for line in stdout.lines().map_while(Result::ok) {
                    // Fails when nobody reads any more.
                    let _ = sender.send(line);
                }
            }),
            thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(length @ 1..) = errors.read(&mut part) {
                    let part = String::from_utf8_lossy(&part[..length]);
                    collected.lock().unwrap().push_str(&part);
                }
            }),
        ];
        Self { shown: format!("{command:?}"), child, stdin, lines, stderr, readers }
    }

    /// Starts it, and waits for the line by which it says that it is ready.
    pub fn start_until_ready(command: &Command) -> Self {
        let process = Self::start(command);
        process.line();
        process
    }

    /// The next line of its standard output.
    pub fn line(&self) -> String {
        self.find_line(Some)
    }

    /// What is found in a line of its standard output; passes over those before.
    pub fn find_line<T>(&self, find: impl Fn(String) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut passed_over = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|problem| {
                let stderr = self.stderr.lock().unwrap();
                panic!(
                    "the awaited line did not come from {} after {passed_over} others: \
                     {problem}. On standard error: {stderr}",
                    self.shown
                )
            });
            if let Some(found) = find(line) {
                return found;
            }
            passed_over += 1;
        }
    }

    /// Writes a line on its standard input.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub fn terminate(self) -> Ended {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.end()
    }

    /// Waits until it has ended by itself.
    pub fn end(mut self) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "{} does not end", self.shown);
            thread::sleep(Duration::from_millis(20));
        };
        self.kill();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let stdout = self.lines.try_iter().collect::<Vec<_>>().join("\n");
        let stderr = std::mem::take(&mut *self.stderr.lock().unwrap());
        Ended { status, stdout, stderr }
    }

    /// Waits until it has ended by itself, as it must: in good order. Gives its output.
    pub fn succeed(self) -> String {
        let shown = self.shown.clone();
        let Ended { status, stdout, stderr } = self.end();
        assert!(status.success(), "{shown}: {status}\n{stdout}\n{stderr}");
        stdout
    }

    pub fn assert_running(&mut self) {
        let ended = self.child.try_wait().unwrap();
        let stderr = self.stderr.lock().unwrap();
        assert!(ended.is_none(), "{} has ended: {ended:?}\n{stderr}", self.shown);
    }

    /// The group outlives its first process for as long as there is another.
    fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}
