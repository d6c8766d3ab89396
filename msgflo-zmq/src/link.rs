//! One connection after the other: the link to the hub that outlives each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use msgflo_core::transport::Connection;
use msgflo_core::transport::{Failure, Pauses, try_to_connect};
use msgflo_core::{Error, ErrorKind, Result};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::address::Address;
use crate::auto;
use crate::frames::{CANCEL, FINISH, Frames, Received};
use crate::hub::Hub;
use crate::outbox::{Answer, Outbox, Refusal};
use crate::session::{Ended, Session};
use crate::settlements::Settlements;
use crate::streams::Streams;
use crate::topology::Topology;

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The same, where the next attempt may find that there is no hub any more, and start one.
const SHORT_ATTEMPT: Duration = Duration::from_millis(500);

/// The link to the hub. It reconnects by itself, until it is closed or dropped.
pub(crate) struct Link {
    inner: Arc<Inner>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the link shares with the task that drives it.
pub(crate) struct Inner {
    pub(crate) address: Address,
    pub(crate) outbox: Outbox,
    pub(crate) streams: Streams,
    pub(crate) settlements: Settlements,
    /// There is something to send, or the link is closed.
    pub(crate) wake: Notify,
    topology: Mutex<Topology>,
    /// What is told on this connection and not answered.
    notices: Mutex<Vec<Frames>>,
    connection: watch::Sender<Connection>,
    /// Counts up with each connection.
    session: AtomicU64,
    closed: AtomicBool,
    finishing: AtomicBool,
    /// The one that `hub=auto` has started in this process.
    hub: tokio::sync::Mutex<Option<Arc<Hub>>>,
}

impl Inner {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The number of the connection that is there, or was last.
    pub(crate) fn session(&self) -> u64 {
        self.session.load(Ordering::Acquire)
    }

    /// Whether the hub of that connection knows extras and `RETRY`.
    pub(crate) fn hub_retries(&self) -> bool {
        self.settlements.hub_retries()
    }

    pub(crate) fn topology(&self) -> MutexGuard<'_, Topology> {
        lock(&self.topology)
    }

    /// Receives no more under this number.
    pub(crate) fn cancel(&self, number: u64) {
        self.streams.remove(number);
        lock(&self.notices).push(Frames::new(CANCEL, number));
        self.wake.notify_one();
    }

    pub(crate) fn take_notices(&self, taken: &mut Vec<Frames>) {
        taken.append(&mut lock(&self.notices));
    }

    /// What the hub has refused, as an error about a queue.
    pub(crate) fn error(&self, queue: &str, refusal: Refusal) -> Error {
        let Refusal { kind, queue: named, reason } = refusal;
        match &*kind {
            "queue" => ErrorKind::Queue {
                url: self.address.shown.clone(),
                queue: if named.is_empty() { queue.into() } else { named },
                reason,
            }
            .into(),
            "closed" => self.closed_error(),
            _ => Error::invalid(format!("{} refused a request: {reason}", self.address.shown)),
        }
    }

    fn closed_error(&self) -> Error {
        ErrorKind::Closed(format!("the connection to {} is closed", self.address.shown)).into()
    }

    fn shut(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.outbox.close();
            self.streams.clear();
            self.wake.notify_one();
        }
    }

    async fn attempt(&self, number: u64, patience: Duration) -> Result<Session, String> {
        let mut patience = patience.min(ATTEMPT);
        if self.address.auto {
            *self.hub.lock().await = auto::hub(&self.address).await;
            patience = patience.min(SHORT_ATTEMPT);
        }
        Session::open(&self.address, number, patience).await
    }
}

impl Link {
    /// Connects, trying again until `patience` is over.
    pub(crate) async fn connect(address: Address, patience: Duration) -> Result<Arc<Self>> {
        let inner = Arc::new(Inner {
            address,
            outbox: Default::default(),
            streams: Default::default(),
            settlements: Default::default(),
            wake: Default::default(),
            topology: Default::default(),
            notices: Default::default(),
            connection: watch::Sender::new(Connection::FIRST),
            session: AtomicU64::new(1),
            closed: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            hub: Default::default(),
        });
        let session = try_to_connect(&inner.address.shown, patience, |left| {
            let inner = &inner;
            async move {
                let mut session = inner.attempt(1, left).await.map_err(Failure::Failed)?;
                session.restore(inner);
                Ok(session)
            }
        });
        let session = session.await?;
        let task = tokio::spawn(supervise(inner.clone(), session));
        Ok(Arc::new(Self { inner, task: Mutex::new(Some(task)) }))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn connection(&self) -> watch::Receiver<Connection> {
        self.inner.connection.subscribe()
    }

    /// Asks the hub for something, as often as it takes until it has answered. It is asked in
    /// the order in which this is called, not in which it is awaited.
    pub(crate) fn request(&self, make: impl FnOnce(u64) -> Frames) -> Asked<'_> {
        let answer = self.inner.outbox.push(make);
        self.inner.wake.notify_one();
        Asked { inner: &self.inner, answer }
    }

    /// What was asked for must not wait for room any longer.
    pub(crate) fn finish(&self) {
        self.inner.finishing.store(true, Ordering::Release);
        lock(&self.inner.notices).push(Frames::new(FINISH, 0));
        self.inner.wake.notify_one();
    }

    /// Hands over all acknowledgements, and disconnects.
    pub(crate) async fn close(&self) -> Result<()> {
        self.inner.shut();
        let task = lock(&self.task).take();
        if let Some(task) = task {
            // Fails if the runtime is being shut down.
            let _ = task.await;
        }
        let hub = self.inner.hub.lock().await.take();
        if let Some(hub) = hub.and_then(Arc::into_inner) {
            hub.stop().await;
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.inner.shut();
    }
}

/// A request that is on its way.
pub(crate) struct Asked<'a> {
    inner: &'a Inner,
    answer: Option<oneshot::Receiver<Answer>>,
}

impl Asked<'_> {
    /// The hub's answer to a request about a queue.
    pub(crate) async fn answer(self, queue: &str) -> Result<Received> {
        let Some(answer) = self.answer else { return Err(self.inner.closed_error()) };
        match answer.await {
            Ok(Ok(received)) => Ok(received),
            Ok(Err(refusal)) => Err(self.inner.error(queue, refusal)),
            Err(_) => Err(self.inner.closed_error()),
        }
    }
}

/// Drives one session after the other, until the link is closed or dropped.
async fn supervise(inner: Arc<Inner>, mut session: Session) {
    let url = &inner.address.shown;
    loop {
        let reason = match session.drive(&inner).await {
            Ended::Closed => return,
            Ended::Lost(reason) => reason,
        };
        drop(session);
        inner.connection.send_modify(|now| now.connected = false);
        warn!("lost the connection to {url} ({reason}); reconnecting");
        match reconnect(&inner).await {
            Some(fresh) => session = fresh,
            None => return,
        }
        inner.connection.send_modify(|now| {
            now.connected = true;
            now.reconnections += 1;
        });
        warn!("connected to {url} again");
    }
}

/// Opens a connection on which everything exists that did before; `None` when the link is closed.
async fn reconnect(inner: &Inner) -> Option<Session> {
    let mut pauses = Pauses::default();
    for attempt in 1u32.. {
        let pause = sleep(pauses.longer());
        tokio::pin!(pause);
        while !inner.is_closed() {
            tokio::select! {
                () = &mut pause => break,
                () = inner.wake.notified() => {}
            }
        }
        if inner.is_closed() {
            return None;
        }
        let number = inner.session.fetch_add(1, Ordering::AcqRel) + 1;
        lock(&inner.notices).clear();
        let opened = async {
            let mut session = inner.attempt(number, ATTEMPT).await?;
            session.restore(inner);
            Ok::<_, String>(session)
        };
        tokio::pin!(opened);
        let opened = loop {
            tokio::select! {
                opened = &mut opened => break opened,
                () = inner.wake.notified() => {
                    if inner.is_closed() {
                        return None;
                    }
                }
            }
        };
        match opened {
            Ok(session) => {
                if inner.finishing.load(Ordering::Acquire) {
                    lock(&inner.notices).push(Frames::new(FINISH, 0));
                }
                return Some(session);
            }
            Err(reason) => {
                info!("cannot connect to {} (attempt {attempt}): {reason}", inner.address.shown);
            }
        }
    }
    unreachable!("attempts are not bounded")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
