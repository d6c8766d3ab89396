//! What a participant is: its component, and how its ports are connected to a network.

use std::any::Any as StdAny;
use std::collections::HashSet;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};

use futures_util::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use crate::discovery::{Definition, PortDefinition};
use crate::port::{Inport, Outport, OutportLink};
use crate::statistics::OutportMeter;
use crate::transport::Transport;
use crate::{Decode, Encode, Error, Message, Result, payload};

/// Something that receives on inports and sends on outports. Use `#[derive(Participant)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a participant",
    note = "write `#[derive(msgflo::Participant)]` above the struct"
)]
pub trait Participant: Sized + Send + Sync + 'static {
    /// What kind of participant this is, and which ports it has.
    fn component() -> Component;

    /// Connects the fields that are ports.
    #[doc(hidden)]
    fn connect(&mut self, ports: &mut Ports<Self>);
}

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
    /// How many messages are processed at once, where the port says so itself.
    pub concurrency: Option<u16>,
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
            queue: None,
            description: None,
            schema: None,
            hidden: false,
            persistent: true,
            concurrency: None,
        }
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

type Finished<S> = (Arc<S>, Vec<(String, Dispatch<S>)>, Vec<Arc<OutportMeter>>);

/// Hands one message to a participant's method.
pub(crate) type Dispatch<S> =
    Arc<dyn Fn(Arc<S>, Message) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The method that an inport's messages are handed to.
#[doc(hidden)]
pub struct Method<S, P>(MethodFn<S, P>);

type MethodFn<S, P> = Arc<dyn Fn(Arc<S>, P) -> BoxFuture<'static, Result<()>> + Send + Sync>;

impl<S, P> Method<S, P> {
    /// Asks nothing of `P`: what is wrong with a payload is told where the field is connected.
    pub fn new<R>(method: impl Fn(Arc<S>, P) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output: Outcome> + Send + 'static,
    {
        Self(Arc::new(move |participant, payload| {
            let outcome = method(participant, payload);
            Box::pin(async move { outcome.await.into_result() })
        }))
    }
}

/// What an inport's method comes to.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an inport's method returns `Result<(), E>`, not `{Self}`",
    label = "returns `{Self}`",
    note = "write `async fn method(&self, payload: P) -> msgflo::Result<()>`"
)]
pub trait Outcome {
    /// Any error as msgflo's own.
    fn into_result(self) -> Result<()>;
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(Error::from_method)
    }
}

/// What [`Participant::connect`] connects the fields to.
#[doc(hidden)]
pub struct Ports<S> {
    component: Component,
    role: String,
    transport: Arc<dyn Transport>,
    owner: Arc<OnceLock<Weak<S>>>,
    dispatches: Vec<(String, Dispatch<S>)>,
    meters: Vec<Arc<OutportMeter>>,
}

impl<S: Participant> Ports<S> {
    pub(crate) fn new(
        component: Component,
        definition: &Definition,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            component,
            role: definition.role.clone(),
            transport,
            owner: Arc::new(OnceLock::new()),
            dispatches: Vec::new(),
            meters: Vec::new(),
        }
    }

    /// Connects an outport's field.
    pub fn outport<P: Encode>(&mut self, id: &str, field: &mut Outport<P>) {
        let Some(port) = self.component.outports.iter().find(|port| port.id == id) else { return };
        let queue = (!port.hidden).then(|| port.queue_of(&self.role));
        let meter = queue.clone().map(|queue| OutportMeter::new(id, queue));
        self.meters.extend(meter.clone());
        field.connect(OutportLink::new(self.transport.clone(), queue, &self.role, id, meter));
    }

    /// Connects an inport's field, and remembers the method that processes its messages.
    pub fn inport<P: Decode>(&mut self, id: &str, field: &mut Inport<P>, method: Method<S, P>) {
        let Method(method) = method;
        let (owner, own) = (self.owner.clone(), method.clone());
        let hidden = self.component.inports.iter().any(|port| port.id == id && port.hidden);
        field.connect(id, hidden, move |value: P| {
            let owner = owner.get().and_then(Weak::upgrade);
            match owner {
                Some(owner) => own(owner, value),
                None => Box::pin(async { Err(Error::message("the participant is gone")) }),
            }
        });
        let dispatch = move |participant, message| match payload::decode::<P>(message) {
            Ok(value) => method(participant, value),
            Err(error) => Box::pin(std::future::ready(Err(error))) as BoxFuture<'static, _>,
        };
        self.dispatches.push((id.into(), Arc::new(dispatch)));
    }

    /// The participant that the ports now belong to, its methods by inport, and what counts messages
    /// that it sends.
    pub(crate) fn finish(self, participant: S) -> Finished<S> {
        let participant = Arc::new(participant);
        // Set once, here: `finish` takes the only `Ports`.
        let _ = self.owner.set(Arc::downgrade(&participant));
        (participant, self.dispatches, self.meters)
    }
}

/// The text of a panic, as far as it has one.
pub(crate) fn panic_text(panic: &(dyn StdAny + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
