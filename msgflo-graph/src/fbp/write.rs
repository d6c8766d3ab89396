//! A graph as .fbp text.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::{Connection, Endpoint, Error, Export, Graph, Result, Source};

/// How long a line may get before the next connection starts a new one.
const WIDTH: usize = 100;

/// The text of a graph.
///
/// Nodes get their components where they first appear. What appears in another order than
/// `processes` has it, is declared before, so that the order stays.
pub(crate) fn write(graph: &Graph) -> Result<String> {
    let mut writer = Writer {
        graph,
        names: names(graph),
        declared: 0,
        text: String::new(),
        line: String::new(),
        end: None,
    };
    writer.write_head()?;
    for connection in &graph.connections {
        writer.write_connection(connection)?;
    }
    writer.declare(graph.processes.len())?;
    writer.end_line();
    Ok(writer.text)
}

struct Writer<'a> {
    graph: &'a Graph,
    names: HashMap<&'a str, String>,
    /// How many processes have got their components.
    declared: usize,
    text: String,
    /// A chain that may go on.
    line: String,
    /// The node at its end.
    end: Option<&'a str>,
}

impl<'a> Writer<'a> {
    fn write_head(&mut self) -> Result<()> {
        if let Some(runtime) = self.graph.runtime().filter(|value| is_annotation(value)) {
            self.add_line(&format!("# @runtime {runtime}"));
        }
        for (key, value) in &self.graph.properties {
            if let Some(value) = value.as_str().filter(|value| is_annotation(value))
                && !key.is_empty()
                && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                && key != "runtime"
            {
                self.add_line(&format!("# @{key} {value}"));
            }
        }
        for name in self.graph.processes.keys() {
            let written = &self.names[name.as_str()];
            if written != name {
                let line = format!("# node {written} is {}", name.escape_debug());
                self.add_line(&line);
            }
        }
        for (direction, exports) in
            [("INPORT", &self.graph.inports), ("OUTPORT", &self.graph.outports)]
        {
            for (name, Export { process, port, .. }) in exports {
                let (name, port) = (self.port(name)?, self.port(port)?);
                let process = self.name(process)?;
                self.add_line(&format!("{direction}={process}.{port}:{name}"));
            }
        }
        if !self.text.is_empty() && !self.graph.processes.is_empty() {
            self.add_line("");
        }
        Ok(())
    }

    fn write_connection(&mut self, connection: &'a Connection) -> Result<()> {
        let target = &connection.target;
        match &connection.source {
            Source::Value(value) => {
                let index = self.index(&target.process)?;
                self.declare(index)?;
                self.end_line();
                let target = self.target(target)?;
                self.add_line(&format!("{} -> {target}", initial_value(value)));
            }
            Source::Port(source) => {
                let (from, to) = (self.index(&source.process)?, self.index(&target.process)?);
                self.declare(from)?;
                // The line itself declares `from`, and cannot declare anything between.
                if to > self.declared.max(from + 1) {
                    self.declare(to)?;
                }
                let goes_on = self.end == Some(source.process.as_str()) && self.line.len() < WIDTH;
                if goes_on {
                    let port = self.port_of(source)?;
                    self.line.push_str(&format!(" {port} -> "));
                } else {
                    self.end_line();
                    let node = self.node(&source.process)?;
                    let port = self.port_of(source)?;
                    self.line = format!("{node} {port} -> ");
                }
                let end = self.target(target)?;
                self.line.push_str(&end);
                self.end = Some(&target.process);
            }
        }
        Ok(())
    }

    /// Writes all processes before this one that have no component yet.
    fn declare(&mut self, until: usize) -> Result<()> {
        if self.declared < until {
            self.end_line();
        }
        while self.declared < until {
            let Some((name, _)) = self.graph.processes.get_index(self.declared) else { break };
            let line = self.node(name)?;
            self.add_line(&line);
        }
        Ok(())
    }

    fn index(&self, process: &str) -> Result<usize> {
        self.graph.processes.get_index_of(process).ok_or_else(|| no_process(process))
    }

    fn end_line(&mut self) {
        if self.end.take().is_some() {
            let line = std::mem::take(&mut self.line);
            self.add_line(&line);
        }
    }

    fn add_line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// `IN node`
    fn target(&mut self, target: &Endpoint) -> Result<String> {
        Ok(format!("{} {}", self.port_of(target)?, self.node(&target.process)?))
    }

    /// `node`, or the first time `node(Component:key=value)`.
    fn node(&mut self, process: &str) -> Result<String> {
        let name = self.name(process)?.to_owned();
        if self.index(process)? != self.declared {
            return Ok(name);
        }
        self.declared += 1;
        let process = &self.graph.processes[process];
        let component = &process.component;
        if component.is_empty() || !component.chars().all(is_component) {
            return Err(Error::Invalid(format!(
                "cannot write component `{component}` of `{name}` as .fbp: components there \
                 consist of letters, digits, `/`, `-` and `_`"
            )));
        }
        let metadata = metadata(&process.metadata);
        let colon = if metadata.is_empty() { "" } else { ":" };
        Ok(format!("{name}({component}{colon}{metadata})"))
    }

    fn name(&self, process: &str) -> Result<&str> {
        self.names.get(process).map(String::as_str).ok_or_else(|| no_process(process))
    }

    fn port_of(&self, Endpoint { port, index, .. }: &Endpoint) -> Result<String> {
        let port = self.port(port)?;
        Ok(index.map_or_else(|| port.clone(), |index| format!("{port}[{index}]")))
    }

    fn port(&self, port: &str) -> Result<String> {
        let first = port.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first || !port.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
            return Err(Error::Invalid(format!(
                "cannot write port `{port}` as .fbp: ports there consist of letters, digits, `_` \
                 and `.`, and begin with a letter or `_`"
            )));
        }
        Ok(if self.graph.case_sensitive { port.to_owned() } else { port.to_uppercase() })
    }
}

fn no_process(name: &str) -> Error {
    Error::Invalid(format!("the graph connects `{name}`, which is not among its processes"))
}

/// How the nodes are called in .fbp: as they are, or as similar as can be.
fn names(graph: &Graph) -> HashMap<&str, String> {
    let fine = |name: &&String| **name == similar(name);
    let mut taken: HashSet<String> = graph.processes.keys().filter(fine).cloned().collect();
    let mut names = HashMap::new();
    for name in graph.processes.keys() {
        let similar = similar(name);
        let mut written = similar.clone();
        let mut number = 1;
        while written != *name && taken.contains(&written) {
            number += 1;
            written = format!("{similar}_{number}");
        }
        taken.insert(written.clone());
        names.insert(name.as_str(), written);
    }
    names
}

fn similar(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let similar: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let first = similar.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if first { similar } else { format!("_{similar}") }
}

fn is_annotation(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.');
    // What begins with a space, comes back without it.
    !value.is_empty() && !value.starts_with(' ') && value.chars().all(allowed)
}

fn is_component(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')
}

/// `key=value,key=value`, of what can be written so.
fn metadata(metadata: &Map<String, Value>) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_');
    let pairs = metadata.iter().filter_map(|(key, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => return None,
            other => other.to_string(),
        };
        (key.chars().all(allowed) && value.chars().all(allowed)).then(|| format!("{key}={value}"))
    });
    pairs.collect::<Vec<_>>().join(",")
}

fn initial_value(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains(['\'', '\\', '\n', '\r']) => format!("'{text}'"),
        // A node could have such a name. Behind a tab, nothing but JSON is possible.
        Value::Bool(_) | Value::Null => format!("\t{value}"),
        _ => value.to_string(),
    }
}
