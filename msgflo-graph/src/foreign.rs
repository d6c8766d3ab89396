//! Participants that know nothing of MsgFlo, and are announced on their behalf.

use std::fmt;
use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use msgflo_core::{Definition, PortDefinition};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use crate::error::offset;
use crate::{Error, Result};

/// A participant that knows nothing of MsgFlo: what to announce for it.
///
/// ```
/// let siri = msgflo_graph::Foreign::from_yaml("
/// component: c-base/siri
/// label: c-base siri data rescue probe
/// inports: { openurl: { queue: siri/open, type: string } }
/// outports: { state: { queue: '/siri/#ROLE/state', type: boolean } }
/// ")?;
/// let definition = siri.definition("probe");
/// assert_eq!(definition.id, "probe");
/// assert_eq!(definition.outports[0].queue.as_deref(), Some("/siri/probe/state"));
/// # Ok::<(), msgflo_graph::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// With `#ROLE` in its queues, and an empty id if none is given.
    template: Definition,
    role: Option<String>,
}

impl Foreign {
    /// Reads the YAML form, which has ports as mappings (`id: { queue: … }`) or as lists
    /// (`- id: …`).
    ///
    /// # Errors
    /// If the text is not YAML, or lacks something; with the place, and what to write there.
    pub fn from_yaml(text: &str) -> Result<Self> {
        Reader { file: "definition", text }.read()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`from_yaml`](Self::from_yaml), or if there is no such file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|reason| Error::read(path, reason))?;
        Reader { file: &path.display().to_string(), text: &text }.read()
    }

    /// The role that the definition itself names: for when no other is asked for.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// What to announce for a role. Hidden ports are not among it.
    pub fn definition(&self, role: &str) -> Definition {
        let mut definition = self.template.clone();
        role.clone_into(&mut definition.role);
        if definition.id.is_empty() {
            role.clone_into(&mut definition.id);
        }
        for port in definition.inports.iter_mut().chain(&mut definition.outports) {
            port.queue = port.queue.as_ref().map(|queue| queue.replace("#ROLE", role));
        }
        definition
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn read(&self) -> Result<Foreign> {
        // What nests deeper than this, is no definition, and would take too much stack.
        let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: 30 } };
        let document = serde_saphyr::from_str_with_options(self.text, options);
        let document: Spanned<Yaml> = document.map_err(|error| {
            let location = error.location().unwrap_or(Location::UNKNOWN);
            let message = error.without_snippet().to_string();
            let message = message.lines().next().unwrap_or_default();
            // The place is shown.
            let message = message.split(" at line ").next().unwrap_or_default();
            self.wrong(location, format!("not YAML: {message}"), None)
        })?;
        let whole = document.referenced;
        let component = "write `component: project/Name`".to_owned();
        let Yaml::Map(keys) = document.value else {
            let message = "not the definition of a participant".into();
            return Err(self.wrong(whole, message, Some(component)));
        };
        let mut role = None;
        let mut definition = Definition {
            id: String::new(),
            role: String::new(),
            component: String::new(),
            label: String::new(),
            icon: String::new(),
            inports: Vec::new(),
            outports: Vec::new(),
            other: Map::new(),
        };
        for (key, value) in keys {
            match key.as_str() {
                "id" => definition.id = self.text(&key, value)?,
                "role" => role = Some(self.text(&key, value)?).filter(|role| !role.is_empty()),
                "component" => definition.component = self.text(&key, value)?,
                "label" => definition.label = self.text(&key, value)?,
                "icon" => definition.icon = self.text(&key, value)?,
                "inports" => definition.inports = self.ports(&key, value)?,
                "outports" => definition.outports = self.ports(&key, value)?,
                _ => drop(definition.other.insert(key, value.value.into())),
            }
        }
        if definition.component.is_empty() {
            return Err(self.wrong(whole, "`component` is missing".into(), Some(component)));
        }
        Ok(Foreign { template: definition, role })
    }

    fn ports(&self, key: &str, ports: Spanned<Yaml>) -> Result<Vec<PortDefinition>> {
        let ports: Vec<(Option<String>, Spanned<Yaml>)> = match ports.value {
            Yaml::Map(ports) => ports.into_iter().map(|(id, port)| (Some(id), port)).collect(),
            Yaml::List(ports) => ports.into_iter().map(|port| (None, port)).collect(),
            Yaml::Scalar(Value::Null) => Vec::new(),
            Yaml::Scalar(_) => {
                let help = format!("write `{key}: {{ name: {{ queue: …, type: any }} }}`");
                let message = format!("`{key}` is not a mapping of ports");
                return Err(self.wrong(ports.referenced, message, Some(help)));
            }
        };
        let mut defined: Vec<PortDefinition> = Vec::new();
        for (id, port) in ports {
            let place = port.referenced;
            let Some(port) = self.port(key, id, port)? else { continue };
            if defined.iter().any(|other| other.id == port.id) {
                let message = format!("`{key}` has `{}` twice", port.id);
                return Err(self.wrong(place, message, None));
            }
            defined.push(port);
        }
        Ok(defined)
    }

    /// A port, unless it is hidden.
    fn port(
        &self,
        direction: &str,
        id: Option<String>,
        port: Spanned<Yaml>,
    ) -> Result<Option<PortDefinition>> {
        let place = port.referenced;
        let name = id.clone().unwrap_or_else(|| "name".into());
        let Yaml::Map(keys) = port.value else {
            let message = format!("`{name}` in `{direction}` is not a mapping");
            let help = match (id, Value::from(port.value)) {
                (Some(id), Value::String(queue)) => format!("write `{id}: {{ queue: {queue} }}`"),
                (Some(id), _) => format!("write `{id}: {{ queue: …, type: any }}`"),
                (None, _) => "write `- { id: …, queue: …, type: any }`".into(),
            };
            return Err(self.wrong(place, message, Some(help)));
        };
        let mut port = PortDefinition {
            id: id.unwrap_or_default(),
            port_type: "any".into(),
            ..PortDefinition::default()
        };
        let mut hidden = false;
        for (key, value) in keys {
            match key.as_str() {
                // As a key of the mapping, it is told already.
                "id" if !port.id.is_empty() => {}
                "id" => port.id = self.text(&key, value)?,
                "queue" => {
                    port.queue = Some(self.text(&key, value)?).filter(|queue| !queue.is_empty());
                }
                "type" => port.port_type = self.text(&key, value)?,
                "description" => port.description = Some(self.text(&key, value)?),
                "schema" => port.schema = Some(value.value.into()),
                "hidden" => hidden = Value::from(value.value) == Value::Bool(true),
                _ => drop(port.other.insert(key, value.value.into())),
            }
        }
        if port.id.is_empty() {
            let message = format!("a port in `{direction}` has no `id`");
            return Err(self.wrong(place, message, Some("write `id: name`".into())));
        }
        if hidden {
            return Ok(None);
        }
        if port.queue.is_none() {
            let message = format!("port `{}` in `{direction}` has no `queue`", port.id);
            let help = format!("write `queue: …`, such as `queue: \"#ROLE/{}\"`", port.id);
            return Err(self.wrong(place, message, Some(help)));
        }
        Ok(Some(port))
    }

    fn text(&self, key: &str, value: Spanned<Yaml>) -> Result<String> {
        match value.value {
            Yaml::Scalar(Value::String(text)) => Ok(text),
            Yaml::Scalar(Value::Null) => Ok(String::new()),
            Yaml::Scalar(other) => Ok(other.to_string()),
            Yaml::List(_) | Yaml::Map(_) => {
                let help = Some(format!("write `{key}: text`"));
                Err(self.wrong(value.referenced, format!("`{key}` is not a text"), help))
            }
        }
    }

    fn wrong(&self, location: Location, message: String, help: Option<String>) -> Error {
        let line_start = offset(self.text, location.line() as usize, 0);
        let characters = (location.column() as usize).saturating_sub(1);
        let at = self.text[line_start..].char_indices().nth(characters);
        let at = at.map_or(self.text.len(), |(index, _)| line_start + index);
        Error::text(self.file, self.text, at..at, message, help)
    }
}

/// Any YAML, with the places.
enum Yaml {
    Map(IndexMap<String, Spanned<Yaml>>),
    List(Vec<Spanned<Yaml>>),
    Scalar(Value),
}

impl From<Yaml> for Value {
    fn from(yaml: Yaml) -> Self {
        match yaml {
            Yaml::Map(keys) => {
                keys.into_iter().map(|(key, value)| (key, Self::from(value.value))).collect()
            }
            Yaml::List(values) => values.into_iter().map(|value| Self::from(value.value)).collect(),
            Yaml::Scalar(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Yaml;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping, a list or a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
                let mut keys = IndexMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    keys.insert(key, value);
                }
                Ok(Yaml::Map(keys))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Yaml, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Yaml::List(values))
            }

            fn visit_unit<E>(self) -> Result<Yaml, E> {
                Ok(Yaml::Scalar(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
                Ok(Yaml::Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
                Ok(Yaml::Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
                Ok(Yaml::Scalar(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
                Ok(Yaml::Scalar(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
                Ok(Yaml::Scalar(value.into()))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
