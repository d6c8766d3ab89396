//! The document.
//!
//! A queue is a channel, and each port that has this queue is a message of the channel and an
//! operation: `receive` for an inport, `send` for an outport. Roles are tags. AsyncAPI has no
//! word for edges: they are told in the channels' descriptions, and for machines, as `x-edges`.

use std::collections::{BTreeMap, HashMap, HashSet};

use msgflo::PortDefinition;
use msgflo::transport::Edge;
use serde_json::{Map, Value, json};

use super::schema;
use super::server::Server;
use crate::observation::{Observation, Role};

/// The network as an AsyncAPI 3.0 document.
pub fn document(title: &str, version: &str, server: &Server, observation: &Observation) -> Value {
    let roles = observation.roles();
    let edges = observation.edges().unwrap_or_default();
    let mut document = Document::default();
    for role in &roles {
        for port in &role.definition.inports {
            document.add(role, port, "receive");
        }
        for port in &role.definition.outports {
            document.add(role, port, "send");
        }
    }
    for edge in &edges {
        document.connect(edge, &observation.describe(edge));
    }
    let mut tags = BTreeMap::<&str, Vec<&str>>::new();
    for role in &roles {
        let told = [role.definition.component.as_str(), role.definition.label.as_str()];
        let told = told.into_iter().filter(|text| !text.is_empty());
        tags.entry(role.name()).or_default().extend(told);
    }
    let tags = tags
        .into_iter()
        .map(|(name, told)| json!({ "name": name, "description": told.join(": ") }));
    let mut components = Map::new();
    components.insert("messages".into(), document.messages.into());
    components.insert("schemas".into(), document.schemas.into());
    if server.has_user {
        let scheme = json!({ "user": { "type": "userPassword" } });
        components.insert("securitySchemes".into(), scheme);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": title, "version": version, "tags": tags.collect::<Value>() },
        "defaultContentType": "application/json",
        "servers": { "broker": server.to_value("#/components/securitySchemes/user") },
        "channels": document.channels.into_iter().map(|(id, channel)| (id, channel.to_value())).collect::<Map<_, _>>(),
        "operations": document.operations,
        "components": components,
    })
}

#[derive(Default)]
struct Document {
    channels: BTreeMap<String, Channel>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
    channel_ids: Ids,
    port_ids: Ids,
}

#[derive(Default)]
struct Channel {
    queue: String,
    descriptions: Vec<String>,
    messages: Map<String, Value>,
    edges: Vec<Value>,
}

impl Channel {
    fn to_value(&self) -> Value {
        let mut channel = Map::new();
        channel.insert("address".into(), self.queue.as_str().into());
        if !self.descriptions.is_empty() {
            channel.insert("description".into(), self.descriptions.join("\n\n").into());
        }
        channel.insert("messages".into(), self.messages.clone().into());
        if !self.edges.is_empty() {
            channel.insert("x-edges".into(), self.edges.clone().into());
        }
        channel.into()
    }
}

impl Document {
    /// Adds a port, if others can use it.
    fn add(&mut self, role: &Role<'_>, port: &PortDefinition, action: &str) {
        let Some(queue) = port.queue.as_ref().filter(|queue| !queue.is_empty()) else { return };
        let id = self.port_ids.unused(&format!("{}.{}", role.name(), port.id));
        let place = format!("#/components/schemas/{id}");
        self.schemas.insert(id.clone(), schema::of(port, &place));

        let mut message = json!({ "title": format!("{} {}", role.name(), port.id), "payload": { "$ref": place } });
        let told = |key: &str| port.other.get(key).and_then(Value::as_str);
        let any_bytes = (port.port_type == "buffer").then_some("application/octet-stream");
        if let Some(content_type) = told("contentType").or(any_bytes) {
            message["contentType"] = content_type.into();
        }
        if let Some(name) = told("messageType") {
            message["name"] = name.into();
        }
        if let Some(description) = &port.description {
            message["description"] = description.as_str().into();
        }
        self.messages.insert(id.clone(), message);

        let channel_id = self.channel_ids.of(queue);
        let channel = self.channels.entry(channel_id.clone()).or_default();
        channel.queue = queue.clone();
        let message = json!({ "$ref": format!("#/components/messages/{id}") });
        channel.messages.insert(id.clone(), message);

        let channel = format!("#/channels/{channel_id}");
        let mut operation = json!({
            "action": action,
            "channel": { "$ref": channel },
            "title": format!("{} {action}s on {}", role.name(), port.id),
            "messages": [{ "$ref": format!("{channel}/messages/{id}") }],
            "tags": [{ "name": role.name() }],
        });
        if let Some(description) = &port.description {
            operation["description"] = description.as_str().into();
        }
        self.operations.insert(id, operation);
    }

    /// Tells of an edge at both of its ends.
    fn connect(&mut self, edge: &Edge, text: &str) {
        let mut ends = vec![&edge.source, &edge.target];
        ends.dedup();
        for queue in ends {
            let id = self.channel_ids.of(queue);
            // Nobody has told of this queue.
            let Some(channel) = self.channels.get_mut(&id) else { continue };
            channel.descriptions.push(format!("Edge: {text}"));
            channel.edges.push(json!({ "source": edge.source, "target": edge.target }));
        }
    }
}

/// Names of which AsyncAPI approves, and which need no escapes in references.
#[derive(Default)]
struct Ids {
    taken: HashSet<String>,
    of: HashMap<String, String>,
}

impl Ids {
    /// The same for the same text, and another one for another.
    fn of(&mut self, text: &str) -> String {
        if let Some(id) = self.of.get(text) {
            return id.clone();
        }
        let id = self.unused(text);
        self.of.insert(text.into(), id.clone());
        id
    }

    /// One that nobody has.
    fn unused(&mut self, text: &str) -> String {
        let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
        let plain = text.replace(|it| !fits(it), "_");
        let mut id = plain.clone();
        let mut number = 2;
        while !self.taken.insert(id.clone()) {
            id = format!("{plain}-{number}");
            number += 1;
        }
        id
    }
}

#[cfg(test)]
mod tests;
