//! The commands by which the workers of roles are started.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use msgflo::{Error, Result};
use msgflo_guv::backend::process::{Command, Procfile};
use msgflo_guv::config::Role;

/// Where commands come from.
#[derive(Args)]
pub struct Commands {
    /// process: the command of a role's workers, with #ROLE for its name; can be given several times
    /// [default: the role's `command`, else what the Procfile has for its `worker`]
    #[arg(long, value_name = "ROLE=COMMAND", value_parser = pair)]
    command: Vec<(String, String)>,
    /// process: a Procfile, as `msgflo procfile` writes it [default: Procfile, if it is there]
    #[arg(long, value_name = "FILE")]
    procfile: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(role, _)| !role.is_empty());
    pair.map(|(role, command)| (role.into(), command.into()))
        .ok_or_else(|| "write it like resize='imageresize resize --role #ROLE'".into())
}

impl Commands {
    /// One for each role; in a dry run, those that there are.
    pub fn of(&self, roles: &[Role], is_dry_run: bool) -> Result<HashMap<String, Command>> {
        for (name, _) in &self.command {
            if !roles.iter().any(|role| role.name == *name) {
                return Err(Error::invalid(format!("--command {name}=…: there is no such role")));
            }
        }
        let (file, procfile) = match &self.procfile {
            Some(file) => (file.as_path(), Procfile::read(file)?),
            None if Path::new("Procfile").exists() => {
                (Path::new("Procfile"), Procfile::read("Procfile")?)
            }
            None => (Path::new("Procfile"), Procfile::default()),
        };
        let mut commands = HashMap::new();
        for role in roles {
            let given = self.command.iter().rfind(|(name, _)| *name == role.name);
            let line = given
                .map(|(_, line)| line.as_str())
                .or(role.command.as_deref())
                .or_else(|| procfile.command(&role.worker));
            match line {
                Some(line) => {
                    let command = Command::new(&role.name, line, role.broker.as_deref())?;
                    commands.insert(role.name.clone(), command);
                }
                None if is_dry_run => {}
                None => {
                    let Role { name, worker, .. } = role;
                    return Err(Error::invalid(format!(
                        "how are workers of `{name}` started? Write a `command` into the \
                         configuration, a line `{worker}: COMMAND` into {}, or --command \
                         {name}=COMMAND",
                        file.display()
                    )));
                }
            }
        }
        Ok(commands)
    }
}
