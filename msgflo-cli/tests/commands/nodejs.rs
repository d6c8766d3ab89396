//! MsgFlo's programs for Node.js, as `tests/interop` installs them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

const LISTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop");

/// The command that runs the example of msgflo-nodejs under `#ROLE`.
pub fn repeat() -> String {
    let modules = node_modules();
    let program = modules.join(".bin/msgflo-nodejs");
    let example = modules.join("msgflo-nodejs/examples/Repeat.coffee");
    format!("node '{}' --name #ROLE '{}'", program.display(), example.display())
}

/// Below `target/interop`, once for each version of the list.
fn node_modules() -> PathBuf {
    // This test is target/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("interop/node");
    fs::create_dir_all(&folder).unwrap();
    // Other tests may be at it.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let list = fs::read(Path::new(LISTS).join("package-lock.json")).unwrap();
    let installed = folder.with_extension("installed");
    if fs::read(&installed).is_ok_and(|installed| installed == list) {
        return folder.join("node_modules");
    }
    let _ = fs::remove_file(&installed);
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new(LISTS).join(file), folder.join(file)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    npm.current_dir(&folder).stdin(Stdio::null());
    let needed = "this test needs Node.js with npm (Debian, Ubuntu: apt-get install nodejs npm)";
    assert!(npm.status().expect(needed).success(), "{needed}, and what it installs");
    fs::write(installed, list).unwrap();
    folder.join("node_modules")
}
