//! The network: a connection on which participants run.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::discovery::Definition;
use crate::participant::{Participant, Port, Ports};
use crate::statistics::{InportMeter, Reported, Reporter};
use crate::transport::{
    Announcements, Copies, Direction, Edge, Queue, QueueStatistics, Target, Transport,
};
use crate::worker::{self, Worker};
use crate::{Encode, Error, ErrorKind, Result, payload};

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
    failure: Arc<watch::Sender<Option<String>>>,
}

/// How a participant is run; [`Settings::default`] is what [`Network::start`] takes.
///
/// ```
/// # use msgflo_core::Settings;
/// let one_at_a_time = Settings { concurrency: 1, ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many messages of an inport are processed at once, and so also how many the broker
    /// hands out before the first is acknowledged. An inport's own `concurrency` goes first.
    pub concurrency: u16,
    /// Participants not heard of for this long count as late: announcements are sent every
    /// `discovery_period / 2.2`.
    pub discovery_period: Duration,
    /// How often the participant tells how long its messages took, while there are any: see
    /// [`statistics`](crate::statistics). While there are none, it tells so every third time. Zero is never.
    pub statistics_period: Duration,
    /// Initial information packets: inport and value, processed before any message.
    pub iips: Vec<(String, Value)>,
}

/// [`Settings::concurrency`] where nothing else is said: enough for quick messages not to wait for
/// the broker's round trips (measured on RabbitMQ: 1 gives 1,300 messages a second, 10 gives 6,300,
/// 64 gives 14,400), and few enough for slow ones to be shared with workers that come later.
pub const DEFAULT_CONCURRENCY: u16 = 10;

/// [`Settings::discovery_period`] where nothing else is said: 60 s, as in msgflo-nodejs.
pub const DEFAULT_DISCOVERY_PERIOD: Duration = Duration::from_secs(60);

/// [`Settings::statistics_period`] where nothing else is said: some 0.1 messages a second for each
/// participant that is at work, of 1 to 3 KB.
pub const DEFAULT_STATISTICS_PERIOD: Duration = Duration::from_secs(10);

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: DEFAULT_CONCURRENCY,
            discovery_period: DEFAULT_DISCOVERY_PERIOD,
            statistics_period: DEFAULT_STATISTICS_PERIOD,
            iips: Vec::new(),
        }
    }
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
        Self { transport, running: Default::default(), failure: Arc::new(watch::Sender::new(None)) }
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
        let definition = Arc::new(component.instantiate(role)?);
        check(&settings)?;

        let mut ports = Ports::new(component.clone(), &definition, self.transport.clone());
        participant.connect(&mut ports);
        let (participant, dispatches, outports) = ports.finish(participant);

        for (ports, direction) in
            [(&component.inports, Direction::In), (&component.outports, Direction::Out)]
        {
            for port in ports.iter().filter(|port| !port.hidden) {
                self.transport.declare(&queue(port, role, direction)).await?;
            }
        }
        for (port, value) in &settings.iips {
            let Some((_, dispatch)) =
                dispatches.iter().find(|(id, _)| id.eq_ignore_ascii_case(port))
            else {
                let known: Vec<_> = dispatches.iter().map(|(id, _)| format!("`{id}`")).collect();
                return Err(Error::invalid(format!(
                    "no inport `{port}` for the IIP on {role}: it has {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )));
            };
            worker::process_iip(dispatch, participant.clone(), value).await.map_err(|error| {
                Error::message(format!("{role} refused the IIP for its inport `{port}`: {error}"))
            })?;
        }

        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut inports = Vec::new();
        for (id, dispatch) in dispatches {
            let Some(port) = component.inports.iter().find(|port| port.id == id && !port.hidden)
            else {
                continue;
            };
            let concurrency = port.concurrency.unwrap_or(settings.concurrency);
            let deliveries = self.transport.consume(&port.queue_of(role), concurrency).await?;
            let meter = InportMeter::new(&id, port.queue_of(role), concurrency);
            inports.push(meter.clone());
            let worker = Worker::new(role, &id, concurrency, participant.clone(), dispatch, meter);
            let failure = self.failure.clone();
            let stopped = stopped.clone();
            tasks.push(tokio::spawn(async move {
                if let Err(error) = worker.run(deliveries, stopped).await {
                    failure.send_if_modified(|first| {
                        first.get_or_insert_with(|| error.to_string());
                        true
                    });
                }
            }));
        }
        self.transport.announce(&definition, settings.discovery_period).await?;
        tasks.push(tokio::spawn(heartbeat(
            self.transport.clone(),
            definition.clone(),
            settings.discovery_period,
            stopped.clone(),
        )));
        let reporter = (!settings.statistics_period.is_zero()).then(|| {
            let reported = Reported { definition: definition.clone(), inports, outports };
            let reporter =
                Reporter::new(self.transport.clone(), reported, settings.statistics_period);
            Arc::new(reporter)
        });
        tasks.extend(reporter.clone().map(|reporter| tokio::spawn(reporter.run(stopped))));
        self.running().push(Running { stop, tasks, reporter });
        Ok(Handle { participant, definition })
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
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => Error::message(reason.as_deref().unwrap_or_default()),
            Err(_) => std::future::pending().await,
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
        tokio::select! {
            biased;
            // A task that panicked has told so itself, and has nothing more to finish.
            _ = join_all(tasks) => {
                join_all(reporters.iter().flatten().map(|reporter| reporter.say_last_word())).await;
            }
            _ = connection.wait_for(|now| !now.connected) => {
                let url = self.transport.url();
                tracing::warn!("{url} was lost at the end: what is in flight will be delivered again");
                aborts.iter().for_each(AbortHandle::abort);
            }
        }
        self.transport.close().await
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(settings: &Settings) -> Result<()> {
    if settings.concurrency == 0 {
        return Err(Error::invalid("a concurrency of 0 would process nothing: give 1 or more"));
    }
    if settings.discovery_period < Duration::from_millis(100) {
        return Err(Error::invalid("a discovery period under 0.1 s would flood the broker"));
    }
    let statistics = settings.statistics_period;
    if !statistics.is_zero() && statistics < Duration::from_millis(100) {
        return Err(Error::invalid(
            "a statistics period under 0.1 s would flood the broker; 0 sends none",
        ));
    }
    Ok(())
}

fn queue(port: &Port, role: &str, direction: Direction) -> Queue {
    Queue { name: port.queue_of(role), direction, persistent: port.persistent }
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
