//! A kind of participant, and its ports.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::discovery::{Definition, PortDefinition};
use crate::policy::Backoff;
use crate::transport::Abilities;
use crate::{Error, Result, payload};

/// How long a batch waits for more, where nothing else is said.
pub const DEFAULT_LINGER: Duration = Duration::from_millis(100);

/// A kind of participant: what is known of it before one runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Component {
    /// Its name, often `library/Name`.
    pub name: String,
    /// What it does, in a few words.
    pub label: String,
    /// A Font Awesome icon's name.
    pub icon: String,
    /// Where it receives.
    pub inports: Vec<Port>,
    /// Where it sends.
    pub outports: Vec<Port>,
}

/// A port of a [`Component`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Port {
    /// Its name.
    pub id: String,
    /// What it carries, as it is announced.
    pub port_type: String,
    /// The format of what it carries, as a media type, where that tells more than its type.
    pub content_type: Option<String>,
    /// What that is called in the format, such as a message type of Protocol Buffers.
    pub message_type: Option<String>,
    /// Its address on the broker, where `#ROLE` stands for the role. By default `ROLE.PORT`,
    /// the port in capitals.
    pub queue: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// A JSON schema of what it carries, or the URL of one.
    pub schema: Option<Value>,
    /// Whether it is the participant's own affair: without a queue, and not announced.
    pub hidden: bool,
    /// Whether its queue survives its last user and the broker's restart.
    pub persistent: bool,
    /// How many messages are processed at once, where the port says so itself; of a port with
    /// `batch`, how many batches (1, if it does not say).
    pub concurrency: Option<u16>,
    /// How often a message is tried, where the port says so itself.
    pub attempts: Option<u32>,
    /// How long a message waits between two attempts, where the port says so itself.
    pub backoff: Option<Backoff>,
    /// How long an attempt may take, where the port says so itself.
    pub timeout: Option<Duration>,
    /// How many messages its method gets at once, if it takes several.
    pub batch: Option<u16>,
    /// How long a batch that is not full waits for more. 100 ms by default.
    pub linger: Duration,
    /// Whether its messages are processed on all of the runtime's threads.
    pub parallel: bool,
    /// The header for each value of which messages are processed one after the other.
    pub ordered_by: Option<String>,
    /// Whether what comes there answers requests.
    pub replies: bool,
    /// The highest priority that its messages can have.
    pub max_priority: Option<u8>,
    /// What the transport must be able to do with what is sent here.
    pub required: Abilities,
}

impl Component {
    /// A component without ports.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            label: String::new(),
            icon: "cog".into(),
            inports: Vec::new(),
            outports: Vec::new(),
        }
    }

    /// Sets what it does, in a few words.
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.into();
        self
    }

    /// Sets a Font Awesome icon's name.
    pub fn icon(mut self, icon: &str) -> Self {
        self.icon = icon.into();
        self
    }

    /// Adds an inport.
    pub fn inport(mut self, port: Port) -> Self {
        self.inports.push(port);
        self
    }

    /// Adds an outport.
    pub fn outport(mut self, port: Port) -> Self {
        self.outports.push(port);
        self
    }

    /// What an instance of it in `role` announces, under a new id.
    ///
    /// # Errors
    /// If the role is empty or has characters that no queue can have, or two ports share an id.
    pub fn instantiate(&self, role: &str) -> Result<Definition> {
        if role.is_empty() || role.contains(|c: char| c.is_control() || "#+*".contains(c)) {
            return Err(Error::invalid(format!(
                "`{role}` cannot be a role: it is part of queue names, so it must not be empty \
                 or have control characters, `#`, `+` or `*` in it"
            )));
        }
        for ports in [&self.inports, &self.outports] {
            let mut ids = HashSet::new();
            if let Some(twice) = ports.iter().find(|port| !ids.insert(&port.id)) {
                return Err(Error::invalid(format!(
                    "component `{}` has two ports `{}`: give one another id",
                    self.name, twice.id
                )));
            }
        }
        let mut queues = HashSet::new();
        for port in self.inports.iter().filter(|port| !port.hidden) {
            let queue = port.queue_of(role);
            if !queues.insert(queue.clone()) {
                return Err(Error::invalid(format!(
                    "component `{}` has two inports with the queue `{queue}`, which would take each other's messages: give one another `queue`",
                    self.name
                )));
            }
        }
        let announced = |ports: &[Port]| {
            ports.iter().filter(|port| !port.hidden).map(|port| port.define(role)).collect()
        };
        Ok(Definition {
            id: format!("{role}-{}", Uuid::new_v4()),
            role: role.into(),
            component: self.name.clone(),
            label: self.label.clone(),
            icon: self.icon.clone(),
            inports: announced(&self.inports),
            outports: announced(&self.outports),
            other: Default::default(),
        })
    }
}

impl Port {
    /// A port that carries what `port_type` says.
    pub fn new(id: &str, port_type: &str) -> Self {
        Self {
            id: id.into(),
            port_type: port_type.into(),
            content_type: None,
            message_type: None,
            queue: None,
            description: None,
            schema: None,
            hidden: false,
            persistent: true,
            concurrency: None,
            attempts: None,
            backoff: None,
            timeout: None,
            batch: None,
            linger: DEFAULT_LINGER,
            parallel: false,
            ordered_by: None,
            replies: false,
            max_priority: None,
            required: Abilities::NONE,
        }
    }

    /// Sets the format of what it carries, and what that is called there. JSON, text and bytes of any kind
    /// are not announced: the port's type tells as much.
    pub fn format(mut self, content_type: &str, message_type: Option<&str>) -> Self {
        self.content_type =
            payload::is_worth_telling(content_type).then(|| content_type.to_owned());
        self.message_type = message_type.map(str::to_owned);
        self
    }

    /// Sets its address on the broker, where `#ROLE` stands for the role.
    pub fn queue(mut self, queue: &str) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Sets what it is for.
    pub fn description(mut self, description: &str) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets a JSON schema of what it carries, or the URL of one. Text that is a JSON object
    /// counts as the schema itself.
    ///
    /// ```
    /// use msgflo_core::Port;
    ///
    /// let port = Port::new("in", "object").schema(r#"{ "type": "object" }"#);
    /// assert_eq!(port.schema.unwrap()["type"], "object");
    /// ```
    pub fn schema(mut self, schema: impl Into<Value>) -> Self {
        let schema = schema.into();
        let object = schema.as_str().and_then(|text| serde_json::from_str(text).ok());
        self.schema = Some(object.map_or(schema, Value::Object));
        self
    }

    /// Sets whether it is the participant's own affair: without a queue, and not announced.
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// Sets whether its queue survives its last user and the broker's restart.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Sets how many messages are processed at once, at least 1.
    pub fn concurrency(mut self, concurrency: u16) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// Sets how often a message is tried before it is a dead letter, at least 1.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets how long a message waits between two attempts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// Sets how long an attempt may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Has the method get so many messages at once, at least 1.
    pub fn batch(mut self, batch: u16) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Sets how long a batch that is not full waits for more.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets whether messages are processed on all of the runtime's threads.
    pub fn parallel(mut self, parallel: bool) -> Self {
        self.parallel = parallel;
        self
    }

    /// Has messages with the same value of a header be processed one after the other.
    pub fn ordered_by(mut self, header: &str) -> Self {
        self.ordered_by = Some(header.into());
        self
    }

    /// Sets whether what comes there answers requests.
    pub fn replies(mut self, replies: bool) -> Self {
        self.replies = replies;
        self
    }

    /// Sets the highest priority that its messages can have.
    pub fn max_priority(mut self, max_priority: u8) -> Self {
        self.max_priority = Some(max_priority);
        self
    }

    /// Sets what the transport must be able to do with what is sent here: else the participant does
    /// not start.
    pub fn required(mut self, required: Abilities) -> Self {
        self.required = required;
        self
    }

    /// The port's address on the broker.
    pub(crate) fn queue_of(&self, role: &str) -> String {
        match &self.queue {
            Some(queue) => queue.replace("#ROLE", role),
            None => format!("{role}.{}", self.id.to_uppercase()),
        }
    }

    fn define(&self, role: &str) -> PortDefinition {
        let mut other = serde_json::Map::new();
        if !self.persistent {
            other.insert("persistent".into(), false.into());
        }
        for (key, value) in
            [("contentType", &self.content_type), ("messageType", &self.message_type)]
        {
            other.extend(value.as_deref().map(|value| (key.to_owned(), value.into())));
        }
        PortDefinition {
            id: self.id.clone(),
            port_type: self.port_type.clone(),
            queue: Some(self.queue_of(role)),
            description: self.description.clone(),
            schema: self.schema.clone(),
            other,
        }
    }
}
