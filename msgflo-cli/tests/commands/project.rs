//! Somebody's project: a folder with a graph, a component library and what else there is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Finished, Running, command, run};

pub struct Project(TempDir);

impl Project {
    /// With a library of components, each with its command.
    pub fn new(components: Value) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let library = json!({ "name": "test", "msgflo": { "components": components } });
        project.with("package.json", &library.to_string())
    }

    pub fn with(self, name: &str, text: &str) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    pub fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = command(arguments);
        command.current_dir(self.path());
        command
    }

    /// Runs msgflo here, to its end.
    pub async fn msgflo(&self, arguments: &[&str]) -> Finished {
        run(self.command(arguments)).await
    }

    /// Runs msgflo here until it is told to stop.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(arguments))
    }
}

/// A command that runs `examples/repeat`, built if it is not.
pub fn repeat() -> String {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let program = BUILT.get_or_init(|| {
        // This test is target/PROFILE/deps/NAME-HASH.
        let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", "repeat", "--manifest-path"]);
        build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).stdin(Stdio::null());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "examples/repeat does not build");
        profile.join("examples/repeat")
    });
    format!("'{}' --role #ROLE", program.display())
}
