//! The transport within one process: `memory://`, or `memory://NAME` for one apart from others.
//!
//! All connections of a process to the same name share its queues; when the last is gone, so
//! are they. It does all that a broker does, but for surviving the process: queues shared by
//! workers, fan-out by edges, dead letters, redelivery, and memory that stays bounded, because
//! a sender waits while a queue is full.
//!
//! `memory://?capacity=1000` sets how many messages a queue holds (10,000 by default), and
//! `capacity_bytes` how many bytes (268,435,456 by default). Whatever is reached first makes senders
//! wait. Dead letters are kept up to the same, the oldest go first.
//!
//! A connection that is dropped without being closed is a lost one: what it had in hand comes again, and is
//! counted. A queue that is not persistent ends with the last connection that declared or consumes it.

mod queue;
mod tap;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use tokio::sync::{broadcast, watch};
use url::Url;

use crate::transport::{
    Abilities, Announcements, Connection, Copies, Deliveries, Direction, Edge, Queue,
    QueueStatistics, Target, Transport, without_password,
};
use crate::{Definition, Error, ErrorKind, Message, Result};
use queue::{Capacity, Consumer, Credit, MemoryQueue};
use tap::{Tap, Taps};

const DEFAULT_CAPACITY: Capacity = Capacity { messages: 10_000, bytes: 256 * 1024 * 1024 };
/// How many announcements a watcher may be behind before it misses some.
const ANNOUNCEMENTS: usize = 1024;

static BROKERS: LazyLock<Mutex<HashMap<String, Weak<Broker>>>> = LazyLock::new(Default::default);

struct Broker {
    capacity: Capacity,
    topology: RwLock<Topology>,
    present: Mutex<HashMap<String, Definition>>,
    announcements: broadcast::Sender<Definition>,
}

#[derive(Default)]
struct Topology {
    queues: HashMap<String, Arc<MemoryQueue>>,
    /// By an outport's queue, the inports' queues that are bound to it.
    exchanges: HashMap<String, Vec<Arc<MemoryQueue>>>,
    /// Of the queues that are not persistent, how many connections declared or consume them.
    passing: HashMap<String, usize>,
    taps: Taps,
}

/// Connects to the broker that the URL names within this process.
///
/// # Errors
/// If the URL has a setting that is unknown or is not a number.
pub fn connect(url: &Url) -> Result<Arc<dyn Transport>> {
    let mut capacity = DEFAULT_CAPACITY;
    for (key, value) in url.query_pairs() {
        match (&*key, value.parse()) {
            ("capacity", Ok(number)) if number > 0 => capacity.messages = number,
            ("capacity_bytes", Ok(number)) if number > 0 => capacity.bytes = number,
            _ => {
                return Err(Error::invalid(format!(
                    "`{key}={value}` in {url}: memory:// takes `capacity=NUMBER` and `capacity_bytes=NUMBER`, 1 or more"
                )));
            }
        }
    }
    let name = url.host_str().unwrap_or_default().to_owned();
    let mut brokers = lock(&BROKERS);
    brokers.retain(|_, broker| broker.strong_count() > 0);
    let broker = brokers.get(&name).and_then(Weak::upgrade).unwrap_or_else(|| {
        let broker = Arc::new(Broker {
            capacity,
            topology: Default::default(),
            present: Default::default(),
            announcements: broadcast::Sender::new(ANNOUNCEMENTS),
        });
        brokers.insert(name, Arc::downgrade(&broker));
        broker
    });
    Ok(Arc::new(Memory {
        url: without_password(url),
        broker,
        announced: Default::default(),
        held: Default::default(),
        credits: Default::default(),
        finishing: watch::Sender::new(false),
        closed: watch::Sender::new(false),
        connection: watch::Sender::new(Connection::FIRST),
    }))
}

/// One connection to a [`Broker`].
struct Memory {
    url: String,
    broker: Arc<Broker>,
    announced: Mutex<HashSet<String>>,
    /// The queues that are not persistent and that it declared or consumes: each ends with the last
    /// connection that does.
    held: Mutex<HashSet<String>>,
    /// Of this connection's consumers.
    credits: Mutex<Vec<Weak<Credit>>>,
    finishing: watch::Sender<bool>,
    closed: watch::Sender<bool>,
    connection: watch::Sender<Connection>,
}

impl Memory {
    fn queue(&self, name: &str) -> Result<Arc<MemoryQueue>> {
        self.check_open()?;
        let queue = self.broker.topology().queues.get(name).cloned();
        queue.ok_or_else(|| self.missing(name, "inport"))
    }

    /// What is not settled goes back. Of a connection that is lost, it is counted.
    fn disconnect(&self, is_lost: bool) {
        self.closed.send_replace(true);
        let credits = std::mem::take(&mut *lock(&self.credits));
        credits.iter().filter_map(Weak::upgrade).for_each(|credit| credit.close(is_lost));
        {
            let mut topology = self.broker.topology_mut();
            let held = std::mem::take(&mut *lock(&self.held));
            held.iter().for_each(|name| topology.release(name));
        }
        let announced = std::mem::take(&mut *lock(&self.announced));
        lock(&self.broker.present).retain(|id, _| !announced.contains(id));
    }

    /// A queue that is not persistent stays for as long as this connection.
    fn hold(&self, topology: &mut Topology, name: &str) {
        // A connection that is closed has released all that it held.
        if !*self.closed.borrow()
            && let Some(holders) = topology.passing.get_mut(name)
            && lock(&self.held).insert(name.to_owned())
        {
            *holders += 1;
        }
    }

    fn check_open(&self) -> Result<()> {
        if *self.closed.borrow() {
            return Err(ErrorKind::Closed(format!("{} is closed", self.url)).into());
        }
        Ok(())
    }

    fn missing(&self, queue: &str, what: &str) -> Error {
        ErrorKind::Queue {
            url: self.url.clone(),
            queue: queue.into(),
            reason: format!(
                "there is no such {what}; start the participant that has it first, and compare the name with what it announces"
            ),
        }
        .into()
    }
}

impl Topology {
    /// An outport and an inport of the same name are connected without an edge. So are dead
    /// letters with the outport that their edges lead from.
    fn add(&mut self, name: &str, queue: &Arc<MemoryQueue>) {
        let bound = self.exchanges.entry(name.to_owned()).or_default();
        bound.iter().for_each(|bound| queue.lead_to(bound));
        bound.push(queue.clone());
        self.queues.insert(name.to_owned(), queue.clone());
    }
}

impl Topology {
    /// One connection less has to do with a queue that is not persistent. With the last, it goes, and
    /// so do its dead letters if there are none.
    fn release(&mut self, name: &str) {
        let Some(holders) = self.passing.get_mut(name) else { return };
        *holders -= 1;
        if *holders > 0 {
            return;
        }
        self.passing.remove(name);
        self.remove(name);
        let dead_name = format!("dead-{name}");
        let is_unused = |queue: &Arc<MemoryQueue>| {
            let statistics = queue.statistics();
            statistics.waiting == 0 && statistics.consumers == 0
        };
        if self.queues.get(&dead_name).is_some_and(is_unused) {
            self.remove(&dead_name);
        }
    }

    fn remove(&mut self, name: &str) {
        let Some(queue) = self.queues.remove(name) else { return };
        self.exchanges.remove(name);
        for bound in self.exchanges.values_mut() {
            bound.retain(|bound| !Arc::ptr_eq(bound, &queue));
        }
        queue.abandon();
    }
}

impl Broker {
    fn topology(&self) -> std::sync::RwLockReadGuard<'_, Topology> {
        self.topology.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn topology_mut(&self) -> std::sync::RwLockWriteGuard<'_, Topology> {
        self.topology.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Memory {
    fn url(&self) -> &str {
        &self.url
    }

    fn abilities(&self) -> Abilities {
        Abilities::ALL
    }

    async fn declare(&self, queue: &Queue) -> Result<()> {
        self.check_open()?;
        let capacity = self.broker.capacity;
        let topology = &mut *self.broker.topology_mut();
        topology.exchanges.entry(queue.name.clone()).or_default();
        if queue.direction == Direction::In && !topology.queues.contains_key(&queue.name) {
            let dead_name = self.dead_letter_queue(&queue.name);
            let dead = topology.queues.get(&dead_name).cloned().unwrap_or_else(|| {
                let dead = Arc::new(MemoryQueue::new(capacity, None));
                topology.add(&dead_name, &dead);
                dead
            });
            topology.add(&queue.name, &Arc::new(MemoryQueue::new(capacity, Some(dead))));
            if !queue.persistent {
                topology.passing.insert(queue.name.clone(), 0);
            }
        }
        if queue.direction == Direction::In {
            if queue.persistent {
                topology.passing.remove(&queue.name);
            }
            self.hold(topology, &queue.name);
        }
        Ok(())
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Deliveries> {
        self.check_open()?;
        let found = {
            let topology = &mut *self.broker.topology_mut();
            self.hold(topology, queue);
            topology.queues.get(queue).cloned()
        };
        let found = found.ok_or_else(|| self.missing(queue, "inport"))?;
        let consumer = Consumer::new(found, prefetch, self.closed.subscribe());
        {
            let mut credits = lock(&self.credits);
            credits.retain(|credit| credit.strong_count() > 0);
            credits.push(Arc::downgrade(&consumer.credit));
        }
        // It may have been closed meanwhile, without this consumer.
        self.check_open()?;
        Ok(Deliveries::new(stream::unfold(consumer, |mut consumer| async move {
            let delivery = consumer.next().await?;
            Some((Ok(delivery), consumer))
        })))
    }

    async fn publish(&self, target: Target<'_>, message: Message) -> Result<()> {
        self.check_open()?;
        // Offered to all at once, so that each has the messages in the order of the calls.
        let waiting: Vec<_> = {
            let topology = self.broker.topology();
            let targets = match target {
                Target::Outport(name) => match topology.exchanges.get(name) {
                    Some(bound) => &bound[..],
                    None => return Err(self.missing(name, "outport")),
                },
                Target::Inport(name) => match topology.queues.get(name) {
                    Some(queue) => std::slice::from_ref(queue),
                    None => return Err(self.missing(name, "inport")),
                },
            };
            topology.taps.copy(target, targets, &topology.queues, &message);
            let offered = targets.iter().map(|queue| Some((queue.clone(), queue.offer(&message)?)));
            offered.flatten().collect()
        };
        if waiting.is_empty() {
            return Ok(());
        }
        let mut finishing = self.finishing.subscribe();
        let mut closed = self.closed.subscribe();
        for (queue, mut taken) in waiting {
            tokio::select! {
                biased;
                // Fails when the queue is gone, and nobody waits for the message any more.
                _ = &mut taken => {}
                _ = finishing.wait_for(|finishing| *finishing) => {
                    drop(taken);
                    queue.add(&message);
                }
                _ = closed.wait_for(|closed| *closed) => return self.check_open(),
            }
        }
        Ok(())
    }

    async fn bind(&self, edge: &Edge) -> Result<()> {
        let target = self.queue(&edge.target)?;
        let topology = &mut *self.broker.topology_mut();
        let bound = topology
            .exchanges
            .get_mut(&edge.source)
            .ok_or_else(|| self.missing(&edge.source, "outport"))?;
        if !bound.iter().any(|queue| Arc::ptr_eq(queue, &target)) {
            if let Some(dead_letters) = topology.queues.get(&edge.source) {
                dead_letters.lead_to(&target);
            }
            bound.push(target);
        }
        Ok(())
    }

    async fn unbind(&self, edge: &Edge) -> Result<()> {
        let target = self.queue(&edge.target)?;
        let topology = &mut *self.broker.topology_mut();
        if let Some(bound) = topology.exchanges.get_mut(&edge.source) {
            bound.retain(|queue| !Arc::ptr_eq(queue, &target));
        }
        if let Some(dead_letters) = topology.queues.get(&edge.source) {
            dead_letters.lead_no_more_to(&target);
        }
        Ok(())
    }

    async fn announce(&self, definition: &Definition, _expiry: Duration) -> Result<()> {
        self.check_open()?;
        lock(&self.broker.present).insert(definition.id.clone(), definition.clone());
        lock(&self.announced).insert(definition.id.clone());
        // Fails when nobody watches.
        let _ = self.broker.announcements.send(definition.clone());
        Ok(())
    }

    async fn watch(&self) -> Result<Announcements> {
        self.check_open()?;
        // Subscribed before the list is read: an announcement may come twice, never not at all.
        let live = self.broker.announcements.subscribe();
        let present: Vec<_> = lock(&self.broker.present).values().cloned().collect();
        let state = (present, live, self.closed.subscribe());
        Ok(Announcements::new(stream::unfold(state, |mut state| async move {
            let (present, live, closed) = &mut state;
            if let Some(definition) = present.pop() {
                return Some((Ok(definition), state));
            }
            loop {
                let received = tokio::select! {
                    _ = closed.wait_for(|closed| *closed) => return None,
                    received = live.recv() => received,
                };
                match received {
                    Ok(definition) => return Some((Ok(definition), state)),
                    // What was missed is announced again with the next heartbeat.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })))
    }

    async fn statistics(&self, queue: &str) -> Result<QueueStatistics> {
        Ok(self.queue(queue)?.statistics())
    }

    async fn edges(&self) -> Result<Vec<Edge>> {
        self.check_open()?;
        let topology = self.broker.topology();
        let mut edges = Vec::new();
        for (source, bound) in &topology.exchanges {
            let is_bound =
                |queue: &Arc<MemoryQueue>| bound.iter().any(|bound| Arc::ptr_eq(bound, queue));
            for (target, queue) in &topology.queues {
                // What has the same name is connected without an edge.
                if source != target && is_bound(queue) {
                    edges.push(Edge { source: source.clone(), target: target.clone() });
                }
            }
        }
        edges.sort_by(|one, other| (&one.source, &one.target).cmp(&(&other.source, &other.target)));
        Ok(edges)
    }

    async fn tap(&self, queue: &str, direction: Direction) -> Result<Copies> {
        self.check_open()?;
        let tap = {
            let topology = &mut *self.broker.topology_mut();
            match direction {
                Direction::In if !topology.queues.contains_key(queue) => {
                    return Err(self.missing(queue, "inport"));
                }
                Direction::Out if !topology.exchanges.contains_key(queue) => {
                    return Err(self.missing(queue, "outport"));
                }
                _ => {}
            }
            let copies = topology.taps.add(queue, direction, self.broker.capacity);
            Tap::new(self.broker.clone(), copies, self.closed.subscribe())
        };
        Ok(Copies::new(stream::unfold(tap, |mut tap| async move {
            let message = tap.next().await?;
            Some((Ok(message), tap))
        })))
    }

    fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    fn finish(&self) {
        self.finishing.send_replace(true);
    }

    async fn close(&self) -> Result<()> {
        self.disconnect(false);
        Ok(())
    }
}

/// A connection that is dropped without being closed is a lost one.
impl Drop for Memory {
    fn drop(&mut self) {
        if !*self.closed.borrow() {
            self.disconnect(true);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
