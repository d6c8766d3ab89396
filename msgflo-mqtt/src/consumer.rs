//! Consuming a queue: from a seat of one's own, and from seats that nobody has.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use msgflo_core::transport::Deliveries;
use msgflo_core::{Error, Result};
use tokio::time::sleep;
use tracing::debug;

use crate::inbox::Inbox;
use crate::link::{self, Link};
use crate::presence;
use crate::seat::{self, Seat};
use crate::session::{Lost, lock};
use crate::source::Source;
use crate::topic::Record;

/// How many messages may wait here for their next attempt before others have to wait, too, where the
/// protocol lets us say so.
const WAITING: u16 = 20;
/// How long a seat is left to whoever may be about to take it.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) async fn consume(link: &Arc<Link>, queue: &str, prefetch: u16) -> Result<Deliveries> {
    let passing = lock(&link.passing).contains(queue);
    // What others have declared just now, is known, too.
    link.sync().await?;
    if !passing && !link.records.borrow().has_queue(queue) {
        return Err(link.queue_error(
            queue,
            "nobody has declared it; start the participant that has it first, and compare the name with what it announces",
        ));
    }
    let seat = occupy(link, queue, passing, prefetch.max(1)).await?;
    let inbox = Inbox::new(link.clone(), dead_letter_queue(queue), prefetch);
    link.spawn(serve(link.clone(), queue.to_owned(), passing, seat, inbox.clone()));
    let taking = Taking(inbox);
    Ok(Deliveries::new(stream::unfold(taking, |taking| async {
        taking.0.next().await.map(|next| (next, taking))
    })))
}

pub(crate) fn dead_letter_queue(queue: &str) -> String {
    format!("dead-{queue}")
}

/// The consumer's end of an inbox.
struct Taking(Arc<Inbox>);

impl Drop for Taking {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

async fn occupy(link: &Link, queue: &str, passing: bool, prefetch: u16) -> Result<Seat> {
    if passing {
        seat::take_passing(link, queue, window(prefetch)).await
    } else {
        seat::take_any(link, queue, window(prefetch)).await
    }
}

/// How many messages the broker may send before one is acknowledged: those that are processed, and
/// some that wait for their next attempt, which must not hold up the others.
fn window(prefetch: u16) -> u16 {
    prefetch.saturating_add(WAITING)
}

/// The same seat, if nobody else has it.
async fn occupy_again(
    link: &Link,
    queue: &str,
    passing: bool,
    prefetch: u16,
    lost: &Seat,
) -> Result<Seat> {
    if let Some(record) = &lost.record
        && let Some(seat) = seat::take(link, record, true, window(prefetch)).await?
    {
        return Ok(seat);
    }
    occupy(link, queue, passing, prefetch).await
}

/// Fills the inbox for as long as somebody takes from it.
async fn serve(link: Arc<Link>, queue: String, passing: bool, mut seat: Seat, inbox: Arc<Inbox>) {
    let error = tokio::select! {
        biased;
        () = link.closing() => None,
        () = inbox.abandoned() => None,
        error = fill(&link, &queue, passing, &mut seat, &inbox) => Some(error),
        () = take_over(&link, &queue, &inbox), if !passing => None,
        () = presence::free_abandoned(&link, |records| records.seats(&queue).cloned().collect()) => None,
    };
    inbox.end(error);
    inbox.rejected().await;
    seat.leave(&link).await;
}

/// Returns only when it is impossible.
async fn fill(
    link: &Arc<Link>,
    queue: &str,
    passing: bool,
    seat: &mut Seat,
    inbox: &Arc<Inbox>,
) -> Error {
    let mut is_back = false;
    loop {
        let source = Source::new(link, seat, is_back);
        while let Some(publish) = seat.received.recv().await {
            inbox.push(publish, &source);
            inbox.room().await;
        }
        debug!("lost a seat of `{queue}`; taking it again");
        match occupy_again(link, queue, passing, inbox.prefetch, seat).await {
            Ok(taken) => {
                is_back = taken.record == seat.record;
                *seat = taken;
            }
            Err(error) => return error,
        }
    }
}

/// Empties and removes seats that nobody takes, one after the other.
async fn take_over(link: &Arc<Link>, queue: &str, inbox: &Arc<Inbox>) {
    let mut records = link.records.subscribe();
    // Cannot fail: the link has the sender.
    while records.wait_for(|records| records.free_seat(queue).is_some()).await.is_ok() {
        sleep(GRACE + link::jitter(GRACE)).await;
        let free = link.records.borrow().free_seat(queue);
        let Some(record) = free else { continue };
        let emptying = link.spawn(empty(link.clone(), record, inbox.clone()));
        // Fails when the task panics.
        let _ = emptying.await;
    }
}

async fn empty(link: Arc<Link>, record: Record, inbox: Arc<Inbox>) {
    let taken = tokio::select! {
        biased;
        () = link.closing() => return,
        () = inbox.abandoned() => return,
        taken = seat::take(&link, &record, false, window(inbox.prefetch)) => taken,
    };
    let mut seat = match taken {
        Ok(Some(seat)) => seat,
        Ok(None) => return,
        Err(error) => return debug!("cannot empty {}: {error}", record.topic()),
    };
    let emptied = tokio::select! {
        biased;
        () = link.closing() => false,
        () = inbox.abandoned() => false,
        emptied = drain(&link, &mut seat, &inbox) => emptied.is_ok(),
    };
    inbox.rejected().await;
    if !emptied {
        seat.leave(&link).await;
    } else if let Err(error) = seat.remove(&link).await {
        debug!("cannot remove {}: {error}", record.topic());
    }
}

/// Returns when everything that the seat had is settled.
async fn drain(link: &Link, seat: &mut Seat, inbox: &Inbox) -> Result<(), Lost> {
    let source = Source::new(link, seat, false);
    let cutting_off = seat.session.clone();
    let end = seat.end_marker();
    let cut_off = seat::cut_off(link, &cutting_off, seat.record.as_ref());
    let receive = async {
        while let Some(publish) = seat.received.recv().await {
            if publish.topic == end {
                cutting_off.acknowledge(&publish);
                inbox.clear_stale(&source);
                source.settled().await;
                return Ok(());
            }
            inbox.push(publish, &source);
        }
        Err(Lost)
    };
    // Side by side: what is received must not wait until the end is sent.
    tokio::try_join!(cut_off, receive).map(|_| ())
}
