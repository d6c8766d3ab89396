//! Seats: persistent sessions that the broker fills with a queue's messages.
//!
//! MQTT has no queues, but a broker keeps messages for a client that is away, if it has a
//! persistent session. So a queue is a set of such sessions that share the topic's messages
//! (`$share/msgflo/TOPIC`), each with a record of who has it. Whoever consumes *takes* a seat:
//! it connects as that client, and gets what came before, and what somebody else left
//! unacknowledged. A seat that is left, or whose owner dies, is free for the next. What one
//! seat has, no other gets: so consumers take free seats beside their own, empty them, and
//! remove them. At least one seat of a queue always stays.

use std::collections::VecDeque;
use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::task::{Context, Poll};

use msgflo_core::transport::{Failure, Pauses};
use msgflo_core::{Message, Result};
use rumqttc::QoS;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::debug;

use crate::link::{Link, NOT_ALLOWED, random};
use crate::presence::{QUESTIONS, is_there};
use crate::registry::FREE;
use crate::session::{Lost, Opening, Received, Session};
use crate::topic::{self, Record};

/// A seat that is ours.
pub(crate) struct Seat {
    /// None for one that goes with its connection.
    pub(crate) record: Option<Record>,
    pub(crate) session: Arc<Session>,
    pub(crate) received: Receiving,
}

/// What a seat's session receives.
pub(crate) struct Receiving {
    channel: mpsc::Receiver<Received>,
    /// What had to be read first, because an answer came behind it.
    aside: VecDeque<Received>,
}

impl Receiving {
    fn new(channel: mpsc::Receiver<Received>) -> Self {
        Self { channel, aside: VecDeque::new() }
    }

    pub(crate) async fn recv(&mut self) -> Option<Received> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        match self.aside.pop_front() {
            Some(received) => Poll::Ready(Some(received)),
            None => self.channel.poll_recv(cx),
        }
    }

    /// Waits for an answer that may come behind more messages than the channel holds.
    async fn set_aside_until<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        loop {
            tokio::select! {
                answer = &mut answer => return answer,
                Some(received) = self.channel.recv() => self.aside.push_back(received),
            }
        }
    }
}

/// What a seat's session subscribes to.
pub(crate) fn filter(record: &Record) -> String {
    match record {
        Record::Seat { queue, .. } | Record::Tally { queue, .. } => {
            format!("$share/msgflo/{queue}")
        }
        Record::Route(edge) | Record::Edge(edge) => {
            format!("$share/msgflo-to-{}/{}", topic::encode(&edge.target), edge.source)
        }
    }
}

fn queue_of(record: &Record) -> &str {
    match record {
        Record::Seat { queue, .. } | Record::Tally { queue, .. } => queue,
        Record::Route(edge) | Record::Edge(edge) => &edge.source,
    }
}

/// A seat's client identifier is the topic of its record.
fn client_id(record: &Record) -> String {
    record.topic()
}

pub(crate) fn new(queue: &str) -> Record {
    Record::Seat { queue: queue.into(), seat: random() }
}

/// Makes a seat that nobody has, or, if it is there, its subscription: from now on, messages
/// wait in it.
pub(crate) async fn place(link: &Link, record: &Record) -> Result<()> {
    fill_while(link, record, || matches!(link.records.borrow().get(record), None | Some(FREE)))
        .await
}

/// Has messages wait in a seat whoever has it. If somebody has, it is a short interruption.
pub(crate) async fn fill(link: &Link, record: &Record) -> Result<()> {
    fill_while(link, record, || true).await
}

async fn fill_while(link: &Link, record: &Record, wanted: impl Fn() -> bool) -> Result<()> {
    let mut pauses = Pauses::default();
    while wanted() {
        if try_fill(link, record).await? {
            let is_known = link.records.borrow().has(record);
            return if is_known { Ok(()) } else { link.write(record, FREE).await };
        }
        sleep(pauses.longer()).await;
    }
    Ok(())
}

/// Returns whether the connection has held.
async fn try_fill(link: &Link, record: &Record) -> Result<bool> {
    link.session().await?;
    let id = client_id(record);
    let opening = Opening { client_id: id, clean: false, will: None, receive_maximum: None };
    let opened = link.open(opening).await;
    let Ok((session, received)) = opened else { return Ok(false) };
    let mut received = Receiving::new(received);
    let filled = try_subscribe(link, record, &session, &mut received).await;
    // Unread, it would hold up what is to be sent.
    drop(received);
    session.close().await;
    filled
}

fn qos(link: &Link) -> QoS {
    link.address.receiving_qos()
}

/// Takes a seat of a queue: the session's, a free one, or one more.
pub(crate) async fn take_any(link: &Link, queue: &str, prefetch: u16) -> Result<Seat> {
    if let Some(session) = &link.address.session {
        return take_reserved(link, queue, session, prefetch).await;
    }
    loop {
        let free = link.records.borrow().free_seat(queue);
        let record = free.unwrap_or_else(|| new(queue));
        if let Some(seat) = take(link, &record, true, prefetch).await? {
            return Ok(seat);
        }
    }
}

async fn take_reserved(link: &Link, queue: &str, session: &str, prefetch: u16) -> Result<Seat> {
    let record = Record::reserved_seat(queue, session);
    loop {
        for _ in 0..QUESTIONS {
            if !link.presence.has(&record)
                && let Some(seat) = take(link, &record, true, prefetch).await?
            {
                return Ok(seat);
            }
            if is_there(link, slice::from_ref(&record)).await {
                let reason = format!(
                    "another participant has the session `{session}`; give each a name of its own"
                );
                return Err(link.queue_error(queue, reason));
            }
        }
        link.write(&record, FREE).await?;
    }
}

/// A seat that is gone, with what it has, when its connection ends.
pub(crate) async fn take_passing(link: &Link, queue: &str, prefetch: u16) -> Result<Seat> {
    let mut pauses = Pauses::default();
    loop {
        link.session().await?;
        let id = format!("msgflo/passing/{}/{}", topic::encode(queue), random());
        let opening =
            Opening { client_id: id, clean: true, will: None, receive_maximum: Some(prefetch) };
        let opened = link.open(opening).await;
        if let Ok((session, received)) = opened {
            let filter = filter(&new(queue));
            match session.subscribe(&filter, qos(link)).await {
                Ok(true) => {
                    let received = Receiving::new(received);
                    return Ok(Seat { record: None, session: Arc::new(session), received });
                }
                Ok(false) => return Err(link.queue_error(queue, NOT_ALLOWED)),
                Err(Lost) => {}
            }
        }
        sleep(pauses.longer()).await;
    }
}

/// Takes this seat; `None` if somebody else has it.
pub(crate) async fn take(
    link: &Link,
    record: &Record,
    subscribe: bool,
    prefetch: u16,
) -> Result<Option<Seat>> {
    let mut pauses = Pauses::default();
    loop {
        link.session().await?;
        let ours = |says: &str| says == FREE || link.is_ours(says);
        if !link.records.borrow().get(record).is_none_or(ours) {
            return Ok(None);
        }
        match try_take(link, record, subscribe, prefetch).await? {
            Ok(seat) => return Ok(seat),
            Err(reason) => debug!("cannot take {}: {reason}", record.topic()),
        }
        sleep(pauses.longer()).await;
    }
}

async fn try_take(
    link: &Link,
    record: &Record,
    subscribe: bool,
    prefetch: u16,
) -> Result<Result<Option<Seat>, String>> {
    let id = client_id(record);
    let opening = Opening {
        client_id: id,
        clean: false,
        will: Some((record.topic(), FREE)),
        receive_maximum: Some(prefetch),
    };
    let opened = link.open(opening).await;
    let (session, received) = match opened {
        Ok(opened) => opened,
        Err(Failure::Denied(reason) | Failure::Failed(reason)) => return Ok(Err(reason)),
    };
    let mut received = Receiving::new(received);
    // A new seat, or our own after a restart of the broker, has its subscription before others
    // learn that they can send. A free one has it; who takes it, first sees that it stays free.
    let first = link.records.borrow().get(record) != Some(FREE);
    if subscribe && first && !try_subscribe(link, record, &session, &mut received).await? {
        return Ok(Err("the connection was lost".into()));
    }
    let claim = link.claim();
    link.write(record, &claim).await?;
    if link.records.borrow().get(record) != Some(&claim) {
        // Somebody was faster, or at least louder. Without the last will: it is theirs.
        drop(received);
        session.close().await;
        return Ok(Ok(None));
    }
    if subscribe && !first && !try_subscribe(link, record, &session, &mut received).await? {
        return Ok(Err("the connection was lost".into()));
    }
    let session = Arc::new(session);
    if subscribe {
        link.presence.seated(record, &session);
    }
    Ok(Ok(Some(Seat { record: Some(record.clone()), session, received })))
}

/// Returns whether the connection has held.
async fn try_subscribe(
    link: &Link,
    record: &Record,
    session: &Session,
    received: &mut Receiving,
) -> Result<bool> {
    let filter = filter(record);
    match received.set_aside_until(session.subscribe(&filter, qos(link))).await {
        Ok(true) => Ok(true),
        Ok(false) => Err(link.queue_error(queue_of(record), NOT_ALLOWED)),
        Err(Lost) => Ok(false),
    }
}

impl Seat {
    /// Leaves it to the next, with everything that is not acknowledged.
    pub(crate) async fn leave(self, link: &Link) {
        if let Some(record) = &self.record {
            link.presence.left(record);
        }
        // Unread, it would hold up what is to be sent.
        drop(self.received);
        self.session.close().await;
        if let Some(record) = &self.record
            && link.records.borrow().get(record).is_some_and(|says| link.is_ours(says))
        {
            // Fails if the broker is gone: its last will has said the same.
            let _ = link.write(record, FREE).await;
        }
    }

    /// The topic of the message with which [`cut_off`] ends.
    pub(crate) fn end_marker(&self) -> String {
        self.record.as_ref().map(|record| topic::marker(&client_id(record))).unwrap_or_default()
    }

    /// Removes it, when it is empty.
    pub(crate) async fn remove(self, link: &Link) -> Result<()> {
        drop(self.received);
        self.session.close().await;
        let Some(record) = &self.record else { return Ok(()) };
        let id = client_id(record);
        let opening = Opening { client_id: id, clean: true, will: None, receive_maximum: None };
        if let Ok((session, _)) = link.open(opening).await {
            session.close().await;
        }
        link.write(record, "").await
    }
}

/// Has the broker send no more than it has sent or keeps for this seat already, and at the end
/// [a message](Seat::end_marker) that says so.
pub(crate) async fn cut_off(
    link: &Link,
    session: &Session,
    record: Option<&Record>,
) -> Result<(), Lost> {
    let Some(record) = record else { return Err(Lost) };
    link.presence.left(record);
    session.unsubscribe(&filter(record)).await?;
    let marker = topic::marker(&client_id(record));
    session.subscribe(&marker, QoS::AtLeastOnce).await?;
    let end = session.publish(&marker, Message::new("end"), QoS::AtLeastOnce, false);
    end.await?.map_err(|_| Lost)
}
