//! What a participant is: its component, and how its ports are connected to a network.

use std::sync::{Arc, OnceLock, Weak};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::component::{Component, Port};
use crate::discovery::Definition;
use crate::method::Call;
pub use crate::method::Method;
use crate::outport::{Outport, OutportLink};
use crate::port::Inport;
use crate::processing::{Context, Place, Processing};
use crate::requests::Requests;
#[doc(hidden)]
pub use crate::signature::*;
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

/// Hands messages to a participant's method.
pub(crate) enum Dispatch<S> {
    Each(DispatchEach<S>),
    Batch {
        each: DispatchEach<S>,
        several: DispatchBatch<S>,
    },
    /// There is no method: the port takes answers.
    None,
}

type DispatchEach<S> =
    Arc<dyn Fn(Arc<S>, Message, Context) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The values of a batch that could be read are handed over; what could not, is told of by its place.
type DispatchBatch<S> = Arc<
    dyn Fn(Arc<S>, Vec<Message>, Context) -> (Vec<(usize, Error)>, BoxFuture<'static, Result<()>>)
        + Send
        + Sync,
>;

impl<S> Clone for Dispatch<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Each(each) => Self::Each(each.clone()),
            Self::Batch { each, several } => {
                Self::Batch { each: each.clone(), several: several.clone() }
            }
            Self::None => Self::None,
        }
    }
}

impl<S: 'static> Dispatch<S> {
    fn new<P: Decode>(call: &Call<S, P>) -> Self {
        fn refused(error: Error) -> BoxFuture<'static, Result<()>> {
            std::future::ready(Err(error)).boxed()
        }
        match call {
            Call::Each(method) => {
                let method = method.clone();
                Self::Each(Arc::new(move |participant, message, context| {
                    match payload::decode::<P>(message) {
                        Ok(value) => method(participant, value, context),
                        // The same bytes will not be better another time.
                        Err(error) => refused(crate::permanent(error)),
                    }
                }))
            }
            Call::Batch(method) => {
                let (one, several) = (method.clone(), method.clone());
                let each = Arc::new(move |participant, message, context| {
                    match payload::decode::<P>(message) {
                        Ok(value) => one(participant, vec![value], context),
                        Err(error) => refused(crate::permanent(error)),
                    }
                });
                let several = Arc::new(move |participant, messages: Vec<Message>, context| {
                    let (mut values, mut unreadable) = (Vec::new(), Vec::new());
                    for (place, message) in messages.into_iter().enumerate() {
                        match payload::decode::<P>(message) {
                            Ok(value) => values.push(value),
                            Err(error) => unreadable.push((place, crate::permanent(error))),
                        }
                    }
                    let done = match values.is_empty() {
                        true => std::future::ready(Ok(())).boxed(),
                        false => several(participant, values, context),
                    };
                    (unreadable, done)
                });
                Self::Batch { each, several }
            }
            Call::None => Self::None,
        }
    }

    /// Has one message processed.
    pub(crate) fn call(
        &self,
        participant: Arc<S>,
        message: Message,
        context: Context,
    ) -> BoxFuture<'static, Result<()>> {
        match self {
            Self::Each(each) | Self::Batch { each, .. } => each(participant, message, context),
            Self::None => {
                let nobody = "nobody waits for this answer any more, or ever did";
                std::future::ready(Err(crate::permanent(nobody))).boxed()
            }
        }
    }
}

/// What [`Participant::connect`] connects the fields to.
#[doc(hidden)]
pub struct Ports<S> {
    component: Component,
    transport: Arc<dyn Transport>,
    requests: Arc<Requests>,
    owner: Arc<OnceLock<Weak<S>>>,
    definition: Definition,
    stopped: watch::Receiver<bool>,
    inports: Vec<ConnectedInport<S>>,
    meters: Vec<Arc<OutportMeter>>,
    outports: u16,
}

/// An inport, and what is done with what comes there.
pub(crate) struct ConnectedInport<S> {
    pub(crate) place: Arc<Place>,
    pub(crate) dispatch: Dispatch<S>,
}

/// A participant that the ports belong to, its methods by inport, and what counts messages that it sends.
pub(crate) struct Connected<S> {
    pub(crate) participant: Arc<S>,
    pub(crate) definition: Definition,
    pub(crate) inports: Vec<ConnectedInport<S>>,
    pub(crate) meters: Vec<Arc<OutportMeter>>,
}

impl<S: Send + Sync + 'static> Ports<S> {
    pub(crate) fn new(
        component: Component,
        definition: Definition,
        transport: Arc<dyn Transport>,
        requests: Arc<Requests>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            component,
            definition,
            stopped,
            transport,
            requests,
            owner: Arc::new(OnceLock::new()),
            inports: Vec::new(),
            meters: Vec::new(),
            outports: 0,
        }
    }

    /// Connects an outport's field.
    pub fn outport<P: Encode>(&mut self, id: &str, field: &mut Outport<P>) {
        if let Some(link) = self.outport_link(id) {
            field.connect(link);
        }
    }

    pub(crate) fn outport_link(&mut self, id: &str) -> Option<OutportLink> {
        let port = self.component.outports.iter().find(|port| port.id == id)?;
        let queue = (!port.hidden).then(|| port.queue_of(&self.definition.role));
        let meter = queue.clone().map(|queue| OutportMeter::new(id, queue));
        self.meters.extend(meter.clone());
        self.outports += 1;
        let (transport, requests) = (self.transport.clone(), self.requests.clone());
        Some(OutportLink::new(
            transport,
            requests,
            queue,
            self.outports,
            &self.definition.role,
            id,
            meter,
        ))
    }

    /// Connects an inport's field, and remembers the method that processes its messages.
    pub fn inport<P: Decode>(&mut self, id: &str, field: &mut Inport<P>, method: Method<S, P>) {
        let Method(call) = method;
        let owner = self.owner.clone();
        let hidden = self.component.inports.iter().any(|port| port.id == id && port.hidden);
        let own = match &call {
            Call::Each(method) => Some(method.clone()),
            Call::Batch(method) => {
                let method = method.clone();
                Some(Arc::new(move |owner, value, context| method(owner, vec![value], context)) as _)
            }
            Call::None => None,
        };
        let place = self.place(id);
        let source = place.clone();
        field.connect(id, hidden, move |value: P| {
            match (owner.get().and_then(Weak::upgrade), &own) {
                (Some(owner), Some(own)) => {
                    let processing = Processing::new(source.clone(), Message::default(), false);
                    let call = own(owner, value, Context::new(processing.clone()));
                    processing.scope(call).boxed()
                }
                _ => Box::pin(async { Err(Error::message("the participant is gone")) }),
            }
        });
        self.inports.push(ConnectedInport { place, dispatch: Dispatch::new(&call) });
    }

    pub(crate) fn process<P: Decode>(&mut self, id: &str, call: &Call<S, P>) {
        let place = self.place(id);
        self.inports.push(ConnectedInport { place, dispatch: Dispatch::new(call) });
    }

    fn place(&self, id: &str) -> Arc<Place> {
        let port = self.component.inports.iter().find(|port| port.id == id);
        Arc::new(Place {
            role: self.definition.role.clone(),
            port: id.into(),
            queue: port.map(|port| port.queue_of(&self.definition.role)).unwrap_or_default(),
            worker: self.definition.id.clone(),
            stopped: self.stopped.clone(),
        })
    }

    pub(crate) fn finish(self, participant: S) -> Connected<S> {
        let participant = Arc::new(participant);
        // Set once, here: `finish` takes the only `Ports`.
        let _ = self.owner.set(Arc::downgrade(&participant));
        Connected {
            participant,
            definition: self.definition,
            inports: self.inports,
            meters: self.meters,
        }
    }
}

/// A participant without a struct: a component, and a closure for each inport. The derive makes the
/// same of a struct; programs that know their ports only when they run use this.
///
/// ```
/// use msgflo_core::participant::Assembly;
/// use msgflo_core::{Json, Network, memory};
///
/// # async fn example() -> msgflo_core::Result<()> {
/// let mut doubler = Assembly::new("math/Double");
/// let out = doubler.outport::<Json<i64>>("out");
/// doubler.inport("in", move |Json(number): Json<i64>, _context| {
///     let out = out.clone();
///     async move { out.send(Json(2 * number)).await }
/// });
///
/// let network = Network::new(memory::connect(&"memory://".parse()?)?);
/// network.start_assembly("double", doubler).await?;
/// # network.shutdown().await }
/// ```
pub struct Assembly {
    pub(crate) component: Component,
    pub(crate) connectors: Vec<Connector>,
}

type Connector = Box<dyn FnOnce(&mut Ports<()>) + Send>;

impl Assembly {
    /// A participant of this component, without ports.
    pub fn new(component: &str) -> Self {
        Self { component: Component::new(component), connectors: Vec::new() }
    }

    /// Sets what it does, in a few words.
    pub fn label(mut self, label: &str) -> Self {
        self.component = self.component.label(label);
        self
    }

    /// Sets a Font Awesome icon's name.
    pub fn icon(mut self, icon: &str) -> Self {
        self.component = self.component.icon(icon);
        self
    }

    /// Adds an outport, whose type is the payload's. What is returned sends on it as soon as the
    /// participant is started.
    pub fn outport<P: Encode>(&mut self, id: &str) -> Arc<Outport<P>> {
        self.outport_as(Port::new(id, P::port_type()))
    }

    /// Adds an outport with settings of its own.
    pub fn outport_as<P: Encode>(&mut self, port: Port) -> Arc<Outport<P>> {
        let outport = Arc::new(Outport::default());
        let (own, id) = (outport.clone(), port.id.clone());
        self.component.outports.push(port.format(P::CONTENT_TYPE, P::message_type()));
        self.connectors.push(Box::new(move |ports| {
            if let Some(link) = ports.outport_link(&id) {
                own.connect_shared(link);
            }
        }));
        outport
    }

    /// Adds an inport, whose type is the payload's, with a closure that processes each message.
    pub fn inport<P, F, R>(&mut self, id: &str, closure: F)
    where
        P: Decode,
        F: Fn(P, Context) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.inport_as(Port::new(id, P::port_type()), Method::closure(closure));
    }

    /// Adds an inport with settings of its own.
    pub fn inport_as<P: Decode>(&mut self, port: Port, method: Method<(), P>) {
        let id = port.id.clone();
        self.component.inports.push(port.format(P::CONTENT_TYPE, P::message_type()));
        self.connectors.push(Box::new(move |ports| ports.process(&id, &method.0)));
    }

    /// What kind of participant it is, and which ports it has.
    pub fn component(&self) -> &Component {
        &self.component
    }
}
