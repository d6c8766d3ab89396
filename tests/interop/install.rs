//! Installs the peers' programs below `target/interop`, once for each version of the lists.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};

/// This folder.
pub const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// The folder with what `package-lock.json` lists.
pub fn node_modules() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let list = format!("{HERE}/package-lock.json");
        install("node", Path::new(&list), |folder| {
            for file in ["package.json", "package-lock.json"] {
                fs::copy(format!("{HERE}/{file}"), folder.join(file)).unwrap();
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
            succeed(npm, "Node.js with npm (Debian, Ubuntu: apt-get install nodejs npm)");
        })
        .join("node_modules")
    })
}

/// A Python with what `requirements.txt` lists.
pub fn python() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let list = format!("{HERE}/requirements.txt");
        install("python", Path::new(&list), |folder| {
            let needed = "Python 3 with its module venv (Debian, Ubuntu: apt-get install python3 python3-venv)";
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(folder);
            succeed(venv, needed);
            let mut pip = Command::new(folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
            pip.arg(&list);
            succeed(pip, needed);
        })
        .join("bin/python")
    })
}

/// Has `fill` put into `target/interop/NAME` what the list says, if that is not what is there.
fn install(name: &str, list: &Path, fill: impl FnOnce(&Path)) -> PathBuf {
    // This test is target/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("interop").join(name);
    fs::create_dir_all(&folder).unwrap();
    // Another run of this test may be at it.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let list = fs::read(list).unwrap();
    let installed = folder.with_extension("installed");
    if fs::read(&installed).is_ok_and(|installed| installed == list) {
        return folder;
    }
    let _ = fs::remove_file(&installed);
    fill(&folder);
    fs::write(installed, list).unwrap();
    folder
}

fn succeed(mut command: Command, needed: &str) {
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("this test needs {needed}; please install it")
        }
        Err(error) => panic!("{command:?}: {error}"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "this test needs {needed}, and what it installs with it; {command:?} failed:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
