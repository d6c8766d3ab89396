//! Cargo's binaries and examples as components.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{Component, Library, Settings};
use crate::{Error, Result};

/// What `cargo metadata` tells.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    #[serde(default)]
    metadata: Option<PackageMetadata>,
}

#[derive(Deserialize)]
struct PackageMetadata {
    #[serde(default)]
    msgflo: Option<Settings>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

pub(super) fn read(manifest: &Path) -> Result<Library> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .stdin(Stdio::null())
        .output()
        .map_err(|reason| {
            let reason = format!("cargo does not start: {reason}");
            Error::read(manifest, io::Error::other(reason))
        })?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Error::read(manifest, io::Error::other(errors.trim().to_owned())));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| {
        Error::read(manifest, io::Error::other(format!("in what cargo metadata tells: {error}")))
    })?;
    let manifest = std::path::absolute(manifest).unwrap_or_else(|_| manifest.to_owned());
    let mut packages = metadata.packages;
    // The settings and the namespace are of the package asked for, if it is one.
    let own = packages.iter().position(|package| package.manifest_path == manifest);
    let mut library = match own.map(|own| &mut packages[own]) {
        Some(package) => {
            let settings = package.metadata.take().and_then(|metadata| metadata.msgflo);
            Library::new(Some(package.name.clone()), settings.unwrap_or_default())
        }
        None => Library::default(),
    };
    for package in packages {
        for target in &package.targets {
            let kind = target.kind.iter().find(|kind| ["bin", "example"].contains(&kind.as_str()));
            let Some(kind) = kind else { continue };
            let features = match target.required_features.as_slice() {
                [] => String::new(),
                features => format!(" --features {}", features.join(",")),
            };
            let component = Component {
                command: format!(
                    "cargo run --quiet --release --manifest-path #FILENAME{features} \
                     --{kind} {} -- --role #ROLE #IIPARGS",
                    target.name
                ),
                name: format!("{}/{}", package.name, target.name),
                file: Some(package.manifest_path.clone()),
                cargo: true,
            };
            // What is set, goes before what is found.
            library.components.entry(component.name.clone()).or_insert(component);
        }
    }
    Ok(library)
}
