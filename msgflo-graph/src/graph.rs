//! A network as it is written down.

use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result, fbp};

/// A network as it is written down: which components run under which roles, and what is
/// connected to what.
///
/// ```
/// use msgflo_graph::Graph;
///
/// let graph = Graph::from_fbp("
/// ## @runtime msgflo
/// web(imageresize/HttpApi) RESIZE -> IN resize(imageresize/ResizeImage)
/// '8081' -> PORT web
/// ")?;
/// assert_eq!(graph.processes["resize"].component, "imageresize/ResizeImage");
/// assert_eq!(graph.connections[0].target.port, "in");
/// assert_eq!(graph.initial_values("web")["port"], "8081");
///
/// // The same as JSON, and back.
/// let json = graph.to_json();
/// assert_eq!(json["connections"][0]["tgt"]["process"], "resize");
/// assert_eq!(Graph::from_json(&json.to_string())?, graph);
/// assert_eq!(Graph::from_fbp(&graph.to_fbp()?)?, graph);
/// # Ok::<(), msgflo_graph::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Graph {
    /// Ports of the network as a whole that receive.
    #[serde(deserialize_with = "null_is_empty")]
    pub inports: IndexMap<String, Export>,
    /// Ports of the network as a whole that send.
    #[serde(deserialize_with = "null_is_empty")]
    pub outports: IndexMap<String, Export>,
    /// Nodes that belong together in a drawing.
    #[serde(deserialize_with = "null_is_empty")]
    pub groups: Vec<Group>,
    /// The nodes by name, which is their role, in the order in which they were written.
    #[serde(deserialize_with = "null_is_empty")]
    pub processes: IndexMap<String, Process>,
    /// What is connected to what, in order.
    #[serde(deserialize_with = "null_is_empty")]
    pub connections: Vec<Connection>,
    /// Annotations: `name`, `environment` (with the runtime as its `type`), and others.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Whether port names are kept as they are written. Else, .fbp has them in lower case.
    pub case_sensitive: bool,
    /// What stands in the text and yet connects nothing.
    #[serde(skip)]
    pub(crate) loose_ends: LooseEnds,
}

/// A node: what runs under a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// The kind of participant.
    pub component: String,
    /// Whatever else is told of it, such as its place in a drawing.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// An edge, or an initial value of a port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Connection {
    /// Where messages come from.
    pub source: Source,
    /// Where they go.
    pub target: Endpoint,
    /// Whatever else is told of it.
    pub metadata: Map<String, Value>,
}

/// Where the messages of a connection come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// An outport.
    Port(Endpoint),
    /// A value that is delivered once, at start: an initial information packet (IIP).
    Value(Value),
}

/// A port of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The node.
    pub process: String,
    /// The port.
    pub port: String,
    /// Which one of an array port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}

/// A port of the network as a whole: which port of which node it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The node.
    pub process: String,
    /// The port.
    pub port: String,
    /// Whatever else is told of it.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// Nodes that belong together in a drawing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What they are together.
    pub name: String,
    /// Which ones.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Whatever else is told of them.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// Remarks on a text, which are no part of what it means.
#[derive(Clone, Debug, Default)]
pub(crate) struct LooseEnds(pub(crate) Vec<String>);

impl PartialEq for LooseEnds {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A connection as JSON has it.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "even_null", skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    src: Option<Endpoint>,
    tgt: Endpoint,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

impl TryFrom<Wire> for Connection {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let source = match (wire.src, wire.data) {
            (Some(port), _) => Source::Port(port),
            (None, Some(value)) => Source::Value(value),
            (None, None) => return Err("a connection needs `src` (a port) or `data` (a value)"),
        };
        Ok(Self { source, target: wire.tgt, metadata: wire.metadata })
    }
}

impl From<Connection> for Wire {
    fn from(connection: Connection) -> Self {
        let (src, data) = match connection.source {
            Source::Port(port) => (Some(port), None),
            Source::Value(value) => (None, Some(value)),
        };
        Self { data, src, tgt: connection.target, metadata: connection.metadata }
    }
}

impl Graph {
    /// Reads the .fbp language, port names in lower case.
    ///
    /// # Errors
    /// If the text is not .fbp, or names a node that has no component; with the place.
    pub fn from_fbp(text: &str) -> Result<Self> {
        fbp::parse(text, "graph", false)
    }

    /// Reads the .fbp language, port names as they are written.
    ///
    /// # Errors
    /// As [`from_fbp`](Self::from_fbp).
    pub fn from_fbp_case_sensitive(text: &str) -> Result<Self> {
        fbp::parse(text, "graph", true)
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// If the text is not a graph as JSON; with the place.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::json_named(text, "graph")
    }

    /// Reads a file: .fbp or .json by its name, or else by what is in it.
    ///
    /// # Errors
    /// If the file cannot be read, or is no graph; with file, line and column.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|reason| Error::read(path, reason))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let name = path.display().to_string();
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("fbp") => fbp::parse(text, &name, false),
            Some("json") => Self::json_named(text, &name),
            // An .fbp text may begin with a brace too: with an initial value.
            _ if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
                Self::json_named(text, &name)
            }
            _ => fbp::parse(text, &name, false),
        }
    }

    fn json_named(text: &str, name: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::json(name, text, &error))
    }

    /// The graph as .fbp text.
    ///
    /// The language has no metadata of connections and exported ports, no groups, and only
    /// annotations and metadata of letters and digits: the rest is left out. Nodes whose names
    /// it cannot have (`core/Read_1`) get similar ones, and a comment says so.
    ///
    /// # Errors
    /// If a component or port has a name that the language cannot have, or a connection names
    /// a node that does not exist.
    pub fn to_fbp(&self) -> Result<String> {
        fbp::write(self)
    }

    /// The graph as JSON, as the reference parser (`fbp` on npm) makes it.
    pub fn to_json(&self) -> Value {
        // All keys are strings, so there is nothing that can fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The name of the network, from the annotation `# @name`.
    pub fn name(&self) -> Option<&str> {
        self.properties.get("name")?.as_str()
    }

    /// What should run it (`msgflo`), from the annotation `# @runtime`.
    pub fn runtime(&self) -> Option<&str> {
        self.properties.get("environment")?.get("type")?.as_str()
    }

    /// The initial values of a role's ports. Of several for one port, the last counts.
    pub fn initial_values(&self, role: &str) -> Map<String, Value> {
        self.connections
            .iter()
            .filter(|connection| connection.target.process == role)
            .filter_map(|connection| match &connection.source {
                Source::Value(value) => Some((connection.target.port.clone(), value.clone())),
                Source::Port(_) => None,
            })
            .collect()
    }
}

/// Editors write `null` for what is not there.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Tells `"data": null`, which is a value, from no data.
fn even_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
