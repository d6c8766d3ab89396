//! That what is sent is kept. A broker may have forgotten subscriptions when it restarts, and
//! confirms and drops what is sent to topics without any. So before a link sends to a topic for
//! the first time on a connection, it makes sure that every queue and every edge there has a
//! seat that is filled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, join_all};
use msgflo_core::transport::Edge;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tracing::warn;

use crate::link::Link;
use crate::presence::{ANSWER, QUESTIONS, is_there};
use crate::registry::{FREE, Records};
use crate::seat;
use crate::session::lock;
use crate::topic::Record;

/// What is sure on the connection that there is.
#[derive(Default)]
pub(crate) struct Assurance(Mutex<State>);

#[derive(Default)]
struct State {
    connection: u64,
    /// What was known when the last connection was lost.
    before: Records,
    /// Whether the link's own queues and edges are there.
    restored: Arc<OnceCell<()>>,
    topics: HashMap<String, Arc<OnceCell<()>>>,
}

impl Assurance {
    /// Nothing is sure any more.
    pub(crate) fn lose(&self, connection: u64, before: Records) {
        *lock(&self.0) = State { connection, before, ..State::default() };
    }
}

/// Returns when the queues and edges of the link are there.
pub(crate) async fn restored(link: &Link) {
    let (connection, restored) = {
        let state = lock(&link.assurance.0);
        (state.connection, state.restored.clone())
    };
    if connection > 0 {
        restored.get_or_init(|| crate::transport::restore(link)).await;
    }
}

/// Returns when what is sent to the topic is kept.
pub(crate) async fn kept(link: &Link, topic: &str) {
    let is_kept = {
        let mut state = lock(&link.assurance.0);
        match state.topics.get(topic) {
            Some(is_kept) => is_kept.clone(),
            None => state.topics.entry(topic.into()).or_default().clone(),
        }
    };
    if !is_kept.initialized() {
        is_kept.get_or_init(|| make_kept(link, topic)).await;
    }
}

/// Boxed, as it sends messages itself.
fn make_kept<'a>(link: &'a Link, topic: &'a str) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        restored(link).await;
        let before = lock(&link.assurance.0).before.clone();
        let groups = groups(link, &before, topic);
        let seated = join_all(groups.into_iter().map(|group| seated(link, group)));
        tokio::select! {
            _ = seated => {}
            // What is sent while the link closes, waits for nothing.
            () = link.closing() => {}
        }
    })
}

/// Whose seats get the same messages, each its share.
enum Group {
    Queue(String),
    Edge(Edge),
}

fn groups(link: &Link, before: &Records, topic: &str) -> Vec<Group> {
    let now = link.records.borrow();
    let mut edges = now.edges_from(topic);
    edges.extend(before.edges_from(topic));
    let mut groups: Vec<_> = edges.into_iter().map(Group::Edge).collect();
    if now.has_queue(topic) || before.has_queue(topic) {
        groups.push(Group::Queue(topic.into()));
    }
    groups
}

impl Group {
    fn seats(&self, records: &Records) -> Vec<Record> {
        match self {
            Self::Queue(queue) => records.seats(queue).cloned().collect(),
            Self::Edge(edge) => Some(Record::Route(edge.clone()))
                .filter(|route| records.has(route))
                .into_iter()
                .collect(),
        }
    }

    /// The seat that there must be, whoever has it.
    fn last_resort(&self, records: &Records) -> Option<Record> {
        match self {
            Self::Queue(_) => self.seats(records).into_iter().min_by_key(Record::topic),
            Self::Edge(edge) => {
                records.has(&Record::Edge(edge.clone())).then(|| Record::Route(edge.clone()))
            }
        }
    }
}

/// Returns when the group has a seat that is filled.
async fn seated(link: &Link, group: Group) {
    for _ in 0..QUESTIONS {
        let (free, taken): (Vec<_>, Vec<_>) = {
            let records = link.records.borrow();
            group.seats(&records).into_iter().partition(|seat| records.get(seat) == Some(FREE))
        };
        let placed = match free.first() {
            Some(free) => seat::place(link, free).await,
            None if taken.is_empty() => {
                // Known before: whoever made it may be about to make it again.
                let mut records = link.records.subscribe();
                let made = records.wait_for(|records| !group.seats(records).is_empty());
                let _ = timeout(ANSWER, made).await;
                continue;
            }
            None if is_there(link, &taken).await => return,
            None => continue,
        };
        return placed.unwrap_or_else(|error| warn!("what is sent may not be kept: {error}"));
    }
    let last_resort = group.last_resort(&link.records.borrow());
    if let Some(seat) = last_resort
        && let Err(error) = seat::fill(link, &seat).await
    {
        warn!("what is sent may not be kept: {error}");
    }
}
