//! Who is there. A record says who has a seat, but its owner may be gone with the broker, and the
//! broker may have forgotten the seat's subscription (Mosquitto 2.0 does, when it restarts, if
//! the subscription is shared). So links can ask for a seat by its record: who has it,
//! subscribes again and answers.

use std::collections::HashMap;
use std::future::pending;
use std::slice;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use msgflo_core::bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, info};

use crate::link::Link;
use crate::registry::{FREE, Records};
use crate::seat;
use crate::session::{Session, lock};
use crate::topic::{self, Record};

/// How long one answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(1);
/// After so many questions without an answer, nobody is there.
pub(crate) const QUESTIONS: u32 = 10;

#[derive(Default)]
pub(crate) struct Presence {
    /// The seats that the link has, while they are to be filled.
    seats: Mutex<HashMap<Record, Weak<Session>>>,
    listening: Mutex<Vec<(Vec<Record>, oneshot::Sender<()>)>>,
}

impl Presence {
    pub(crate) fn seated(&self, record: &Record, session: &Arc<Session>) {
        lock(&self.seats).insert(record.clone(), Arc::downgrade(session));
    }

    pub(crate) fn has(&self, record: &Record) -> bool {
        lock(&self.seats).get(record).is_some_and(|session| session.strong_count() > 0)
    }

    pub(crate) fn left(&self, record: &Record) {
        lock(&self.seats).remove(record);
    }

    pub(crate) fn hear(&self, record: &Record) {
        let mut listening = lock(&self.listening);
        let heard = listening
            .extract_if(.., |(records, heard)| heard.is_closed() || records.contains(record));
        for (_, heard) in heard {
            // Fails when the time is up.
            let _ = heard.send(());
        }
    }
}

/// Answers for a seat, if the link has it.
pub(crate) async fn answer(link: Arc<Link>, record: Record) {
    let subscribed = {
        // A seat that is left meanwhile, stays so: the lock is held until the broker is asked.
        let seats = lock(&link.presence.seats);
        let Some(session) = seats.get(&record).and_then(Weak::upgrade) else { return };
        session.subscribe(&seat::filter(&record), link.address.receiving_qos())
    };
    if matches!(subscribed.await, Ok(true)) {
        let payload = Bytes::from(record.topic());
        if let Err(error) = link.send(topic::ANSWERS, payload).await {
            debug!("cannot answer for {}: {error}", record.topic());
        }
    }
}

/// Whether somebody who has one of these seats answers soon.
pub(crate) async fn is_there(link: &Link, records: &[Record]) -> bool {
    let (sender, heard) = oneshot::channel();
    lock(&link.presence.listening).push((records.to_vec(), sender));
    let asked = async {
        for record in records {
            let payload = Bytes::from(record.topic());
            if let Err(error) = link.send(topic::QUESTIONS, payload).await {
                debug!("cannot ask for {}: {error}", record.topic());
            }
        }
        heard.await.is_ok()
    };
    timeout(ANSWER, asked).await.unwrap_or(false)
}

/// Frees seats whose owners are gone and did not leave their last will: the broker went with
/// them. Never returns before the link closes.
pub(crate) async fn free_abandoned(link: &Link, seats: impl Fn(&Records) -> Vec<Record>) {
    let mut number = 0;
    while let Ok((current, _)) = link.newer_session(number).await {
        number = current;
        let records = link.records.borrow().clone();
        let taken = seats(&records).into_iter().filter_map(|seat| {
            let says = records.get(&seat).filter(|says| *says != FREE && !link.is_ours(says))?;
            Some(free_if_abandoned(link, seat.clone(), says.to_owned()))
        });
        join_all(taken).await;
    }
    pending().await
}

async fn free_if_abandoned(link: &Link, seat: Record, said: String) {
    for _ in 0..QUESTIONS {
        if is_there(link, slice::from_ref(&seat)).await {
            return;
        }
    }
    if link.records.borrow().get(&seat) == Some(&said) {
        info!("{} is abandoned", seat.topic());
        // Fails when the link closes: then it is for the next who comes.
        let _ = link.write(&seat, FREE).await;
    }
}
