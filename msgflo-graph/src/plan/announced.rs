//! What participants told of their ports.

use indexmap::IndexMap;
use msgflo_core::{Definition, PortDefinition};

use super::{Direction, End};
use crate::nearest::nearest;

/// What participants told of themselves, by role. Nothing by default: then queues follow the
/// convention.
///
/// ```
/// use msgflo_graph::{Announced, Foreign};
///
/// let lamp = Foreign::from_yaml("{ component: Lamp, inports: { on: { queue: /lamp/set } } }")?;
/// let mut announced = Announced::default();
/// announced.add(lamp.definition("kitchen"));
/// assert!(announced.role("kitchen").is_some());
/// # Ok::<(), msgflo_graph::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Announced {
    roles: IndexMap<String, Definition>,
}

/// Why a port cannot be had.
pub(super) struct NoPort {
    pub message: String,
    /// Whether it is clear that another one is meant.
    pub mistaken: bool,
}

impl Announced {
    /// Adds an announcement. Of several workers of a role, the last one counts.
    pub fn add(&mut self, definition: Definition) {
        self.roles.insert(definition.role.clone(), definition);
    }

    /// What a role announced.
    pub fn role(&self, role: &str) -> Option<&Definition> {
        self.roles.get(role)
    }

    /// All of them.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.roles.values()
    }

    /// A port as it is announced, or if the role is not, by the convention.
    pub(super) fn end(&self, role: &str, port: &str, direction: Direction) -> Result<End, NoPort> {
        let Some(definition) = self.role(role) else {
            return Ok(End {
                role: role.to_owned(),
                port: port.to_owned(),
                queue: format!("{role}.{}", port.to_uppercase()),
                port_type: None,
            });
        };
        let (ports, others, kind, other_kind) = match direction {
            Direction::In => (&definition.inports, &definition.outports, "inport", "outport"),
            Direction::Out => (&definition.outports, &definition.inports, "outport", "inport"),
        };
        let find = |ports: &'_ [PortDefinition]| {
            let same = |other: &&PortDefinition| other.id.to_lowercase() == port.to_lowercase();
            // Names that differ in case alone are two ports.
            let exact = ports.iter().find(|other| other.id == port);
            exact.or_else(|| ports.iter().find(same)).cloned()
        };
        if let Some(PortDefinition { id, port_type, queue, .. }) = find(ports) {
            return match queue.filter(|queue| !queue.is_empty()) {
                Some(queue) => {
                    let port_type = Some(port_type).filter(|port_type| !port_type.is_empty());
                    Ok(End { role: role.to_owned(), port: id, queue, port_type })
                }
                None => {
                    let message = format!("port `{id}` on {role} is hidden: it has no queue");
                    Err(NoPort { message, mistaken: false })
                }
            };
        }
        let near = nearest(port, ports.iter().map(|other| other.id.as_str()));
        let (hint, mistaken) = if find(others).is_some() {
            (format!("it is an {other_kind}, not an {kind}"), true)
        } else if let Some(near) = near {
            (format!("did you mean `{near}`?"), true)
        } else if ports.is_empty() {
            (format!("it has no {kind}s"), false)
        } else {
            let ports: Vec<&str> = ports.iter().map(|other| other.id.as_str()).collect();
            (format!("its {kind}s are {}", ports.join(", ")), false)
        };
        Err(NoPort { message: format!("no port `{port}` on {role}: {hint}"), mistaken })
    }
}

impl FromIterator<Definition> for Announced {
    fn from_iter<I: IntoIterator<Item = Definition>>(definitions: I) -> Self {
        let mut announced = Self::default();
        announced.extend(definitions);
        announced
    }
}

impl Extend<Definition> for Announced {
    fn extend<I: IntoIterator<Item = Definition>>(&mut self, definitions: I) {
        for definition in definitions {
            self.add(definition);
        }
    }
}
