//! The link to the broker that outlives each connection: for sending, and for what all
//! processes know of the network.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use msgflo_core::discovery::DISCOVERY_QUEUE;
use msgflo_core::transport::{Connection, Edge, Failure, Pauses, try_to_connect};
use msgflo_core::{Definition, Error, ErrorKind, Message, Result};
use rumqttc::QoS;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::address::Address;
use crate::assurance::{self, Assurance};
use crate::presence::{self, Presence};
use crate::registry::Records;
use crate::router::Router;
use crate::runtime;
use crate::session::{Lost, Opening, Received, Session, lock};
use crate::topic::{self, Record};

/// How long everything may take to be handed over when the link closes.
const FAREWELL: Duration = Duration::from_secs(10);
const CLOSED: &str = "the broker closed the connection";
/// After so many closed connections in a row, it is no accident.
const CLOSURES: u32 = 4;
/// What a topic's packet has beside topic and payload, at most.
const OVERHEAD: usize = 16;
/// After so many connections that broke while a message was sent, the message is to blame.
const BREAKS: u32 = 5;

/// The link to the broker. It reconnects by itself.
pub(crate) struct Link {
    pub(crate) address: Arc<Address>,
    /// Who this is, among all that are linked to the broker.
    pub(crate) owner: String,
    pub(crate) records: watch::Sender<Records>,
    /// Queues and edges of this link, to be made again if the broker has forgotten them.
    pub(crate) queues: Mutex<HashSet<String>>,
    pub(crate) edges: Mutex<HashSet<Edge>>,
    /// Queues that are declared here and not kept by the broker.
    pub(crate) passing: Mutex<HashSet<String>>,
    pub(crate) router: Router,
    pub(crate) presence: Presence,
    pub(crate) assurance: Assurance,
    pub(crate) watchers: Mutex<Vec<mpsc::UnboundedSender<Definition>>>,
    /// Where connections and tasks are driven. Deliveries may be dropped outside of it.
    pub(crate) runtime: Handle,
    /// What has to be finished before the link closes.
    tasks: TaskTracker,
    state: watch::Sender<State>,
    connection: watch::Sender<Connection>,
    closing: watch::Sender<bool>,
    claims: AtomicU64,
    markers_sent: AtomicU64,
    marker_seen: watch::Sender<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Sending {
    /// Wherever it is wanted, it is kept for those who are away.
    Kept,
    /// It reaches who is there.
    Passing,
    /// It reaches those, too, who come later.
    Retained,
}

#[derive(Clone)]
enum State {
    Connected(u64, Arc<Session>),
    Reconnecting,
    Closed,
}

impl Link {
    /// Connects, trying again until `patience` is over.
    pub(crate) async fn connect(address: Address, patience: Duration) -> Result<Arc<Self>> {
        let link = Arc::new(Self {
            address: Arc::new(address),
            owner: owner(),
            records: Default::default(),
            queues: Default::default(),
            edges: Default::default(),
            passing: Default::default(),
            router: Default::default(),
            presence: Default::default(),
            assurance: Default::default(),
            watchers: Default::default(),
            runtime: runtime::choose(),
            tasks: TaskTracker::new(),
            state: watch::Sender::new(State::Reconnecting),
            connection: watch::Sender::new(Connection::FIRST),
            closing: watch::Sender::new(false),
            claims: AtomicU64::new(0),
            markers_sent: AtomicU64::new(0),
            marker_seen: watch::Sender::new(0),
        });
        let closures = AtomicU32::new(0);
        let session = try_to_connect(&link.address.shown, patience, |left| {
            let (link, closures) = (&link, &closures);
            async move {
                let attempt = establish(link, left.min(link.address.attempt)).await;
                // Mosquitto 2.0.11 does so to who sends what is forbidden.
                if !matches!(&attempt, Err(Failure::Failed(reason)) if reason == CLOSED) {
                    closures.store(0, Ordering::Relaxed);
                } else if closures.fetch_add(1, Ordering::Relaxed) + 1 == CLOSURES {
                    let reason = format!("{CLOSED} again and again; {}", not_allowed());
                    return Err(Failure::Denied(reason));
                }
                attempt
            }
        });
        let session = session.await?;
        link.state.send_replace(State::Connected(1, session.clone()));
        link.runtime.spawn(supervise(Arc::downgrade(&link), session));
        Ok(link)
    }

    /// Runs what has to be finished before the link closes.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn_on(task, &self.runtime)
    }

    /// One attempt to open a connection.
    pub(crate) async fn open(
        &self,
        opening: Opening,
    ) -> Result<(Session, mpsc::Receiver<Received>), Failure> {
        self.open_within(opening, self.address.attempt).await
    }

    async fn open_within(
        &self,
        opening: Opening,
        patience: Duration,
    ) -> Result<(Session, mpsc::Receiver<Received>), Failure> {
        Session::open(&self.runtime, self.address.clone(), opening, patience).await
    }

    /// The connection as it is now, or as soon as there is one again.
    pub(crate) async fn session(&self) -> Result<Arc<Session>> {
        Ok(self.newer_session(0).await?.1)
    }

    pub(crate) async fn newer_session(&self, number: u64) -> Result<(u64, Arc<Session>)> {
        if let State::Connected(current, session) = &*self.state.borrow()
            && *current > number
        {
            return Ok((*current, session.clone()));
        }
        let (mut state, mut closing) = (self.state.subscribe(), self.closing.subscribe());
        let connected = state.wait_for(|state| match state {
            State::Connected(current, _) => *current > number,
            State::Reconnecting => false,
            State::Closed => true,
        });
        let found = tokio::select! {
            biased;
            found = connected => found.map(|state| state.clone()).ok(),
            // Closing waits for no broker.
            _ = closing.wait_for(|closing| *closing) => None,
        };
        match found {
            Some(State::Connected(current, session)) => Ok((current, session)),
            _ => Err(self.closed_error()),
        }
    }

    /// Returns when the broker has taken the message, and keeps it wherever it is wanted.
    pub(crate) async fn publish(&self, topic: &str, message: Message) -> Result<()> {
        self.deliver(topic, message, self.address.qos, Sending::Kept).await
    }

    /// Returns when the broker has taken the message.
    pub(crate) async fn send(&self, topic: &str, message: Message) -> Result<()> {
        self.deliver(topic, message, QoS::AtLeastOnce, Sending::Passing).await
    }

    async fn deliver(
        &self,
        topic: &str,
        message: Message,
        qos: QoS,
        sending: Sending,
    ) -> Result<()> {
        let size = topic.len() + message.payload.len() + OVERHEAD;
        if size > self.address.max_packet {
            let (had, most) = (message.payload.len(), self.address.max_packet);
            return Err(self.send_error(
                topic,
                format!("its {had} bytes do not fit into a packet of {most} bytes (`max_packet`)"),
            ));
        }
        let (mut number, mut breaks) = (0, 0);
        loop {
            let (current, session) = self.newer_session(number).await?;
            if sending == Sending::Kept {
                assurance::kept(self, topic).await;
            }
            let retain = sending == Sending::Retained;
            match session.publish(topic, message.clone(), qos, retain).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(reason)) => return Err(self.send_error(topic, reason)),
                Err(Lost) if breaks == BREAKS => {
                    let size = message.payload.len();
                    return Err(self.send_error(
                        topic,
                        format!(
                            "the connection broke each of {BREAKS} times ({}); perhaps its {size} bytes are more than the broker takes (Mosquitto: max_packet_size, message_size_limit)",
                            session.end()
                        ),
                    ));
                }
                Err(Lost) => {
                    breaks += 1;
                    number = current;
                }
            }
        }
    }

    /// Makes the broker retain what a record says; nothing removes it.
    pub(crate) async fn write(&self, record: &Record, says: &str) -> Result<()> {
        self.retain(record, says).await?;
        self.sync().await
    }

    /// Makes the broker retain what a record says. When it returns, not everybody knows yet.
    pub(crate) async fn retain(&self, record: &Record, says: &str) -> Result<()> {
        let says = Message::new(says.to_owned());
        self.deliver(&record.topic(), says, QoS::AtLeastOnce, Sending::Retained).await
    }

    /// Returns when the records have all that was written before.
    pub(crate) async fn sync(&self) -> Result<()> {
        let number = self.markers_sent.fetch_add(1, Ordering::Relaxed) + 1;
        let message = Message::new(number.to_string());
        let mut seen = self.marker_seen.subscribe();
        loop {
            let session = self.session().await?;
            let marker = topic::marker(&self.owner);
            let sent = session.publish(&marker, message.clone(), QoS::AtLeastOnce, false);
            if sent.await.is_ok() {
                tokio::select! {
                    biased;
                    _ = seen.wait_for(|seen| *seen >= number) => return Ok(()),
                    () = session.over() => {}
                }
            }
            let number = match &*self.state.borrow() {
                State::Connected(number, current) if Arc::ptr_eq(current, &session) => *number,
                _ => 0,
            };
            self.newer_session(number).await?;
        }
    }

    /// Starts to receive announcements, if nobody did before.
    pub(crate) async fn watch(&self) -> Result<mpsc::UnboundedReceiver<Definition>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.watchers).push(sender);
        let mut number = 0;
        loop {
            let (current, session) = self.newer_session(number).await?;
            match session.subscribe(DISCOVERY_QUEUE, self.address.receiving_qos()).await {
                Ok(true) => return Ok(receiver),
                Ok(false) => return Err(self.queue_error(DISCOVERY_QUEUE, NOT_ALLOWED)),
                Err(Lost) => number = current,
            }
        }
    }

    /// What the record of a seat says that this link takes now: unlike before.
    pub(crate) fn claim(&self) -> String {
        format!("{} {}", self.owner, self.claims.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a record says that its seat is this link's.
    pub(crate) fn is_ours(&self, says: &str) -> bool {
        says.split(' ').next() == Some(&self.owner)
    }

    pub(crate) fn closed_error(&self) -> Error {
        ErrorKind::Closed(format!("the connection to {} is closed", self.address.shown)).into()
    }

    pub(crate) fn queue_error(&self, queue: &str, reason: impl Into<String>) -> Error {
        ErrorKind::Queue {
            url: self.address.shown.clone(),
            queue: queue.into(),
            reason: reason.into(),
        }
        .into()
    }

    fn send_error(&self, queue: &str, reason: impl Into<String>) -> Error {
        ErrorKind::Send {
            url: self.address.shown.clone(),
            queue: queue.into(),
            reason: reason.into(),
        }
        .into()
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Returns when the link is to be closed, or nobody has it any more.
    pub(crate) async fn closing(&self) {
        // Cannot fail: the link has the sender.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    pub(crate) fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    /// Tells all tasks to come to an end.
    pub(crate) fn start_closing(&self) {
        self.closing.send_replace(true);
        self.tasks.close();
    }

    /// Lets all tasks come to an end, and disconnects.
    pub(crate) async fn close(&self) {
        self.start_closing();
        if timeout(FAREWELL, self.tasks.wait()).await.is_err() {
            warn!("{} takes too long to close; cutting it", self.address.shown);
        }
        if let State::Connected(_, session) = self.state.send_replace(State::Closed) {
            session.close().await;
        }
        lock(&self.watchers).clear();
    }

    /// A message that has arrived on the link's own connection.
    fn receive(self: &Arc<Self>, received: &Received, snapshot: &mut Option<Records>) {
        let is = |topic: &str| {
            let named =
                (received.topic == topic).then(|| std::str::from_utf8(&received.message.payload));
            named?.ok().and_then(Record::parse)
        };
        if received.topic == topic::marker(&self.owner) {
            let number = std::str::from_utf8(&received.message.payload)
                .ok()
                .and_then(|n| n.parse::<u64>().ok());
            if let Some(records) = snapshot.take() {
                self.records.send_replace(records);
            }
            if let Some(number) = number {
                self.marker_seen.send_modify(|seen| *seen = number.max(*seen));
            }
        } else if received.topic == DISCOVERY_QUEUE {
            match Definition::from_discovery_message(&received.message.payload) {
                Ok(definition) => {
                    lock(&self.watchers).retain(|watcher| watcher.send(definition.clone()).is_ok())
                }
                Err(error) => debug!("passed over on {DISCOVERY_QUEUE}: {error}"),
            }
        } else if let Some(asked) = is(topic::QUESTIONS) {
            self.spawn(presence::answer(self.clone(), asked));
        } else if let Some(answered) = is(topic::ANSWERS) {
            self.presence.hear(&answered);
        } else if let Some(record) = Record::parse(&received.topic) {
            match snapshot {
                Some(records) => records.set(record, &received.message.payload),
                None => {
                    // There may be many, and nobody waits for them.
                    let wakes = !matches!(record, Record::Tally { .. });
                    self.records.send_if_modified(|records| {
                        records.set(record, &received.message.payload);
                        wakes
                    });
                }
            }
        }
    }
}

pub(crate) const NOT_ALLOWED: &str =
    "the broker refuses the subscription; see what this user may read (Mosquitto: acl_file)";

/// Unlike every other, also those of the same program.
fn owner() -> String {
    let program = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = program.as_deref().and_then(|path| path.file_stem()).unwrap_or_default();
    let name = topic::encode(&name.to_string_lossy());
    format!("msgflo-{name}-{}-{}", std::process::id(), random())
}

pub(crate) fn random() -> String {
    format!("{:016x}", random_bits())
}

/// A random time up to `most`, so that not everybody does the same at once.
pub(crate) fn jitter(most: Duration) -> Duration {
    most.mul_f64((random_bits() % 1000) as f64 / 1000.0)
}

fn random_bits() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::time::SystemTime::now())
}

/// Opens a connection on which all records are known.
async fn establish(link: &Arc<Link>, patience: Duration) -> Result<Arc<Session>, Failure> {
    let client_id = link.address.client_id.as_ref().unwrap_or(&link.owner).clone();
    let opening = Opening { client_id, clean: true, will: None, receive_maximum: None };
    let (session, received) = link.open_within(opening, patience).await?;
    let session = Arc::new(session);
    link.runtime.spawn(dispatch(Arc::downgrade(link), Arc::downgrade(&session), received));
    let number = link.markers_sent.fetch_add(1, Ordering::Relaxed) + 1;
    let subscribed = async {
        let marker = topic::marker(&link.owner);
        let mut filters = vec![
            topic::SEATS,
            topic::EDGES,
            topic::ROUTES,
            topic::TALLIES,
            topic::QUESTIONS,
            topic::ANSWERS,
            &marker,
        ];
        if !lock(&link.watchers).is_empty() {
            filters.push(DISCOVERY_QUEUE);
        }
        let mut allowed = true;
        for filter in filters {
            allowed &= session.subscribe(filter, QoS::AtLeastOnce).await?;
        }
        // What the broker has retained, it has sent before this comes back.
        let message = Message::new(number.to_string());
        allowed &= session.publish(&marker, message, QoS::AtLeastOnce, false).await?.is_ok();
        Ok::<_, Lost>(allowed)
    };
    let mut seen = link.marker_seen.subscribe();
    let snapshot = async {
        if !subscribed.await.map_err(|Lost| lost())? {
            return Err(Failure::Denied(not_allowed()));
        }
        tokio::select! {
            _ = seen.wait_for(|seen| *seen >= number) => Ok(()),
            () = session.over() => Err(lost()),
        }
    };
    match timeout(patience, snapshot).await {
        Ok(Ok(())) => Ok(session),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::Denied(not_allowed())),
    }
}

fn lost() -> Failure {
    Failure::Failed(CLOSED.into())
}

fn not_allowed() -> String {
    let own = topic::OWN;
    format!("this user must be allowed to read and write the topics {own} (Mosquitto: acl_file)")
}

async fn dispatch(
    link: Weak<Link>,
    session: Weak<Session>,
    mut received: mpsc::Receiver<Received>,
) {
    let mut snapshot = Some(Records::default());
    while let Some(message) = received.recv().await {
        let (Some(link), Some(session)) = (link.upgrade(), session.upgrade()) else { return };
        link.receive(&message, &mut snapshot);
        session.acknowledge(&message);
    }
}

/// Connects again whenever the connection is lost, until the link is closed or dropped.
async fn supervise(link: Weak<Link>, first: Arc<Session>) {
    let mut session = first;
    for number in 2.. {
        session.over().await;
        let Some(owned) = link.upgrade() else { return };
        if owned.is_closing() || matches!(*owned.state.borrow(), State::Closed) {
            return;
        }
        owned.assurance.lose(number, owned.records.borrow().clone());
        owned.state.send_replace(State::Reconnecting);
        owned.connection.send_modify(|now| now.connected = false);
        warn!("lost the connection to {} ({}); reconnecting", owned.address.shown, session.end());
        tokio::select! {
            () = owned.closing() => return,
            fresh = reconnect(&owned) => session = fresh,
        }
        owned.state.send_replace(State::Connected(number, session.clone()));
        owned.connection.send_modify(|now| {
            now.connected = true;
            now.reconnections += 1;
        });
        warn!("connected to {} again", owned.address.shown);
        let restoring = owned.clone();
        owned.spawn(async move { assurance::restored(&restoring).await });
    }
}

async fn reconnect(link: &Arc<Link>) -> Arc<Session> {
    let mut pauses = Pauses::default();
    for attempt in 1u32.. {
        sleep(pauses.longer()).await;
        match establish(link, link.address.attempt).await {
            Ok(session) => return session,
            Err(Failure::Denied(reason) | Failure::Failed(reason)) => {
                info!("cannot connect to {} (attempt {attempt}): {reason}", link.address.shown);
            }
        }
    }
    unreachable!("attempts have no bound")
}
