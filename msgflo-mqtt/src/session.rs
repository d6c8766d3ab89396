//! One connection to the broker, from its beginning to its end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use msgflo_core::bytes::Bytes;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions,
    Outgoing, Packet, Publish, QoS, SubscribeReasonCode,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::debug;

use crate::address::Address;

/// How many received messages may wait to be looked at. Then nothing more is read.
const UNREAD: usize = 64;
/// No bound: whoever sends waits for the answer, so that callers bound it.
const UNSENT: usize = usize::MAX / 2;
/// How long the last packets may take to reach the broker.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long the broker may then take to close the connection.
const GOODBYE: Duration = Duration::from_secs(2);

/// The connection went before the broker answered.
#[derive(Debug)]
pub(crate) struct Lost;

/// Why a connection was not made.
pub(crate) enum Failure {
    /// The broker does not want us.
    Denied(String),
    Failed(String),
}

/// Dropped, the connection is cut as in a crash: the broker publishes its last will.
pub(crate) struct Session {
    client: AsyncClient,
    waiting: Arc<Mutex<Waiting>>,
    ended: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

/// How a session is opened.
pub(crate) struct Opening<'a> {
    pub(crate) client_id: &'a str,
    /// Whether the broker forgets what it kept for this client, before and after.
    pub(crate) clean: bool,
    /// Topic and payload of a message that the broker retains when the connection is lost.
    pub(crate) will: Option<(String, &'static str)>,
}

/// Who waits for an answer. Requests go out in the order in which they were made; packet
/// identifiers are known when they do.
#[derive(Default)]
struct Waiting {
    over: bool,
    publishes: Unanswered<()>,
    subscribes: Unanswered<bool>,
    unsubscribes: Unanswered<()>,
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

impl Session {
    /// Connects. Messages come through the receiver until the connection ends.
    pub(crate) async fn open(
        address: &Address,
        opening: Opening<'_>,
        patience: Duration,
    ) -> Result<(Self, mpsc::Receiver<Publish>), Failure> {
        let mut options = address.options(opening.client_id, opening.clean);
        if let Some((topic, payload)) = opening.will {
            options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, true));
        }
        match timeout(patience, connect(options, patience)).await {
            Ok(connected) => connected.map(|(client, events)| Self::start(client, events)),
            Err(_) => Err(Failure::Failed(format!("no answer within {patience:.1?}"))),
        }
    }

    fn start(client: AsyncClient, events: EventLoop) -> (Self, mpsc::Receiver<Publish>) {
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (has_ended, ended) = watch::channel(false);
        let (received, receiver) = mpsc::channel(UNREAD);
        let task = tokio::spawn({
            let waiting = waiting.clone();
            async move {
                run(events, &waiting, received).await;
                // Whoever waits sees that the answer will not come.
                *lock(&waiting) = Waiting { over: true, ..Waiting::default() };
                has_ended.send_replace(true);
            }
        });
        (Self { client, waiting, ended, task }, receiver)
    }

    /// Returns when the broker has taken the message.
    pub(crate) async fn publish(
        &self,
        topic: &str,
        payload: Bytes,
        qos: QoS,
        retain: bool,
    ) -> Result<(), Lost> {
        let answer = self.request(|waiting, answer| {
            waiting.publishes.unsent.push_back(answer);
            // The channel is never full.
            let sent = self.client.publish_bytes(topic, qos, retain, payload).now_or_never();
            sent.is_some_and(|sent| sent.is_ok())
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
            self.client.try_subscribe(filter, qos).is_ok()
        });
        async { answer?.await.map_err(|_| Lost) }
    }

    pub(crate) async fn unsubscribe(&self, filter: &str) -> Result<(), Lost> {
        let answer = self.request(|waiting, answer| {
            waiting.unsubscribes.unsent.push_back(answer);
            self.client.try_unsubscribe(filter).is_ok()
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
    pub(crate) fn acknowledge(&self, publish: &Publish) {
        // Fails when the connection is lost.
        let _ = self.client.try_ack(publish);
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.ended.borrow()
    }

    /// Returns when the connection is lost or closed.
    pub(crate) async fn over(&self) {
        // Fails when it is.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Hands over what was acknowledged, and disconnects: the broker forgets the last will.
    pub(crate) async fn close(&self) {
        if self.client.try_disconnect().is_ok() && timeout(FAREWELL, self.over()).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(
    options: MqttOptions,
    patience: Duration,
) -> Result<(AsyncClient, EventLoop), Failure> {
    let (client, mut events) = AsyncClient::new(options, UNSENT);
    // In whole seconds, and also what a flush may take.
    let seconds = patience.as_secs().max(1);
    events.network_options.set_connection_timeout(seconds).set_tcp_nodelay(true);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => return Ok((client, events)),
            Ok(_) => {}
            Err(error) => return Err(failure(&error)),
        }
    }
}

fn failure(error: &ConnectionError) -> Failure {
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
                Failure::Denied("user or password is wrong, or this user may not connect".into())
            }
            ConnectReturnCode::RefusedProtocolVersion => {
                Failure::Denied("the broker does not speak MQTT 3.1.1".into())
            }
            ConnectReturnCode::BadClientId => {
                Failure::Denied("the broker does not take the client identifier".into())
            }
            code => Failure::Failed(format!("the broker answers {code:?}")),
        },
        error if is_untrusted(error) => Failure::Denied(format!(
            "{}; `ca_certs` in the URL names authorities to trust",
            explain(error)
        )),
        error => Failure::Failed(explain(error)),
    }
}

/// Whether the broker's certificate is not good: it will not become better.
fn is_untrusted(error: &ConnectionError) -> bool {
    let ConnectionError::Tls(rumqttc::TlsError::Io(error)) = error else { return false };
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => error.to_string(),
        ConnectionError::Tls(rumqttc::TlsError::Io(error)) => format!("TLS: {error}"),
        error => error.to_string(),
    }
}

async fn run(mut events: EventLoop, waiting: &Mutex<Waiting>, received: mpsc::Sender<Publish>) {
    loop {
        let event = match events.poll().await {
            Ok(event) => event,
            Err(error) => {
                debug!("{}: {}", events.mqtt_options.client_id(), explain(&error));
                return;
            }
        };
        match event {
            Event::Incoming(Packet::Publish(publish)) => {
                // Fails when nobody reads any more: then it stays unacknowledged.
                let _ = received.send(publish).await;
            }
            Event::Outgoing(Outgoing::Disconnect) => {
                // The broker closes the connection when it has read all; closed here with
                // something unread, it would lose what it has not read yet.
                let _ = timeout(GOODBYE, async { while events.poll().await.is_ok() {} }).await;
                return;
            }
            event => lock(waiting).note(event),
        }
    }
}

impl Waiting {
    fn note(&mut self, event: Event) {
        match event {
            Event::Outgoing(Outgoing::Publish(packet)) => {
                self.publishes.sent(packet);
                if packet == 0 {
                    // At most once: nobody answers.
                    self.publishes.answered(packet, ());
                }
            }
            Event::Outgoing(Outgoing::AwaitAck(packet)) => {
                self.publishes.colliding =
                    self.publishes.unsent.pop_front().map(|sender| (packet, sender));
            }
            Event::Outgoing(Outgoing::Subscribe(packet)) => self.subscribes.sent(packet),
            Event::Outgoing(Outgoing::Unsubscribe(packet)) => self.unsubscribes.sent(packet),
            Event::Incoming(Packet::PubAck(answer)) => self.publishes.answered(answer.pkid, ()),
            Event::Incoming(Packet::PubComp(answer)) => self.publishes.answered(answer.pkid, ()),
            Event::Incoming(Packet::SubAck(answer)) => {
                let refused = answer.return_codes.contains(&SubscribeReasonCode::Failure);
                self.subscribes.answered(answer.pkid, !refused);
            }
            Event::Incoming(Packet::UnsubAck(answer)) => {
                self.unsubscribes.answered(answer.pkid, ());
            }
            _ => {}
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
