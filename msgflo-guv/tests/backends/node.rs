//! Programs for Node.js on the other side, and what they need.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

/// This folder.
pub const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/backends");

/// How long something that must happen may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// It has the specification of the Kubernetes API, and dependencies that nobody here needs.
const KUBERNETES: &str = "kubernetes-client@9.0.0";

/// A program that answers lines. It ends when this is dropped.
pub struct Peer {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Peer {
    /// Runs a script of this folder.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut child = node(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, lines }
    }

    /// What it says next.
    pub fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line from Node.js");
        serde_json::from_str(&line).unwrap()
    }

    /// What it answers.
    pub fn ask(&mut self, question: Value) -> Value {
        writeln!(self.stdin, "{question}").unwrap();
        self.next()
    }

    /// The requests that it got since it was asked for them last.
    pub fn requests(&mut self) -> Vec<Value> {
        let answer = self.ask(json!({}));
        answer["requests"].as_array().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a script of this folder with what `package-lock.json` lists.
pub fn node(script: &str) -> Command {
    let folder = installed();
    let mut node = Command::new("node");
    // Modules are looked for beside the script.
    node.arg(folder.join(script)).current_dir(folder);
    node
}

/// The specification of the Kubernetes API, version 1.13: OpenAPI 2, compressed.
pub fn kubernetes_openapi() -> PathBuf {
    installed().join("package/lib/specs/swagger-1.13.json.gz")
}

/// A folder below `target` with the scripts and what they need; what is of the registry is installed
/// once for each version of the list.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // This test is target/PROFILE/deps/NAME-HASH.
        let test = std::env::current_exe().unwrap();
        let folder = test.ancestors().nth(3).unwrap().join("backends");
        fs::create_dir_all(&folder).unwrap();
        // Another run of this test may be at it.
        let lock = File::create(folder.with_extension("lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        let mut list = fs::read_to_string(Path::new(HERE).join("package-lock.json")).unwrap();
        list.push_str(KUBERNETES);
        let done = folder.join("installed");
        if fs::read_to_string(&done).is_ok_and(|done| done == list) {
            copy(&folder, ".js");
            return folder;
        }
        let _ = fs::remove_file(&done);
        copy(&folder, ".js");
        copy(&folder, ".json");
        let options = ["--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new("npm").arg("ci").args(options).current_dir(&folder));
        run(Command::new("npm").args(["pack", "--silent", KUBERNETES]).current_dir(&folder));
        let archive = format!("{}.tgz", KUBERNETES.replace('@', "-"));
        run(Command::new("tar").args(["xzf", &archive]).current_dir(&folder));
        fs::write(done, list).unwrap();
        folder
    })
}

fn copy(folder: &Path, ending: &str) {
    for file in fs::read_dir(HERE).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().ends_with(ending) {
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
}

/// Runs a command to its end, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!(
            "this test needs {:?} (Debian, Ubuntu: apt-get install nodejs npm tar)",
            command.get_program()
        ),
        Err(error) => panic!("{command:?}: {error}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
