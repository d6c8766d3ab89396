//! The .fbp parser beside the unchanged reference parser (`fbp` on npm).

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use msgflo_graph::Graph;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

mod variation;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

#[test]
fn graphs_are_read_like_the_reference_reads_them() {
    let samples = variation::samples();
    let (mut graphs, mut errors) = (0, 0);
    compare(samples.iter().flat_map(|(_, text)| [(text.clone(), false), (text.clone(), true)]), {
        |accepted| if accepted { graphs += 1 } else { errors += 1 }
    });
    assert!(graphs >= 40 && errors >= 20, "{graphs} graphs, {errors} errors");
}

/// Small changes lead to the grammar's corners.
#[test]
fn variations_of_graphs_are_read_like_the_reference_reads_them() {
    let mut accepted = 0;
    compare(variation::variations(5_000).into_iter().map(|text| (text, false)), |graph| {
        accepted += usize::from(graph);
    });
    assert!(accepted > 400, "only {accepted} of the variations are graphs");
}

/// The reference reads what is written as the same graph.
#[test]
fn the_reference_reads_what_is_written() {
    // The reference gives nodes without a name such names as `_a_b/c_1`, which it does not read.
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let samples = variation::samples().into_iter();
    let graphs: Vec<Graph> = samples
        .filter_map(|(_, text)| Graph::from_fbp(&text).ok())
        .filter(|graph| graph.processes.keys().all(|process| process.chars().all(name)))
        .collect();
    assert!(graphs.len() > 20);
    let written = graphs.iter().map(|graph| (graph.to_fbp().unwrap(), false)).collect();
    for (graph, result) in graphs.iter().zip(reference(written)) {
        assert_eq!(result["graph"], graph.to_json(), "{}", graph.to_fbp().unwrap());
    }
}

fn compare(texts: impl Iterator<Item = (String, bool)>, mut each: impl FnMut(bool)) {
    let texts: Vec<(String, bool)> = texts.collect();
    let results = reference(texts.clone());
    assert_eq!(results.len(), texts.len());
    let mut different = Vec::new();
    for ((text, case_sensitive), theirs) in texts.into_iter().zip(results) {
        let ours = match case_sensitive {
            true => Graph::from_fbp_case_sensitive(&text),
            false => Graph::from_fbp(&text),
        };
        let same = match (&ours, theirs.get("graph")) {
            (Ok(ours), Some(theirs)) => ours.to_json() == *theirs,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            let ours =
                ours.map_or_else(|error| error.to_string(), |graph| graph.to_json().to_string());
            different.push(format!("{text:?}\nours:   {ours}\ntheirs: {theirs}\n"));
        }
        each(theirs.get("graph").is_some());
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

fn reference(texts: Vec<(String, bool)>) -> Vec<Value> {
    let texts: Vec<Value> = texts
        .into_iter()
        .map(|(text, case_sensitive)| json!({ "text": text, "caseSensitive": case_sensitive }))
        .collect();
    let mut node = Command::new("node")
        .arg(format!("{REFERENCE}/parse.js"))
        .arg(installed().join("node_modules/fbp"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = node.stdin.take().unwrap();
    let texts = serde_json::to_vec(&texts).unwrap();
    // Nothing is written before everything is read.
    input.write_all(&texts).unwrap();
    drop(input);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The folder below `target` with what `package-lock.json` lists, installed once.
fn installed() -> PathBuf {
    // This test is target/PROFILE/deps/NAME-HASH.
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("reference");
    fs::create_dir_all(&folder).unwrap();
    // Another test may be at it.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let list = fs::read(Path::new(REFERENCE).join("package-lock.json")).unwrap();
    let done = folder.join("installed");
    if fs::read(&done).is_ok_and(|done| done == list) {
        return folder;
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new(REFERENCE).join(file), folder.join(file)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output();
    let output = match npm {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("this test needs Node.js with npm (Debian, Ubuntu: apt-get install nodejs npm)")
        }
        Err(error) => panic!("npm: {error}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm ci in {}: {errors}", folder.display());
    fs::write(done, list).unwrap();
    folder
}
