//! The network: a connection on which participants run.

use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::component::{Component, Port};
use crate::discovery::Definition;
use crate::method::panicked;
use crate::participant::{Assembly, Connected, Participant, Ports};
use crate::requests::{Request, Requests};
pub use crate::settings::{
    DEFAULT_CONCURRENCY, DEFAULT_DISCOVERY_PERIOD, DEFAULT_STATISTICS_PERIOD, Settings,
};
use crate::statistics::{InportMeter, Reported, Reporter};
use crate::transport::{
    Announcements, Copies, Direction, Edge, Queue, QueueStatistics, Target, Transport,
};
use crate::worker::{self, Setup, Worker};
use crate::{Decode, Encode, Error, ErrorKind, Message, Result, payload, settings};

/// A connection to a broker, on which any number of participants run.
///
/// ```
/// # async fn example<P: msgflo_core::Participant + Default>() -> msgflo_core::Result<()> {
/// use msgflo_core::{Network, memory};
///
/// let network = Network::new(memory::connect(&"memory://".parse()?)?);
/// let first = network.start("first", P::default()).await?;
/// let second = network.start("second", P::default()).await?;
/// network.bind("first.OUT", "second.IN").await?;
/// // …
/// network.shutdown().await
/// # }
/// ```
#[derive(Clone)]
pub struct Network {
    transport: Arc<dyn Transport>,
    running: Arc<Mutex<Vec<Running>>>,
    requests: Arc<Requests>,
    failure: Arc<watch::Sender<Option<String>>>,
}

/// The tasks of one participant.
struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    reporter: Option<Arc<Reporter>>,
}

/// A started participant. Derefs to it, so that its outports can be used:
/// `web.new_job.send(…)`. Dropping the handle does not stop the participant.
pub struct Handle<P> {
    participant: Arc<P>,
    definition: Arc<Definition>,
}

impl<P> Handle<P> {
    /// What the participant announces: its id, its ports and their queues.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }
}

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { participant: self.participant.clone(), definition: self.definition.clone() }
    }
}

impl<P> Deref for Handle<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.participant
    }
}

impl Network {
    /// A network on a transport that is connected.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            running: Default::default(),
            requests: Default::default(),
            failure: Arc::new(watch::Sender::new(None)),
        }
    }

    /// The transport beneath.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Starts a participant in a role, with default [`Settings`]. When it returns, the
    /// participant's queues exist, it receives, and it has announced itself.
    ///
    /// # Errors
    /// If a queue cannot be had, or the role cannot be one.
    pub async fn start<P: Participant>(&self, role: &str, participant: P) -> Result<Handle<P>> {
        self.start_with(role, participant, Settings::default()).await
    }

    /// Starts a participant in a role.
    ///
    /// # Errors
    /// If a queue cannot be had, an IIP is refused, or a setting or the role cannot be used.
    pub async fn start_with<P: Participant>(
        &self,
        role: &str,
        mut participant: P,
        settings: Settings,
    ) -> Result<Handle<P>> {
        let component = P::component();
        let (stop, mut ports) = self.ports(&component, role)?;
        participant.connect(&mut ports);
        self.launch(component, ports, participant, stop, settings).await
    }

    /// Starts a participant that has no struct, with default [`Settings`].
    ///
    /// # Errors
    /// As [`Network::start`].
    pub async fn start_assembly(&self, role: &str, assembly: Assembly) -> Result<Handle<()>> {
        self.start_assembly_with(role, assembly, Settings::default()).await
    }

    /// Starts a participant that has no struct.
    ///
    /// # Errors
    /// As [`Network::start_with`].
    pub async fn start_assembly_with(
        &self,
        role: &str,
        assembly: Assembly,
        settings: Settings,
    ) -> Result<Handle<()>> {
        let Assembly { component, connectors } = assembly;
        let (stop, mut ports) = self.ports(&component, role)?;
        connectors.into_iter().for_each(|connect| connect(&mut ports));
        self.launch(component, ports, (), stop, settings).await
    }

    fn ports<S: Send + Sync + 'static>(
        &self,
        component: &Component,
        role: &str,
    ) -> Result<(watch::Sender<bool>, Ports<S>)> {
        let definition = component.instantiate(role)?;
        let (stop, stopped) = watch::channel(false);
        let (transport, requests) = (self.transport.clone(), self.requests.clone());
        Ok((stop, Ports::new(component.clone(), definition, transport, requests, stopped)))
    }

    async fn launch<S: Send + Sync + 'static>(
        &self,
        component: Component,
        ports: Ports<S>,
        participant: S,
        stop: watch::Sender<bool>,
        settings: Settings,
    ) -> Result<Handle<S>> {
        settings::check(&settings)?;
        worker::check_abilities(&component, &*self.transport)?;
        let Connected { participant, definition, inports, meters: outports } =
            ports.finish(participant);
        let role = &definition.role;
        let mut setups = Vec::new();
        for inport in &inports {
            let port = component.inports.iter().find(|port| port.id == inport.place.port);
            let Some(port) = port.filter(|port| !port.hidden) else { continue };
            let said = settings.port_concurrency.iter();
            let said = said.rev().find(|(id, _)| id.eq_ignore_ascii_case(&port.id));
            let default = if port.batch.is_some() { 1 } else { settings.concurrency };
            let concurrency =
                said.map(|(_, concurrency)| *concurrency).or(port.concurrency).unwrap_or(default);
            setups.push((inport, Setup::new(port, concurrency, settings.policy)?));
        }
        for (id, _) in &settings.port_concurrency {
            if !setups.iter().any(|(inport, _)| inport.place.port.eq_ignore_ascii_case(id)) {
                let known: Vec<_> =
                    inports.iter().map(|inport| inport.place.port.as_str()).collect();
                return Err(Error::invalid(format!(
                    "no inport `{id}` for the concurrency of {role}: it has {}",
                    known.join(", ")
                )));
            }
        }

        for (ports, direction) in
            [(&component.inports, Direction::In), (&component.outports, Direction::Out)]
        {
            for port in ports.iter().filter(|port| !port.hidden) {
                self.transport.declare(&queue(port, role, direction)).await?;
            }
        }
        for (port, value) in &settings.iips {
            let Some(inport) =
                inports.iter().find(|inport| inport.place.port.eq_ignore_ascii_case(port))
            else {
                let known: Vec<_> =
                    inports.iter().map(|inport| format!("`{}`", inport.place.port)).collect();
                return Err(Error::invalid(format!(
                    "no inport `{port}` for the IIP on {role}: it has {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )));
            };
            let (place, dispatch) = (&inport.place, &inport.dispatch);
            worker::process_iip(place, dispatch, participant.clone(), value).await.map_err(
                |error| {
                    Error::message(format!(
                        "{role} refused the IIP for its inport `{port}`: {error}"
                    ))
                },
            )?;
        }

        let stopped = stop.subscribe();
        let mut tasks = Vec::new();
        let mut meters = Vec::new();
        for (inport, setup) in setups {
            let place = inport.place.clone();
            let deliveries = self.transport.consume(&place.queue, setup.prefetch()).await?;
            let meter = InportMeter::new(&place.port, place.queue.clone(), setup.concurrency);
            meters.push(meter.clone());
            let (participant, dispatch) = (participant.clone(), inport.dispatch.clone());
            let (transport, requests) = (self.transport.clone(), self.requests.clone());
            let name = format!("inport `{}` of {role}", place.port);
            let worker =
                Worker::new(place, setup, participant, dispatch, transport, requests, meter);
            let run = AssertUnwindSafe(worker.run(deliveries, stopped.clone())).catch_unwind();
            let (network, stop) = (self.clone(), stop.clone());
            tasks.push(tokio::spawn(async move {
                let error = match run.await {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error.to_string(),
                    Err(panic) => panicked(&*panic).to_string(),
                };
                // It does not go on announcing what it cannot do any more.
                stop.send_replace(true);
                network.fail(format!("{name} cannot go on: {error}"));
            }));
        }
        let definition = Arc::new(definition);
        self.transport.announce(&definition, settings.discovery_period).await?;
        tasks.push(tokio::spawn(heartbeat(
            self.transport.clone(),
            definition.clone(),
            settings.discovery_period,
            stopped.clone(),
        )));
        let reporter = (!settings.statistics_period.is_zero()).then(|| {
            let definition = definition.clone();
            let reported = Reported { definition, inports: meters, outports };
            let reporter =
                Reporter::new(self.transport.clone(), reported, settings.statistics_period);
            Arc::new(reporter)
        });
        tasks.extend(reporter.clone().map(|reporter| tokio::spawn(reporter.run(stopped))));
        self.running().push(Running { stop, tasks, reporter });
        Ok(Handle { participant, definition })
    }

    /// Remembers, and tells, that a participant cannot go on.
    fn fail(&self, reason: String) {
        tracing::error!("{reason}");
        self.failure.send_if_modified(|first| {
            first.get_or_insert(reason);
            true
        });
    }

    /// Binds an outport's queue to an inport's. Both participants must have been started (here
    /// or elsewhere). Binding what is bound changes nothing.
    ///
    /// # Errors
    /// If one of the queues does not exist, or the transport has no edges.
    pub async fn bind(&self, source: &str, target: &str) -> Result<()> {
        self.transport.bind(&Edge { source: source.into(), target: target.into() }).await
    }

    /// Takes the edge between two queues away.
    ///
    /// # Errors
    /// If one of the queues does not exist, or the transport has no edges.
    pub async fn unbind(&self, source: &str, target: &str) -> Result<()> {
        self.transport.unbind(&Edge { source: source.into(), target: target.into() }).await
    }

    /// All edges that there are, whoever made them.
    ///
    /// # Errors
    /// If the broker does not tell.
    pub async fn edges(&self) -> Result<Vec<Edge>> {
        self.transport.edges().await
    }

    /// Receives copies of what passes a port from now on, and takes nothing from anybody: see
    /// [`Transport::tap`].
    ///
    /// # Errors
    /// If the broker cannot copy what this queue gets.
    pub async fn tap(&self, queue: &str, direction: Direction) -> Result<Copies> {
        self.transport.tap(queue, direction).await
    }

    /// Sends a value straight into an inport's queue.
    ///
    /// # Errors
    /// If there is no such queue, or the value cannot be written in its format.
    pub async fn send<P: Encode>(&self, queue: &str, value: P) -> Result<()> {
        self.transport.publish(Target::Inport(queue), payload::encode(value)?).await
    }

    /// Sends a value straight into an inport's queue, and waits for what the participant there sends
    /// first, on any outport, while it processes it; or for what comes of it, through the graph, to an
    /// inport with `replies` of a participant on this connection. If the participant gives up, that is
    /// the error.
    ///
    /// ```
    /// # use msgflo_core::{Json, Network, Result};
    /// # use std::time::Duration;
    /// # async fn example(network: Network) -> Result<()> {
    /// let Json(double) = network
    ///     .request::<Json<i64>, Json<i64>>("double.IN", Json(21))
    ///     .timeout(Duration::from_secs(2))
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If there is no such queue, no answer comes in time (30 s, if nothing else is said), it cannot be
    /// read as `A`, or correlation ids do not travel (MQTT 3.1.1).
    pub fn request<Q: Encode, A: Decode>(&self, queue: &str, value: Q) -> Request<A> {
        match payload::encode(value) {
            Ok(message) => self.request_message(queue, message),
            Err(error) => Request::failed(error),
        }
    }

    /// As [`request`](Self::request), for a message with more than its payload.
    pub fn request_message<A: Decode>(&self, queue: &str, message: Message) -> Request<A> {
        self.requests.request(&self.transport, Direction::In, queue, message)
    }

    /// Sees the announcements of all participants from now on.
    ///
    /// # Errors
    /// If the broker does not let us.
    pub async fn watch(&self) -> Result<Announcements> {
        self.transport.watch().await
    }

    /// What is waiting in an inport's queue.
    ///
    /// # Errors
    /// If there is no such queue.
    pub async fn statistics(&self, queue: &str) -> Result<QueueStatistics> {
        self.transport.statistics(queue).await
    }

    /// Returns when a participant cannot go on: its queue is gone and cannot be had again.
    /// Waits for ever while all is well.
    pub async fn failed(&self) -> Error {
        let mut failure = self.failure.subscribe();
        let reason = failure.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        match reason {
            Some(reason) => Error::message(reason),
            None => std::future::pending().await,
        }
    }

    /// Stops receiving, finishes the messages in flight, acknowledges them, and disconnects.
    ///
    /// If the connection is lost meanwhile, or was before, it waits for nothing: the broker
    /// delivers again what it does not know to be processed.
    ///
    /// # Errors
    /// If the broker does not answer in order when the connection is closed.
    pub async fn shutdown(&self) -> Result<()> {
        self.shutdown_within(Duration::MAX).await
    }

    /// As [`shutdown`](Self::shutdown), but gives the messages in flight at most so long: what is not
    /// finished by then goes back to its queue, and is not rejected.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_within(&self, limit: Duration) -> Result<()> {
        let running = std::mem::take(&mut *self.running());
        for participant in &running {
            participant.stop.send_replace(true);
        }
        self.transport.finish();
        let (tasks, reporters): (Vec<_>, Vec<_>) = running
            .into_iter()
            .map(|participant| (participant.tasks, participant.reporter))
            .unzip();
        let tasks: Vec<_> = tasks.into_iter().flatten().collect();
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let mut connection = self.transport.connection();
        let url = self.transport.url();
        tokio::select! {
            biased;
            // A task that panicked has told so itself, and has nothing more to finish.
            _ = join_all(tasks) => {
                join_all(reporters.iter().flatten().map(|reporter| reporter.say_last_word())).await;
            }
            _ = connection.wait_for(|now| !now.connected) => {
                tracing::warn!("{url} was lost at the end: what is in flight will be delivered again");
                aborts.iter().for_each(AbortHandle::abort);
            }
            () = tokio::time::sleep(limit) => {
                tracing::warn!("what is in flight was not finished within {limit:?}, and goes back to its queue");
                aborts.iter().for_each(AbortHandle::abort);
                // So that what they hold is released before the connection is closed.
                tokio::task::yield_now().await;
            }
        }
        self.transport.close().await
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn queue(port: &Port, role: &str, direction: Direction) -> Queue {
    Queue::new(port.queue_of(role), direction)
        .persistent(port.persistent)
        .max_priority(port.max_priority)
}

/// Announces the participant regularly, and at once after a reconnection.
async fn heartbeat(
    transport: Arc<dyn Transport>,
    definition: Arc<Definition>,
    period: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connection = transport.connection();
    let mut seen = connection.borrow_and_update().reconnections;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = tokio::time::sleep(period.div_f64(2.2)) => {}
            Ok(now) = connection.wait_for(|now| now.reconnections > seen) => seen = now.reconnections,
        }
        let announced = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            announced = transport.announce(&definition, period) => announced,
        };
        match announced {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), Some(ErrorKind::Closed(_))) => return,
            Err(error) => tracing::warn!(role = definition.role, "cannot announce: {error}"),
        }
    }
}
