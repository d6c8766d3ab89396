//! `msgflo procfile`, `compose` and `k8s`: a graph as what deployment tools run.

mod compose;
mod k8s;
mod procfile;

use std::path::PathBuf;

use clap::Args;
use msgflo::{Error, Result};
use msgflo_graph::plan::Role;
use msgflo_graph::{Announced, CommandLine, Graph, Plan, PlanOptions, Severity};
use serde_json::Value;

use crate::components::{Commands, Components, wrong};

pub use compose::Compose;
pub use k8s::K8s;
pub use procfile::Procfile;

/// The graph, and where its commands come from.
#[derive(Args)]
struct Source {
    /// The graph: .fbp or JSON
    graph: PathBuf,
    /// Leave these roles out
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    ignore: Vec<String>,
    #[command(flatten)]
    components: Components,
}

/// What is to be run for a graph.
struct Deployment {
    graph: Graph,
    /// As it is in the file.
    text: String,
    /// What images and clusters may call it.
    name: String,
    roles: Vec<(Role, CommandLine)>,
    commands: Commands,
}

impl Source {
    fn read(&self) -> Result<Deployment> {
        let graph = Graph::read(&self.graph).map_err(wrong)?;
        let text = std::fs::read_to_string(&self.graph)?;
        let commands = self.components.read()?;
        let options = PlanOptions { only: None, ignore: self.ignore.clone() };
        let (plan, problems) = Plan::new(&graph, &Announced::default(), &options);
        for problem in problems {
            match problem.severity {
                Severity::Error => return Err(Error::invalid(problem.message)),
                _ => anstream::eprintln!("{problem}"),
            }
        }
        let command = |role: Role| {
            let command = commands.of(&graph, &role.name)?;
            Ok((role, command))
        };
        let roles = plan.roles.into_iter().map(command).collect::<Result<Vec<_>>>()?;
        if roles.is_empty() {
            return Err(Error::invalid("there is nothing to deploy: the graph has no roles"));
        }
        let stem = self.graph.file_stem().map(|stem| stem.to_string_lossy());
        let name = graph.name().map(str::to_owned).or(stem.map(Into::into)).unwrap_or_default();
        let name = label(&name).unwrap_or_else(|| "network".into());
        Ok(Deployment { graph, text, name, roles, commands })
    }
}

impl Deployment {
    /// The command that keeps the network connected. `graph` is where the graph will be, `text` of
    /// its name.
    fn setup(&self, graph: &str) -> Vec<String> {
        let mut words =
            vec!["msgflo", "setup", graph, "--discover", "--timeout", "600", "--forever"];
        let handed_over = self.roles.iter().map(|(role, _)| role.name.as_str());
        let handed_over: Vec<&str> = handed_over
            .filter(|role| !self.graph.initial_values(role).is_empty())
            .filter(|role| self.commands.hand_over_values(&self.graph, role))
            .collect();
        // There is no library there, by which it could know.
        let handed_over = handed_over.join(",");
        if !handed_over.is_empty() {
            words.extend(["--ignore", &handed_over]);
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// The name of the graph's file, by which `msgflo setup` knows what it is.
    fn file(&self) -> &'static str {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        if is_json { "graph.json" } else { "graph.fbp" }
    }

    /// Each role's name as a label, and its command.
    fn labelled(&self, taken: &[&str]) -> Result<Vec<(String, &Role, Vec<String>)>> {
        let mut labelled: Vec<(String, &Role, Vec<String>)> = Vec::new();
        for (role, command) in &self.roles {
            let name = label(&role.name).ok_or_else(|| {
                Error::invalid(format!("role `{}` has no letter to name it by", role.name))
            })?;
            let same = |(other, ..): &(String, _, _)| *other == name;
            if taken.contains(&name.as_str()) || labelled.iter().any(same) {
                return Err(Error::invalid(format!(
                    "role `{}` would be called `{name}`, as something else is: rename it",
                    role.name
                )));
            }
            let words = [std::slice::from_ref(&command.program), &command.args].concat();
            labelled.push((name, role, words));
        }
        Ok(labelled)
    }
}

/// What Kubernetes and Docker take for a name (RFC 1123): small letters, digits and `-`.
fn label(name: &str) -> Option<String> {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = name.chars().map(allowed).take(63).collect();
    let label = label.trim_matches('-');
    (!label.is_empty()).then(|| label.to_owned())
}

/// A YAML document.
fn yaml(document: &Value) -> Result<String> {
    serde_saphyr::to_string(document)
        .map_err(|error| Error::message(format!("cannot write YAML: {error}")))
}
