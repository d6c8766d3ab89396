//! Edges. An MQTT broker does not know any: each is a record that it retains, and a seat at the
//! source's topic. Whoever has that seat *routes*: it sends to the target's topic what it
//! receives, and acknowledges it when the broker has taken that. There is one seat for each
//! edge, so nothing is sent twice because two would route; who does not have it waits for it to
//! become free. While nobody routes, messages wait in the seat.
//!
//! A link routes the edges that it has bound, those that lead to queues that it consumes, and,
//! with `router=all` in its URL, all others.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use msgflo_core::Result;
use msgflo_core::transport::Edge;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::assurance;
use crate::link::Link;
use crate::presence;
use crate::registry::{BOUND, FREE, Records};
use crate::seat::{self, Seat};
use crate::session::{Lost, lock};
use crate::topic::Record;

/// So many messages are on their way to a target at once.
const PIPELINED: u16 = 64;
/// How long it may take until an edge is routed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which edges a link routes.
#[derive(Default)]
pub(crate) struct Router {
    wanted: watch::Sender<Wanted>,
    /// Edges that have a task.
    attended: Mutex<HashSet<Edge>>,
}

#[derive(Default)]
struct Wanted {
    everything: bool,
    edges: HashSet<Edge>,
    targets: HashSet<String>,
}

impl Router {
    pub(crate) fn want_edge(&self, edge: &Edge) {
        self.wanted.send_if_modified(|wanted| wanted.edges.insert(edge.clone()));
    }

    pub(crate) fn unwant_edge(&self, edge: &Edge) {
        self.wanted.send_if_modified(|wanted| wanted.edges.remove(edge));
    }

    pub(crate) fn want_target(&self, queue: &str) {
        self.wanted.send_if_modified(|wanted| wanted.targets.insert(queue.into()));
    }

    pub(crate) fn want_everything(&self) {
        self.wanted.send_modify(|wanted| wanted.everything = true);
    }

    fn wants(&self, edge: &Edge) -> bool {
        let wanted = self.wanted.borrow();
        wanted.everything || wanted.edges.contains(edge) || wanted.targets.contains(&edge.target)
    }
}

/// Attends to all edges that are wanted, until the link closes.
pub(crate) async fn run(link: Arc<Link>) {
    let (mut records, mut wanted) = (link.records.subscribe(), link.router.wanted.subscribe());
    loop {
        let edges = records.borrow_and_update().edges();
        for edge in edges {
            if link.router.wants(&edge) && lock(&link.router.attended).insert(edge.clone()) {
                link.spawn(attend(link.clone(), edge));
            }
        }
        tokio::select! {
            () = link.closing() => return,
            // Cannot fail: the link has the senders.
            _ = records.changed() => {}
            _ = wanted.changed() => {}
        }
    }
}

/// Routes an edge whenever nobody else does, until it is gone.
async fn attend(link: Arc<Link>, edge: Edge) {
    let (bound, route) = (Record::Edge(edge.clone()), Record::Route(edge.clone()));
    let gone = |records: &Records| !records.has(&bound) && !records.has(&route);
    // Ours, when the connection was lost.
    let free = |records: &Records| {
        records.get(&route).is_none_or(|says| says == FREE || link.is_ours(says))
    };
    let mut records = link.records.subscribe();
    loop {
        tokio::select! {
            () = link.closing() => break,
            // Cannot fail: the link has the sender.
            _ = records.wait_for(|records| gone(records) || free(records)) => {}
            () = presence::free_abandoned(&link, |_| vec![route.clone()]) => {}
        }
        if gone(&records.borrow()) {
            break;
        }
        let taken = tokio::select! {
            () = link.closing() => break,
            taken = seat::take(&link, &route, true, PIPELINED) => taken,
        };
        match taken {
            Ok(Some(seat)) => route_until_unbound(&link, &edge, seat).await,
            Ok(None) => {}
            Err(error) => {
                warn!("cannot route from `{}` to `{}`: {error}", edge.source, edge.target);
                break;
            }
        }
    }
    lock(&link.router.attended).remove(&edge);
}

/// Has the seat until the edge is taken away, or the connection or the link ends.
async fn route_until_unbound(link: &Arc<Link>, edge: &Edge, mut seat: Seat) {
    let (bound, route) = (Record::Edge(edge.clone()), Record::Route(edge.clone()));
    let mut records = link.records.subscribe();
    let (session, record) = (seat.session.clone(), seat.record.clone());
    let end = seat.end_marker();
    let stop = CancellationToken::new();
    let cut_off = async {
        // Cannot fail: the link has the sender.
        while records.wait_for(|records| !records.has(&bound)).await.is_ok() {
            link.presence.left(&route);
            // Bound again: who did that may have asked whether it is routed just before.
            if !link.records.borrow().has(&bound) {
                break;
            }
            link.presence.seated(&route, &session);
        }
        if seat::cut_off(link, &session, record.as_ref()).await.is_err() {
            std::future::pending().await
        }
    };
    let forwarded = {
        let mut cut_off = std::pin::pin!(cut_off);
        let mut forward = std::pin::pin!(forward(link, edge, &mut seat, &end, &stop));
        let mut is_cut_off = false;
        loop {
            tokio::select! {
                biased;
                () = link.closing(), if !stop.is_cancelled() => stop.cancel(),
                () = &mut cut_off, if !is_cut_off => is_cut_off = true,
                forwarded = &mut forward => break forwarded,
            }
        }
    };
    match forwarded {
        Ok(true) => {
            if let Err(error) = seat.remove(link).await {
                debug!("cannot take apart a route: {error}");
            }
        }
        Ok(false) => seat.leave(link).await,
        // Taken again when the broker is back.
        Err(Lost) => {}
    }
}

/// Returns whether the end has come.
async fn forward(
    link: &Arc<Link>,
    edge: &Edge,
    seat: &mut Seat,
    end: &str,
    stop: &CancellationToken,
) -> Result<bool, Lost> {
    let session = seat.session.clone();
    let received = stream::poll_fn(|cx| seat.received.poll_recv(cx))
        .take_until(stop.cancelled())
        .map(|publish| async {
            if publish.topic == end {
                return (publish, true, Ok(()));
            }
            let sent = link.publish(&edge.target, publish.message.clone()).await;
            (publish, false, sent)
        })
        .buffered(PIPELINED.into());
    let mut received = std::pin::pin!(received);
    while let Some((publish, is_end, sent)) = received.next().await {
        match sent {
            Ok(()) => session.acknowledge(&publish),
            // Not acknowledged, it waits in the seat.
            Err(error) => warn!("a message stays at `{}`: {error}", edge.source),
        }
        if is_end {
            return Ok(true);
        }
    }
    if stop.is_cancelled() { Ok(false) } else { Err(Lost) }
}

/// Makes an edge. When it returns, what is sent on the source goes to the target.
pub(crate) async fn bind(link: &Link, edge: &Edge) -> Result<()> {
    if edge.source == edge.target {
        return Ok(());
    }
    let (bound, route) = (Record::Edge(edge.clone()), Record::Route(edge.clone()));
    link.sync().await?;
    if !link.records.borrow().has(&bound) {
        link.write(&bound, BOUND).await?;
    }
    link.router.want_edge(edge);
    let mut records = link.records.subscribe();
    let routed = records.wait_for(|records| records.has(&route));
    tokio::select! {
        () = link.closing() => return Err(link.closed_error()),
        routed = timeout(PATIENCE, routed) => if routed.is_err() {
            return Err(link.queue_error(&edge.source, "it cannot be routed; the log says why"));
        },
    }
    // Whoever routes may be taking it apart, as it was unbound until now.
    assurance::edge_kept(link, edge).await;
    Ok(())
}

/// Takes an edge away. When it returns, nothing is on its way any more.
pub(crate) async fn unbind(link: &Link, edge: &Edge) -> Result<()> {
    let (bound, route) = (Record::Edge(edge.clone()), Record::Route(edge.clone()));
    link.sync().await?;
    // If nobody routes it, we take it apart.
    link.router.want_edge(edge);
    if link.records.borrow().has(&bound) {
        link.write(&bound, "").await?;
    }
    let mut records = link.records.subscribe();
    tokio::select! {
        () = link.closing() => return Err(link.closed_error()),
        // Cannot fail: the link has the sender.
        _ = records.wait_for(|records| !records.has(&route)) => {}
    }
    link.router.unwant_edge(edge);
    Ok(())
}
