//! `msgflo new`: a project of a participant.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use msgflo::{Error, Result};

/// Make a new participant: a Cargo project that builds, runs, and has tests
#[derive(Args)]
#[command(after_help = "Examples:
  msgflo new word-count && cd word-count && cargo test
  msgflo new word-count --dir services/word-count --msgflo-path ../msgflo")]
pub struct New {
    /// The name of the crate, such as word-count
    name: String,
    /// The folder, which must be empty or not exist [default: ./NAME]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Use msgflo from this folder [default: where this program was built from; if that is gone,
    /// the released version]
    #[arg(long, value_name = "PATH")]
    msgflo_path: Option<PathBuf>,
}

const FILES: [(&str, &str); 8] = [
    (".gitignore", include_str!("new/template/gitignore")),
    ("Cargo.toml", include_str!("new/template/manifest.toml")),
    ("README.md", include_str!("new/template/readme.md")),
    ("msgflo.json", include_str!("new/template/msgflo.json")),
    ("spec.yaml", include_str!("new/template/spec.yaml")),
    ("src/lib.rs", include_str!("new/template/lib.rs")),
    ("src/main.rs", include_str!("new/template/main.rs")),
    ("tests/participant.rs", include_str!("new/template/tests.rs")),
];

/// Names that Cargo refuses, or that what the project depends on has.
const RESERVED: [&str; 58] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "msgflo",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tokio",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "while",
];

impl New {
    pub fn run(self) -> Result<()> {
        let type_name = type_name(&self.name)?;
        let folder = self.dir.unwrap_or_else(|| PathBuf::from(&self.name));
        check_empty(&folder)?;
        let dependency = dependency(self.msgflo_path)?;
        for (file, template) in FILES {
            let mut text = template
                .replace("{{name}}", &self.name)
                .replace("{{crate}}", &self.name.replace('-', "_"))
                .replace("{{type}}", &type_name)
                .replace("{{role}}", &type_name.to_lowercase())
                .replace("{{msgflo}}", &dependency);
            if file == "Cargo.toml" && is_in_workspace(&folder) {
                text += "\n# Not part of the workspace around it.\n[workspace]\n";
            }
            write(&folder.join(file), &text)?;
        }
        println!("{} is a new participant. Next:", folder.display());
        println!(
            "  cd {}\n  cargo test\n  cargo run -- --broker amqp://localhost",
            folder.display()
        );
        Ok(())
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    let parent = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(file, text))
        .map_err(|error| Error::invalid(format!("cannot write {}: {error}", file.display())))
}

/// `word-count` is `WordCount`.
fn type_name(name: &str) -> Result<String> {
    let invalid =
        |reason: &str| Error::invalid(format!("`{name}` cannot be the name of a crate: {reason}"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(allowed) {
        return Err(invalid(
            "write letters, digits, `-` and `_`, and a letter first, as in word-count",
        ));
    }
    if name.len() > 64 {
        return Err(invalid("it has more than 64 letters"));
    }
    if RESERVED.contains(&name) {
        return Err(invalid("it means something else in Rust already"));
    }
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    Ok(words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect())
}

fn check_empty(folder: &Path) -> Result<()> {
    let shown = folder.display();
    match fs::read_dir(folder).map(|mut entries| entries.next()) {
        Ok(Some(_)) => Err(Error::invalid(format!("{shown} is not empty; give another --dir"))),
        Ok(None) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::invalid(format!("cannot use {shown}: {error}"))),
    }
}

/// Where the project has msgflo from, as its manifest says it.
fn dependency(path: Option<PathBuf>) -> Result<String> {
    let is_msgflo = |path: &Path| {
        let manifest = fs::read_to_string(path.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.lines().any(|line| line.trim() == "name = \"msgflo\""))
    };
    let path = match path {
        Some(path) if is_msgflo(&path) => path,
        Some(path) => {
            let shown = path.display();
            return Err(Error::invalid(format!("--msgflo-path: {shown} is no checkout of msgflo")));
        }
        None => {
            let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            if !is_msgflo(&built_from) {
                let version = env!("CARGO_PKG_VERSION");
                eprintln!(
                    "note: it depends on msgflo {version}; as long as crates.io does not have that, give --msgflo-path"
                );
                return Ok(format!("version = \"{version}\""));
            }
            eprintln!(
                "note: msgflo is not on crates.io yet, so it is used from where this program was built (--msgflo-path)"
            );
            built_from
        }
    };
    let path = fs::canonicalize(&path)?;
    // As a TOML string; JSON's are among them.
    Ok(format!("path = {}", serde_json::to_string(&path.to_string_lossy())?))
}

/// Whether Cargo would take it for a member of one.
fn is_in_workspace(folder: &Path) -> bool {
    let Ok(folder) = std::path::absolute(folder) else { return false };
    let manifests = folder.ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
    manifests.into_iter().any(|file| {
        fs::read_to_string(file)
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("[workspace")))
    })
}
