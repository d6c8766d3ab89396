//! One client of the hub: what is known of it, and how it is answered.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use msgflo_core::transport::Delivery;
use msgflo_core::{ErrorKind, Result, Transport};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, warn};

use super::Shared;
use super::streams::Source;
use crate::frames::{self, Frames, Malformed};
use crate::wire::{self, Broken};

/// How many messages that make no sense a client may send before it is disconnected.
const PATIENCE: u32 = 100;

/// Why a client is not served any longer.
pub(super) enum End {
    Stopped,
    Left,
    Silent,
    Broken(Broken),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(Broken::Lost(error))
    }
}

/// What has become of a message.
pub(super) struct Published {
    pub(super) number: u64,
    pub(super) queue: String,
    pub(super) size: usize,
    pub(super) sent: Result<()>,
}

pub(super) struct Client {
    pub(super) name: String,
    pub(super) greeted: bool,
    /// Clients of old may stumble over frames that they do not know.
    pub(super) reads_extras: bool,
    pub(super) timeout: Duration,
    pub(super) shared: Arc<Shared>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) out: BytesMut,
    pub(super) changes: UnboundedReceiver<Frames>,
    pub(super) streams: Vec<(u64, Source)>,
    /// Whose turn it is among `streams`.
    pub(super) turn: usize,
    pub(super) unsettled: HashMap<u64, BTreeMap<u64, Delivery>>,
    /// Messages for which there is no room yet.
    pub(super) waiting: FuturesUnordered<BoxFuture<'static, Published>>,
    /// How many bytes these have.
    pub(super) waiting_bytes: usize,
    pub(super) mistakes: u32,
}

/// How a message is answered.
pub(super) enum Answer {
    Done,
    With(Frames),
    /// Not at all, or later.
    None,
    Refused(&'static str, String, String),
    Goodbye,
}

impl From<Malformed> for Answer {
    fn from(reason: Malformed) -> Self {
        Self::Refused("protocol", String::new(), reason)
    }
}

impl Client {
    pub(super) fn new(
        peer: SocketAddr,
        shared: Arc<Shared>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            name: peer.to_string(),
            greeted: false,
            reads_extras: false,
            timeout: shared.timeout,
            changes: shared.topology.subscribe(),
            shared,
            transport,
            out: BytesMut::new(),
            streams: Vec::new(),
            turn: 0,
            unsettled: HashMap::new(),
            waiting: FuturesUnordered::new(),
            waiting_bytes: 0,
            mistakes: 0,
        }
    }

    pub(super) fn mistake(&mut self, number: u64, command: &str, reason: &str) -> Option<End> {
        self.mistakes += 1;
        warn!("the hub dropped {command} from {}: {reason}", self.name);
        let error = Frames::new(frames::ERROR, number).text("protocol").text("").text(reason);
        wire::encode(error.as_slice(), &mut self.out);
        if self.mistakes < PATIENCE {
            return None;
        }
        Some(Broken::Protocol(format!("{PATIENCE} messages that make no sense")).into())
    }

    pub(super) fn answer(&mut self, number: u64, answer: Answer) {
        let frames = match answer {
            Answer::None | Answer::Goodbye => return,
            Answer::Done => Frames::new(frames::OK, number),
            Answer::With(frames) => frames,
            Answer::Refused(kind, queue, reason) => {
                Frames::new(frames::ERROR, number).text(kind).text(&queue).text(&reason)
            }
        };
        wire::encode(frames.as_slice(), &mut self.out);
    }
}

pub(super) fn answer(number: u64, queue: &str, result: Result<()>) -> Answer {
    let Err(error) = result else { return Answer::Done };
    debug!("request {number} about `{queue}` failed: {error}");
    match error.kind() {
        Some(ErrorKind::Queue { queue, reason, .. } | ErrorKind::Send { queue, reason, .. }) => {
            Answer::Refused("queue", queue.clone(), reason.clone())
        }
        Some(ErrorKind::Closed(reason)) => Answer::Refused("closed", queue.into(), reason.clone()),
        _ => Answer::Refused("invalid", queue.into(), error.to_string()),
    }
}
