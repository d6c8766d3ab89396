//! One connection after the other: the link to the broker that outlives each.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, ConnectionBuilder, ConnectionProperties, Event};
use msgflo_core::transport::{Failure, Pauses, try_to_connect};
use msgflo_core::{ErrorKind, Result};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::acknowledgement::Acknowledger;
use crate::address::Address;
pub(crate) use crate::lock::lock;
use crate::reason;
use crate::runtime;
use crate::topology::Topology;
use crate::waiting::Declared;

const CHANNEL_PAUSE: Duration = Duration::from_millis(20);

/// The link to the broker. It reconnects by itself.
pub(crate) struct Link {
    pub(crate) address: Address,
    pub(crate) topology: Topology,
    pub(crate) wait_queues: Declared,
    /// Which queues were found full, and when that was told of last.
    pub(crate) full: Mutex<HashMap<String, std::time::Instant>>,
    state: watch::Sender<State>,
    connection: watch::Sender<msgflo_core::transport::Connection>,
    /// Somebody found the connection broken.
    suspicion: Arc<Notify>,
    /// Kept until the next is, so that closing cannot overtake one that is about to go.
    acknowledgers: Mutex<Vec<Arc<Acknowledger>>>,
}

#[derive(Clone)]
enum State {
    Connected(Arc<Session>),
    Reconnecting,
    Closed,
}

/// Runs an operation about a queue on the connection as it is, and again on the next one if it is
/// lost meanwhile. What the broker refuses is an error about the queue. (A macro, since the futures
/// of async closures that borrow cannot be shown to be `Send`.)
macro_rules! on_session {
    ($link:expr, $queue:expr, |$session:ident| $operation:expr) => {
        loop {
            let $session = $link.session().await?;
            match $operation.await {
                Ok(result) => break result,
                Err(error) if crate::reason::is_refusal(&error) => {
                    return Err($link.refusal($queue, &error));
                }
                Err(_) => $link.recover(&$session).await?,
            }
        }
    };
}
pub(crate) use on_session;

/// One connection, for as long as it lasts.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    /// Counts up with each connection of a link.
    pub(crate) number: u64,
    /// Pipelined publishing to exchanges.
    publishing: Mutex<Arc<Channel>>,
    /// Mandatory publishing to queues, one at a time, so that a returned message is known to be
    /// the one that was sent.
    pub(crate) mandatory: tokio::sync::Mutex<Channel>,
}

impl Session {
    async fn open(address: &Address, number: u64) -> lapin::Result<Self> {
        let (uri, tls) = (address.uri.clone(), address.tls.clone());
        let connect = async move {
            // It reads, writes and sends heartbeats on the runtime on which it is made.
            ConnectionBuilder::new()?
                .with_uri(uri)
                .with_tls_config(tls)
                .with_properties(
                    ConnectionProperties::default().with_connection_name(connection_name().into()),
                )
                .connect()
                .await
        };
        let connection = runtime::drive(connect).await?;
        let publishing = Mutex::new(Arc::new(confirming(&connection).await?));
        let mandatory = tokio::sync::Mutex::new(confirming(&connection).await?);
        Ok(Self { connection, number, publishing, mandatory })
    }

    pub(crate) fn publishing(&self) -> Arc<Channel> {
        lock(&self.publishing).clone()
    }

    /// Replaces a publishing channel that the broker has closed.
    pub(crate) async fn reopen_publishing(&self) -> lapin::Result<()> {
        if self.publishing().status().connected() {
            return Ok(());
        }
        let fresh = confirming(&self.connection).await?;
        let mut current = lock(&self.publishing);
        // Another sender may have been faster.
        if !current.status().connected() {
            *current = Arc::new(fresh);
        }
        Ok(())
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.connection.status().connected()
    }
}

/// A channel on which the broker confirms what is published.
pub(crate) async fn confirming(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// What the management pages show: program and process.
fn connection_name() -> String {
    let program = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = program.as_deref().and_then(|path| path.file_name()).unwrap_or_default();
    format!("msgflo {} {}", name.to_string_lossy(), std::process::id())
}

impl Link {
    /// Connects, trying again until `patience` is over.
    pub(crate) async fn connect(address: Address, patience: Duration) -> Result<Arc<Self>> {
        let session = try_to_connect(&address.shown, patience, |left| {
            Self::attempt(&address, 1, left.min(address.attempt))
        });
        let session = session.await?;
        Ok(Self::start(address, session))
    }

    fn start(address: Address, session: Session) -> Arc<Self> {
        let session = Arc::new(session);
        let link = Arc::new(Self {
            address,
            topology: Topology::default(),
            wait_queues: Declared::default(),
            full: Mutex::default(),
            state: watch::Sender::new(State::Connected(session.clone())),
            connection: watch::Sender::new(msgflo_core::transport::Connection::FIRST),
            suspicion: Default::default(),
            acknowledgers: Default::default(),
        });
        tokio::spawn(supervise(Arc::downgrade(&link), session));
        link
    }

    async fn attempt(
        address: &Address,
        number: u64,
        patience: Duration,
    ) -> Result<Session, Failure> {
        match timeout(patience, Session::open(address, number)).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) if reason::is_denied(&error) => {
                Err(Failure::Denied(reason::why_denied(&error)))
            }
            Ok(Err(error)) => Err(Failure::Failed(reason::answer(&error))),
            Err(_) => Err(Failure::Failed(format!("no answer within {patience:.1?}"))),
        }
    }

    /// The connection as it is now, or as soon as there is one again.
    pub(crate) async fn session(&self) -> Result<Arc<Session>> {
        if let State::Connected(session) = &*self.state.borrow() {
            return Ok(session.clone());
        }
        self.newer_session(0).await
    }

    /// What the broker refused, as an error about a queue.
    pub(crate) fn refusal(&self, queue: &str, error: &lapin::Error) -> msgflo_core::Error {
        let reason = reason::explain(error);
        ErrorKind::Queue { url: self.address.shown.clone(), queue: queue.into(), reason }.into()
    }

    /// After a call on `session` failed for a reason that is not the call's own: returns when it
    /// is worth trying again.
    pub(crate) async fn recover(&self, session: &Session) -> Result<()> {
        if session.is_alive() {
            // Only a channel is gone, or the connection is about to be found lost.
            sleep(CHANNEL_PAUSE).await;
        } else {
            self.suspicion.notify_one();
            self.newer_session(session.number).await?;
        }
        Ok(())
    }

    async fn newer_session(&self, number: u64) -> Result<Arc<Session>> {
        let mut state = self.state.subscribe();
        let found = state
            .wait_for(|state| match state {
                State::Connected(session) => session.number > number,
                State::Reconnecting => false,
                State::Closed => true,
            })
            .await;
        match found.as_deref() {
            Ok(State::Connected(session)) => Ok(session.clone()),
            _ => Err(self.closed_error()),
        }
    }

    pub(crate) fn closed_error(&self) -> msgflo_core::Error {
        ErrorKind::Closed(format!("the connection to {} is closed", self.address.shown)).into()
    }

    /// Returns when the link is closed on purpose.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state.subscribe();
        async move {
            // Fails when the link is gone, which is as good as closed.
            let _ = state.wait_for(|state| matches!(state, State::Closed)).await;
        }
    }

    pub(crate) fn connection(&self) -> watch::Receiver<msgflo_core::transport::Connection> {
        self.connection.subscribe()
    }

    /// Remembers an acknowledger, to hand over what it holds before the link closes.
    pub(crate) fn track(&self, acknowledger: &Arc<Acknowledger>) {
        let mut acknowledgers = lock(&self.acknowledgers);
        acknowledgers.retain(|known| Arc::strong_count(known) > 1);
        acknowledgers.push(acknowledger.clone());
    }

    /// Hands over all acknowledgements, and disconnects.
    pub(crate) async fn close(&self) -> Result<()> {
        let acknowledgers = lock(&self.acknowledgers).clone();
        if matches!(*self.state.borrow(), State::Connected(_)) {
            join_all(acknowledgers.iter().map(|acknowledger| acknowledger.finish())).await;
        }
        let State::Connected(session) = self.state.send_replace(State::Closed) else {
            return Ok(());
        };
        lock(&self.acknowledgers).clear();
        for acknowledger in acknowledgers {
            acknowledger.close().await;
        }
        let url = &self.address.shown;
        match session.connection.close(200, "closed by the participant".into()).await {
            Ok(()) => Ok(()),
            Err(error) if !session.is_alive() => {
                debug!("{url} was gone when closing: {error}");
                Ok(())
            }
            Err(error) => Err(ErrorKind::Closed(format!(
                "{url} was not closed in order: {}",
                reason::answer(&error)
            ))
            .into()),
        }
    }
}

/// Connects again whenever the connection is lost, until the link is closed or dropped.
async fn supervise(link: std::sync::Weak<Link>, first: Arc<Session>) {
    let mut session = first;
    loop {
        wait_until_lost(&link, session).await;
        let Some(owned) = link.upgrade() else { return };
        if matches!(*owned.state.borrow(), State::Closed) {
            return;
        }
        owned.state.send_replace(State::Reconnecting);
        owned.connection.send_modify(|now| now.connected = false);
        warn!("lost the connection to {}; reconnecting", owned.address.shown);
        let closed = owned.closed();
        tokio::select! {
            () = closed => return,
            fresh = reconnect(&owned) => session = fresh,
        }
        let closed = owned.state.send_if_modified(|state| match state {
            State::Closed => false,
            _ => {
                *state = State::Connected(session.clone());
                true
            }
        });
        if !closed {
            return;
        }
        owned.connection.send_modify(|now| {
            now.connected = true;
            now.reconnections += 1;
        });
        warn!("connected to {} again", owned.address.shown);
    }
}

/// Opens a connection on which everything that was declared exists.
async fn reconnect(link: &Link) -> Arc<Session> {
    let mut pauses = Pauses::default();
    let number = link.connection.borrow().reconnections + 2;
    for attempt in 1u32.. {
        let pause = pauses.longer();
        sleep(pause).await;
        let reason = match Link::attempt(&link.address, number, link.address.attempt).await {
            Ok(session) => match link.topology.restore(&session).await {
                Ok(()) => return Arc::new(session),
                Err(error) => reason::answer(&error),
            },
            Err(Failure::Denied(reason) | Failure::Failed(reason)) => reason,
        };
        info!("cannot connect to {} (attempt {attempt}): {reason}", link.address.shown);
    }
    unreachable!("attempts are not bounded")
}

/// Returns when the connection is lost, or the link is closed or dropped.
async fn wait_until_lost(link: &std::sync::Weak<Link>, session: Arc<Session>) {
    // Only a weak reference is held while waiting: a link that nobody uses any more must go.
    let Some((closed, suspicion, url)) = link
        .upgrade()
        .map(|link| (link.closed(), link.suspicion.clone(), link.address.shown.clone()))
    else {
        return;
    };
    let mut closed = std::pin::pin!(closed);
    let mut events = std::pin::pin!(session.connection.events_listener());
    while session.is_alive() {
        tokio::select! {
            () = &mut closed => return,
            () = suspicion.notified() => {}
            event = events.next() => match event {
                Some(Event::ConnectionBlocked(reason)) => {
                    warn!("{url} takes no messages for now: {reason}");
                }
                Some(Event::ConnectionUnblocked) => warn!("{url} takes messages again"),
                Some(_) => {}
                None => return,
            },
        }
    }
}
