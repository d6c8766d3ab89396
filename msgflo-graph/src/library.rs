//! Which command runs a component.

mod cargo;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::nearest::nearest;
use crate::{Error, Result};

/// What runs files in a folder of components, by their extension.
///
/// A Rust file is taken for an example of the Cargo package in the current folder.
pub const DEFAULT_HANDLERS: [(&str, &str); 8] = [
    (".yml", "msgflo-register --role #ROLE:#FILENAME"),
    (".yaml", "msgflo-register --role #ROLE:#FILENAME"),
    (".js", "msgflo-nodejs --name #ROLE #FILENAME"),
    (".coffee", "msgflo-nodejs --name #ROLE #FILENAME"),
    (".py", "msgflo-python #FILENAME #ROLE"),
    (".json", "noflo-runtime-msgflo --name #ROLE --graph #COMPONENT --iips #IIPS"),
    (".fbp", "noflo-runtime-msgflo --name #ROLE --graph #COMPONENT --iips #IIPS"),
    (".rs", "cargo run --quiet --release --example #COMPONENTNAME -- --role #ROLE #IIPARGS"),
];

/// The components that can be started, and the commands that do it.
///
/// ```
/// use msgflo_graph::Library;
///
/// let library = Library::from_json(r##"{
///     "name": "shop",
///     "msgflo": {
///         "variables": { "WORKER": "node worker.js --name #ROLE --kind #COMPONENTNAME" },
///         "components": { "shop/Bill": "#WORKER --iips #IIPS", "shop/Pack": "#WORKER" }
///     }
/// }"##)?;
///
/// let pack = library.command("Pack", "packer", &Default::default())?;
/// assert_eq!(pack.program, "node");
/// assert_eq!(pack.args, ["worker.js", "--name", "packer", "--kind", "Pack"]);
///
/// let error = library.command("shop/Bil", "billing", &Default::default()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no component `shop/Bil` for role `billing`: did you mean `shop/Bill`?"
/// );
/// # Ok::<(), msgflo_graph::Error>(())
/// ```
///
/// Commands may hold `#FILENAME`, `#ROLE`, `#COMPONENT`, `#COMPONENTNAME` (without namespace),
/// `#IIPS` (the initial values as JSON), `#IIPARGS` (the same as participants in Rust take them:
/// `--iip PORT=JSON` for each), and the settings' own `variables`.
#[derive(Clone, Debug)]
pub struct Library {
    namespace: Option<String>,
    handlers: IndexMap<String, String>,
    variables: IndexMap<String, String>,
    components: IndexMap<String, Component>,
}

#[derive(Clone, Debug)]
struct Component {
    command: String,
    /// What `#COMPONENT` stands for.
    name: String,
    file: Option<PathBuf>,
    /// Whether it is called as Rust's conventions have it: `resize-image` for `ResizeImage`.
    cargo: bool,
}

/// How a participant is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Both, as a shell or a Procfile takes them.
    pub line: String,
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// The settings, as JSON has them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    namespace: Option<String>,
    components: Option<IndexMap<String, String>>,
    handlers: Option<IndexMap<String, Option<String>>>,
    variables: Option<IndexMap<String, Value>>,
}

/// A file with settings: a `package.json` has them under `msgflo`.
#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    msgflo: Option<Settings>,
}

impl Default for Library {
    fn default() -> Self {
        Self::new(None, Settings::default())
    }
}

impl Library {
    fn new(name: Option<String>, settings: Settings) -> Self {
        let mut handlers: IndexMap<String, String> =
            DEFAULT_HANDLERS.iter().map(|&(ext, command)| (ext.into(), command.into())).collect();
        for (extension, command) in settings.handlers.unwrap_or_default() {
            if let Some(command) = command.filter(|command| !command.is_empty()) {
                handlers.insert(extension, command);
            }
        }
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let variables = settings.variables.unwrap_or_default().into_iter();
        let components = settings.components.unwrap_or_default().into_iter();
        Self {
            namespace: settings.namespace.or(name).filter(|namespace| !namespace.is_empty()),
            handlers,
            variables: variables.map(|(name, value)| (name.to_uppercase(), text(value))).collect(),
            components: components
                .map(|(name, command)| {
                    (name.clone(), Component { command, name, file: None, cargo: false })
                })
                .collect(),
        }
    }

    /// From the settings in a `package.json` or `msgflo.json`.
    ///
    /// # Errors
    /// If the text is not JSON, or `components`, `handlers` or `variables` are not mappings; with
    /// the place.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::json_named(text, "settings")
    }

    /// Reads settings from a file: JSON, or a `Cargo.toml`.
    ///
    /// Of a Cargo package or workspace, all binaries and examples are components, called
    /// `PACKAGE/NAME`: `shop/PackParcel` finds `pack-parcel` and `pack_parcel` too. Its settings
    /// are in `[package.metadata.msgflo]`.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), if the file cannot be read, or Cargo refuses it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.extension().is_some_and(|extension| extension == "toml") {
            return cargo::read(path);
        }
        let text = fs::read_to_string(path).map_err(|reason| Error::read(path, reason))?;
        Self::json_named(&text, &path.display().to_string())
    }

    /// What there is in a folder: `package.json`, else `msgflo.json`, else `Cargo.toml`, else
    /// nothing but the default handlers.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn find(folder: impl AsRef<Path>) -> Result<Self> {
        let files = ["package.json", "msgflo.json", "Cargo.toml"].into_iter();
        let mut files = files.map(|name| folder.as_ref().join(name));
        files.find(|file| file.exists()).map_or_else(|| Ok(Self::default()), Self::read)
    }

    fn json_named(text: &str, file: &str) -> Result<Self> {
        let wrong = |error| Error::json(file, text, &error);
        let package: Package = serde_json::from_str(text).map_err(wrong)?;
        let settings = match package.msgflo {
            Some(settings) => settings,
            None => serde_json::from_str(text).map_err(wrong)?,
        };
        Ok(Self::new(package.name, settings))
    }

    /// With the files of a folder that have a handler, in the library's namespace.
    ///
    /// As with msgflo on npm, a file is preferred to a component of the same name in the
    /// settings, and a folder that does not exist is as good as an empty one.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn with_folder(mut self, folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let wrong = |reason| Error::read(folder, reason);
        if !folder.exists() {
            return Ok(self);
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(wrong)? {
            files.push(entry.map_err(wrong)?.path());
        }
        files.sort();
        let mut components = IndexMap::new();
        for file in files {
            let extension = file.extension().map(|extension| extension.to_string_lossy());
            let Some(extension) = extension else { continue };
            let Some(command) = self.handlers.get(&format!(".{extension}")) else { continue };
            let Some(name) = file.file_stem().map(|name| name.to_string_lossy().into_owned())
            else {
                continue;
            };
            if !file.is_dir() {
                let command = command.clone();
                let component =
                    Component { command, name: name.clone(), file: Some(file), cargo: false };
                components.insert(self.namespaced(&name), component);
            }
        }
        for (name, component) in std::mem::take(&mut self.components) {
            if !components.contains_key(&name) && !components.contains_key(&self.namespaced(&name))
            {
                components.insert(name, component);
            }
        }
        self.components = components;
        Ok(self)
    }

    fn namespaced(&self, name: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        }
    }

    /// The names of all components.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.components.keys().map(String::as_str)
    }

    /// The component of this name; or without the namespace, or with the library's own.
    fn component(&self, name: &str) -> Option<&Component> {
        let components = &self.components;
        components
            .get(name)
            .or_else(|| components.get(base(name)))
            .or_else(|| components.get(&self.namespaced(name)))
            .or_else(|| {
                let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
                let wanted = [plain(name), plain(&self.namespaced(name))];
                let mut components = components.iter().filter(|(_, component)| component.cargo);
                components.find(|(name, _)| wanted.contains(&plain(name))).map(|found| found.1)
            })
    }

    /// The command that runs a component under a role.
    ///
    /// `initial_values` are what `#IIPS` stands for:
    /// [`Graph::initial_values`](crate::Graph::initial_values).
    ///
    /// # Errors
    /// If there is no such component, with the most similar name; or its command cannot work.
    pub fn command(
        &self,
        component: &str,
        role: &str,
        initial_values: &Map<String, Value>,
    ) -> Result<CommandLine> {
        let found = self.component(component).ok_or_else(|| self.unknown(component, role))?;
        let file = found.file.as_ref().map(|file| file.display().to_string());
        let values = serde_json::to_string(initial_values).unwrap_or_default();
        let words = initial_values.iter().map(|(port, value)| format!("{port}={value}"));
        let words: Vec<String> = words.flat_map(|word| ["--iip".into(), word]).collect();
        let builtin = [
            ("FILENAME", file),
            ("COMPONENTNAME", Some(base(&found.name).to_owned())),
            ("COMPONENT", Some(found.name.clone())),
            ("ROLE", Some(role.to_owned())),
            ("IIPS", Some(values)),
        ];
        let mut variables = self.variables.clone();
        variables.entry("IIPARGS".into()).or_insert_with(|| shell_words::join(words));
        for (name, value) in builtin {
            if let Some(value) = value {
                let value = shell_words::quote(&value).into_owned();
                variables.entry(name.into()).or_insert(value);
            }
        }
        let wrong = |reason: String| {
            let command = &found.command;
            Error::Invalid(format!("cannot run component `{component}` by `{command}`: {reason}"))
        };
        let line = expand(&found.command, &variables, 0).map_err(wrong)?.trim_end().to_owned();
        let mut words =
            shell_words::split(&line).map_err(|_| wrong("a quote has no end".into()))?.into_iter();
        let program = words.next().ok_or_else(|| wrong("the command is empty".into()))?;
        Ok(CommandLine { program, args: words.collect(), line })
    }

    fn unknown(&self, component: &str, role: &str) -> Error {
        let nearest = nearest(component, self.components());
        let hint = if nearest.is_some() {
            String::new()
        } else if self.components.is_empty() {
            ": the library has no components; add it to `msgflo.components` in package.json, or a \
             file to the folder of components"
                .into()
        } else {
            let some: Vec<&str> = self.components().take(10).collect();
            let more = if self.components.len() > some.len() { ", …" } else { "" };
            format!(": the library has {}{more}", some.join(", "))
        };
        Error::UnknownComponent {
            component: component.to_owned(),
            role: role.to_owned(),
            nearest: nearest.map(str::to_owned),
            hint,
        }
    }
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Replaces `#NAME`, also in what it stands for.
fn expand(
    text: &str,
    variables: &IndexMap<String, String>,
    depth: usize,
) -> Result<String, String> {
    if depth > 16 {
        return Err("its variables refer to each other without end".into());
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('#') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let names = variables.keys().filter(|name| rest.starts_with(name.as_str()));
        if let Some(name) = names.max_by_key(|name| name.len()) {
            rest = &rest[name.len()..];
            let value = &variables[name];
            // What a role or a file is called, is nothing to expand.
            if BUILTIN.contains(&name.as_str()) {
                expanded.push_str(value);
            } else {
                expanded.push_str(&expand(value, variables, depth + 1)?);
            }
            continue;
        }
        let unknown: String =
            rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
        // A shell would take it for a comment.
        if !unknown.is_empty() && !expanded.ends_with(|c: char| !c.is_whitespace()) {
            let near = nearest(&unknown, variables.keys().map(String::as_str));
            let near = near.map_or_else(String::new, |name| format!("; did you mean `#{name}`?"));
            return Err(format!("`#{unknown}` is not among its variables{near}"));
        }
        expanded.push('#');
    }
    expanded.push_str(rest);
    Ok(expanded)
}

const BUILTIN: [&str; 6] = ["FILENAME", "COMPONENTNAME", "COMPONENT", "ROLE", "IIPS", "IIPARGS"];
