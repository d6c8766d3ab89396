//! AsyncAPI's own schema.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/asyncapi");

/// What AsyncAPI's schema says against the document; nothing if it is valid.
pub async fn errors(document: &str) -> String {
    let installed = install().await;
    let mut command = Command::new("node");
    command.arg(format!("{HERE}/validate.js")).arg(installed).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(document.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

/// Installs below `target/asyncapi` what `package-lock.json` lists, if that is not what is there.
async fn install() -> PathBuf {
    // This test is target/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("asyncapi");
    fs::create_dir_all(&folder).unwrap();
    // Another run of this test may be at it.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let list = fs::read(Path::new(HERE).join("package-lock.json")).unwrap();
    let installed = folder.with_extension("installed");
    if fs::read(&installed).is_ok_and(|installed| installed == list) {
        return folder;
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new(HERE).join(file), folder.join(file)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    let output = npm.stdin(Stdio::null()).output().await.unwrap_or_else(|error| {
        panic!(
            "this test needs Node.js with npm (Debian, Ubuntu: apt-get install nodejs npm): {error}"
        )
    });
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(installed, list).unwrap();
    folder
}
