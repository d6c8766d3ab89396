//! Cleans up behind a test process, even one that is killed.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its standard input, which comes when the test process lets go of it or
/// dies; then kills the processes of the folder's `*.pid` files and removes the folder. A
/// process may still write while it dies: hence the repetition.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
for file in "$1"/*.pid; do
    [ -f "$file" ] && kill -9 "$(cat "$file")"
done
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1" && exit
    sleep 0.2
done
"#;

/// Dropping it removes the folder and waits until that is done.
pub(crate) struct Watchdog(Child);

impl Watchdog {
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        Command::new("/bin/sh")
            .args(["-c", SCRIPT, "broker-watchdog"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal is for the test process.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Closes its standard input first.
        let _ = self.0.wait();
    }
}
