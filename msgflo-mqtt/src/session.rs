//! One connection to the broker, from its beginning to its end, whichever version of MQTT it
//! speaks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use msgflo_core::Message;
use msgflo_core::transport::Failure;
use rumqttc::{Outgoing, QoS};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::debug;

use crate::address::{Address, Version};
use crate::runtime::run_on;
use crate::{v3, v5};

/// How many received messages may wait to be looked at. Then nothing more is read.
const UNREAD: usize = 64;
/// No bound: whoever sends waits for the answer, so that callers bound it.
pub(crate) const UNSENT: usize = usize::MAX / 2;
/// How many publishes the broker may owe an answer for. So many packet identifiers are in use.
pub(crate) const IN_FLIGHT: u16 = 1000;
/// How long the last packets may take to reach the broker.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long the broker may then take to close the connection.
const GOODBYE: Duration = Duration::from_secs(2);

/// The connection went before the broker answered.
#[derive(Debug)]
pub(crate) struct Lost;

/// Whether the broker has taken a message, or else why not.
pub(crate) type Taken = Result<(), String>;

/// A message that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) message: Message,
    pub(crate) redelivered: bool,
    /// By which it is acknowledged. 0 for one that the broker does not wait with.
    pub(crate) packet: u16,
}

/// How a session is opened.
pub(crate) struct Opening {
    pub(crate) client_id: String,
    /// Whether the broker forgets what it kept for this client, before and after.
    pub(crate) clean: bool,
    /// Topic and payload of a message that the broker retains when the connection is lost.
    pub(crate) will: Option<(String, &'static str)>,
    /// How many messages the broker may send before they are acknowledged, where the protocol
    /// can say so.
    pub(crate) receive_maximum: Option<u16>,
}

/// What is handed over to be sent; false if the connection is over. Never waits.
pub(crate) trait Client: Send + Sync {
    /// What the broker cannot take, as far as that is known before it is sent.
    fn check(&self, _topic: &str, _message: &Message) -> Taken {
        Ok(())
    }
    fn publish(&self, topic: &str, message: Message, qos: QoS, retain: bool) -> bool;
    fn subscribe(&self, filter: &str, qos: QoS) -> bool;
    fn unsubscribe(&self, filter: &str) -> bool;
    fn acknowledge(&self, packet: u16) -> bool;
    fn disconnect(&self) -> bool;
}

/// What happens on a connection.
pub(crate) trait Events: Send + 'static {
    /// An error is its end, and says why.
    fn next(&mut self) -> impl Future<Output = Result<Event, String>> + Send;
    /// What had arrived and was not looked at when it ended.
    fn rest(&mut self) -> Vec<Event>;
}

pub(crate) enum Event {
    /// A packet goes out, with this identifier.
    Outgoing(Outgoing),
    Received(Received),
    /// Answers to packets that went out.
    Published(u16, Taken),
    /// And whether the broker lets us.
    Subscribed(u16, bool),
    Unsubscribed(u16),
    Other,
}

/// Dropped, the connection is cut as in a crash: the broker publishes its last will.
pub(crate) struct Session {
    client: Box<dyn Client>,
    waiting: Arc<Mutex<Waiting>>,
    /// And why.
    ended: watch::Receiver<Option<String>>,
    task: JoinHandle<()>,
}

impl Session {
    /// Connects; the connection is driven by this runtime. Messages come through the receiver until it
    /// ends.
    pub(crate) async fn open(
        runtime: &Handle,
        address: Arc<Address>,
        opening: Opening,
        patience: Duration,
    ) -> Result<(Self, mpsc::Receiver<Received>), Failure> {
        let silence = address.keep_alive * 2;
        let opened = async move {
            match address.version {
                Version::V3 => {
                    let (client, events) = v3::connect(&address, &opening, patience).await?;
                    Ok(Self::start(client, events, silence))
                }
                Version::V5 => {
                    let (client, events) = v5::connect(&address, &opening, patience).await?;
                    Ok(Self::start(client, events, silence))
                }
            }
        };
        match timeout(patience, run_on(runtime, opened)).await {
            Ok(Some(opened)) => opened,
            Ok(None) => Err(Failure::Failed("the program ends".into())),
            Err(_) => Err(Failure::Failed(format!("no answer within {patience:.1?}"))),
        }
    }

    fn start(
        client: impl Client + 'static,
        events: impl Events,
        silence: Duration,
    ) -> (Self, mpsc::Receiver<Received>) {
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (has_ended, ended) = watch::channel(None);
        let (received, receiver) = mpsc::channel(UNREAD);
        let task = tokio::spawn({
            let waiting = waiting.clone();
            async move {
                let end = run(events, silence, &waiting, received).await;
                // Whoever waits sees that the answer will not come.
                *lock(&waiting) = Waiting { over: true, ..Waiting::default() };
                has_ended.send_replace(Some(end));
            }
        });
        (Self { client: Box::new(client), waiting, ended, task }, receiver)
    }

    /// Returns when the broker has taken the message, or has refused it.
    pub(crate) async fn publish(
        &self,
        topic: &str,
        message: Message,
        qos: QoS,
        retain: bool,
    ) -> Result<Taken, Lost> {
        if let Err(reason) = self.client.check(topic, &message) {
            return Ok(Err(reason));
        }
        let answer = self.request(|waiting, answer| {
            waiting.publishes.unsent.push_back(answer);
            self.client.publish(topic, message, qos, retain)
        })?;
        answer.await.map_err(|_| Lost)
    }

    /// Asks at once, and returns whether the broker lets us.
    pub(crate) fn subscribe(
        &self,
        filter: &str,
        qos: QoS,
    ) -> impl Future<Output = Result<bool, Lost>> + use<> {
        let answer = self.request(|waiting, answer| {
            waiting.subscribes.unsent.push_back(answer);
            self.client.subscribe(filter, qos)
        });
        async { answer?.await.map_err(|_| Lost) }
    }

    pub(crate) async fn unsubscribe(&self, filter: &str) -> Result<(), Lost> {
        let answer = self.request(|waiting, answer| {
            waiting.unsubscribes.unsent.push_back(answer);
            self.client.unsubscribe(filter)
        })?;
        answer.await.map_err(|_| Lost)
    }

    fn request<T>(
        &self,
        send: impl FnOnce(&mut Waiting, oneshot::Sender<T>) -> bool,
    ) -> Result<oneshot::Receiver<T>, Lost> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if !waiting.over && send(&mut waiting, sender) { Ok(receiver) } else { Err(Lost) }
    }

    /// Gives up a received message. If the connection is lost, the broker sends it again.
    pub(crate) fn acknowledge(&self, received: &Received) {
        if received.packet != 0 {
            // Fails when the connection is lost.
            self.client.acknowledge(received.packet);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Why the connection was lost.
    pub(crate) fn end(&self) -> String {
        self.ended.borrow().clone().unwrap_or_default()
    }

    /// Returns when the connection is lost or closed.
    pub(crate) async fn over(&self) {
        // Fails when it is.
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }

    /// Hands over what was acknowledged, and disconnects: the broker forgets the last will.
    pub(crate) async fn close(&self) {
        if self.client.disconnect() && timeout(FAREWELL, self.over()).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns when the connection ends, or nothing happens on it for so long: says why.
async fn run(
    mut events: impl Events,
    silence: Duration,
    waiting: &Mutex<Waiting>,
    received: mpsc::Sender<Received>,
) -> String {
    let end = loop {
        // There are pings in between: if not even they go out, the broker does not read.
        match timeout(silence, events.next()).await {
            Ok(Ok(Event::Received(message))) => {
                // Fails when nobody reads any more: then it stays unacknowledged.
                let _ = received.send(message).await;
            }
            Ok(Ok(Event::Outgoing(Outgoing::Disconnect))) => {
                // The broker closes the connection when it has read all; closed here with
                // something unread, it would lose what it has not read yet.
                let _ = timeout(GOODBYE, async { while events.next().await.is_ok() {} }).await;
                return "closed".into();
            }
            Ok(Ok(event)) => lock(waiting).note(event),
            Ok(Err(end)) => break end,
            Err(_) => break format!("nothing goes out for {silence:.1?}"),
        }
    };
    debug!("a connection ended: {end}");
    // Brokers answer to what they refuse, and may close the connection in the same breath.
    for event in events.rest() {
        lock(waiting).note(event);
    }
    end
}

/// Who waits for an answer. Requests go out in the order in which they were made; packet
/// identifiers are known when they do.
#[derive(Default)]
struct Waiting {
    over: bool,
    publishes: Unanswered<Taken>,
    subscribes: Unanswered<bool>,
    unsubscribes: Unanswered<()>,
}

impl Waiting {
    fn note(&mut self, event: Event) {
        match event {
            Event::Outgoing(Outgoing::Publish(packet)) => {
                self.publishes.sent(packet);
                if packet == 0 {
                    // At most once: nobody answers.
                    self.publishes.answered(packet, Ok(()));
                }
            }
            Event::Outgoing(Outgoing::AwaitAck(packet)) => {
                self.publishes.colliding =
                    self.publishes.unsent.pop_front().map(|sender| (packet, sender));
            }
            Event::Outgoing(Outgoing::Subscribe(packet)) => self.subscribes.sent(packet),
            Event::Outgoing(Outgoing::Unsubscribe(packet)) => self.unsubscribes.sent(packet),
            Event::Published(packet, taken) => self.publishes.answered(packet, taken),
            Event::Subscribed(packet, allowed) => self.subscribes.answered(packet, allowed),
            Event::Unsubscribed(packet) => self.unsubscribes.answered(packet, ()),
            Event::Outgoing(_) | Event::Received(_) | Event::Other => {}
        }
    }
}

struct Unanswered<T> {
    unsent: VecDeque<oneshot::Sender<T>>,
    sent: HashMap<u16, oneshot::Sender<T>>,
    /// Held back, because an older packet still has its identifier.
    colliding: Option<(u16, oneshot::Sender<T>)>,
}

impl<T> Default for Unanswered<T> {
    fn default() -> Self {
        Self { unsent: VecDeque::new(), sent: HashMap::new(), colliding: None }
    }
}

impl<T> Unanswered<T> {
    fn sent(&mut self, packet: u16) {
        let colliding = self.colliding.take_if(|(identifier, _)| *identifier == packet);
        let sender = colliding.map(|(_, sender)| sender).or_else(|| self.unsent.pop_front());
        if let Some(sender) = sender {
            self.sent.insert(packet, sender);
        }
    }

    fn answered(&mut self, packet: u16, answer: T) {
        if let Some(sender) = self.sent.remove(&packet) {
            // Fails when nobody waits any more.
            let _ = sender.send(answer);
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
