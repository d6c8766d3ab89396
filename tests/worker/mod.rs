//! A participant as a process of its own, for tests that kill it.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A running example program. It is killed when it is dropped.
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Starts an example of this package, and waits until it says that it is ready.
    pub fn start(example: &str, arguments: &[&str]) -> Self {
        let mut child = command(example, arguments).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        if ready.is_empty() {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("{example} {arguments:?} did not get ready: {stderr}");
        }
        Self { child }
    }

    /// Starts an example that may end before it is ready; `None` if it does. What it logs, nobody reads.
    #[allow(dead_code, reason = "not every test has such a one")]
    pub fn start_at_all(example: &str, arguments: &[&str]) -> Option<Self> {
        let mut child = command(example, arguments).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let worker = Self { child };
        (!ready.is_empty()).then_some(worker)
    }

    /// Whether it has ended by itself.
    #[allow(dead_code, reason = "not every test has such a one")]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process.
    #[allow(dead_code, reason = "not every test sends signals")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without a chance to finish anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has. Also gives what it wrote on standard error.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = wait(&mut self.child);
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (status, stderr)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "the worker does not stop");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The command that runs an example of this package, built if it is not.
pub fn command(example: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program(example));
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .env_remove("MSGFLO_BROKER")
        .env_remove("MSGFLO_DISCOVERY_PERIOD")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn program(example: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    // This test is target/PROFILE/deps/NAME-HASH.
    let profile = std::env::current_exe().unwrap();
    let profile = profile.ancestors().nth(2).unwrap();
    BUILT.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--examples", "--manifest-path"]);
        build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the examples do not build");
    });
    profile.join("examples").join(example)
}
