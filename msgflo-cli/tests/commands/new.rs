//! `msgflo new`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::program::msgflo;

/// A build takes its time.
const PATIENCE: Duration = Duration::from_secs(900);

#[tokio::test]
async fn a_new_project_builds_passes_its_tests_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("word-count");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (dir, path) = (project.to_str().unwrap(), checkout.to_str().unwrap());
    let told = msgflo(&["new", "word-count", "--dir", dir, "--msgflo-path", path]).await.ok();
    assert!(told.contains("cargo test"), "{told}");

    // What is built and downloaded already is not so again.
    fs::copy(checkout.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).arg("--offline").current_dir(&project).stdin(Stdio::null());
        command.env("CARGO_TARGET_DIR", target);
        command.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only").kill_on_drop(true);
        command
    };
    let tested = timeout(PATIENCE, cargo(&["test"]).output()).await.unwrap().unwrap();
    let output = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{output}{}", String::from_utf8_lossy(&tested.stderr));
    assert!(output.contains("2 passed"), "{output}");
    let built = timeout(PATIENCE, cargo(&["build"]).output()).await.unwrap().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    // As it runs, by the tests that it has brought along.
    let broker = Broker::rabbitmq();
    let spec = project.join("spec.yaml");
    let start = target.join("debug/word-count");
    let test = ["test", spec.to_str().unwrap(), "--start", start.to_str().unwrap()];
    let told = msgflo(&[&test[..], &["--timeout", "30", "--broker", broker.url()]].concat()).await;
    let told = told.ok();
    assert!(told.contains("role wordcount") && told.contains("2 ok, 0 failed"), "{told}");
}

#[tokio::test]
async fn names_and_folders_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new");
    let dir = dir.to_str().unwrap();
    for name in ["1st", "größe", "a b", "../x", "fn", "msgflo", ""] {
        let error = msgflo(&["new", name, "--dir", dir]).await.failed(2);
        assert!(error.contains("cannot be the name of a crate"), "{name}: {error}");
    }
    fs::write(folder.path().join("file"), "").unwrap();
    let error = msgflo(&["new", "a", "--dir", folder.path().to_str().unwrap()]).await.failed(2);
    assert!(error.contains("is not empty"), "{error}");
    let error = msgflo(&["new", "a", "--dir", dir, "--msgflo-path", "/nowhere"]).await.failed(2);
    assert!(error.contains("/nowhere is no checkout of msgflo"), "{error}");
    assert!(!Path::new(dir).exists());
}
