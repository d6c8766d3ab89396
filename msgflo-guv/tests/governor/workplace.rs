//! A folder with a worker in it, which writes down what happens to it.

use std::path::Path;
use std::time::Duration;

use msgflo_guv::backend::process::Command;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says `started`; asked to stop, it says `asked`, waits for the file `go`, and says `finished`:
/// that is its last job. It ends with its folder.
const WORKER: &str = "\
cd \"$(dirname \"$0\")\"
trap 'echo asked $$ >> log; while [ -e log ] && [ ! -e go ]; do sleep 0.02; done; [ -e log ] && echo finished $$ >> log; exit 0' TERM
echo started $$ \"$@\" >> log
while [ -e log ]; do sleep 0.02; done
";

pub struct Workplace(TempDir);

impl Workplace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("worker.sh"), WORKER).unwrap();
        std::fs::write(folder.path().join("log"), "").unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// How the worker is started.
    pub fn line(&self) -> String {
        format!("sh {}", self.path().join("worker.sh").display())
    }

    pub fn command(&self) -> Command {
        Command::new("resize", &self.line(), None).unwrap()
    }

    /// Lets workers finish their last job.
    pub fn go(&self) {
        std::fs::write(self.path().join("go"), "").unwrap();
    }

    /// What was written down.
    pub fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path().join("log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    pub fn count(&self, what: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(what)).count()
    }

    /// Returns when it was written down so often, with the last of these lines.
    pub async fn until(&self, what: &str, count: usize) -> String {
        until(|| self.count(what) >= count, || format!("{count} {what}: {:?}", self.log())).await;
        self.log().into_iter().rfind(|line| line.starts_with(what)).unwrap()
    }
}

/// Waits for what nobody tells of.
pub async fn until(is_so: impl Fn() -> bool, what: impl Fn() -> String) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(PATIENCE, waiting).await.is_err() {
        panic!("waited in vain: {}", what());
    }
}
