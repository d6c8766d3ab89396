//! Which command runs a component: the library, as subcommands take it.

use std::path::{Path, PathBuf};

use clap::Args;
use msgflo::{Error, Result};
use msgflo_graph::{CommandLine, Graph, Library};
use serde_json::Map;

/// Where components are looked for.
#[derive(Args)]
pub struct Components {
    /// Settings with components: a package.json, msgflo.json or Cargo.toml; can be given several
    /// times [default: the first of them in this folder]
    #[arg(long = "library", value_name = "FILE")]
    libraries: Vec<PathBuf>,
    /// A folder whose files are components [default: components and participants]
    #[arg(long, value_name = "DIR", alias = "components")]
    componentdir: Option<PathBuf>,
}

impl Components {
    pub fn read(&self) -> Result<Commands> {
        let mut libraries = match &self.libraries[..] {
            [] => vec![Library::find(".")],
            files => files.iter().map(Library::read).collect(),
        };
        let folders = match &self.componentdir {
            Some(folder) if !folder.is_dir() => {
                let folder = folder.display();
                return Err(Error::invalid(format!("--componentdir {folder} is not a folder")));
            }
            Some(folder) => vec![folder.as_path()],
            None => vec![Path::new("components"), Path::new("participants")],
        };
        if let Some(library) = libraries.first_mut() {
            for folder in folders {
                let read = std::mem::replace(library, Ok(Library::default()));
                *library = read.and_then(|library| library.with_folder(folder));
            }
        }
        let libraries: msgflo_graph::Result<_> = libraries.into_iter().collect();
        libraries.map(Commands).map_err(wrong)
    }
}

/// The libraries, in the order in which they are asked.
pub struct Commands(Vec<Library>);

impl Commands {
    /// How a role of the graph is run.
    pub fn of(&self, graph: &Graph, role: &str) -> Result<CommandLine> {
        let component = &graph.processes[role].component;
        self.find(component, role, &graph.initial_values(role)).map(as_own).map_err(wrong)
    }

    /// Whether that command hands over the initial values of the role.
    pub fn hand_over_values(&self, graph: &Graph, role: &str) -> bool {
        let component = &graph.processes[role].component;
        let values = graph.initial_values(role);
        let commands =
            (self.find(component, role, &values), self.find(component, role, &Map::new()));
        matches!(commands, (Ok(with), Ok(without)) if with != without)
    }

    fn find(
        &self,
        component: &str,
        role: &str,
        values: &Map<String, serde_json::Value>,
    ) -> msgflo_graph::Result<CommandLine> {
        let mut unknown = None;
        for library in &self.0 {
            match library.command(component, role, values) {
                Err(error @ msgflo_graph::Error::UnknownComponent { .. }) => {
                    unknown.get_or_insert(error);
                }
                found => return found,
            }
        }
        Err(unknown.unwrap_or_else(|| {
            msgflo_graph::Error::Invalid(format!("there is no library to find `{component}` in"))
        }))
    }
}

/// `msgflo-register` of npm, which stays until it is stopped, is a command of this program.
fn as_own(command: CommandLine) -> CommandLine {
    const NPM: &str = "msgflo-register";
    const OWN: [&str; 2] = ["register", "--forever"];
    match command.line.strip_prefix(NPM) {
        Some(rest) if command.program == NPM => CommandLine {
            program: "msgflo".into(),
            line: format!("msgflo {}{rest}", OWN.join(" ")),
            args: OWN.iter().map(|&word| word.to_owned()).chain(command.args).collect(),
        },
        _ => command,
    }
}

/// A mistake in a file is wrong input.
pub fn wrong(error: msgflo_graph::Error) -> Error {
    let error = error.to_string();
    Error::invalid(error.strip_prefix("error: ").unwrap_or(&error))
}
