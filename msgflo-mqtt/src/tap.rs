//! Copies of what is sent to a topic: a subscription beside those of the queue's seats, on a
//! connection of its own, so that who reads slowly holds up nothing else.

use std::sync::Arc;

use futures_util::stream;
use msgflo_core::transport::{Copies, Failure, Pauses};
use msgflo_core::{Error, Message, Result};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::debug;

use crate::link::{Link, NOT_ALLOWED, random};
use crate::session::{Lost, Opening, Received, Session};

/// Starts to receive copies. When it returns, the subscription is there.
pub(crate) async fn tap(link: Arc<Link>, topic: &str) -> Result<Copies> {
    let connection = connect(&link, topic).await?;
    let tap = Tap { link, topic: topic.into(), connection };
    Ok(Copies::new(stream::unfold(Some(tap), |tap| async {
        let mut tap = tap?;
        match tap.next().await? {
            Ok(message) => Some((Ok(message), Some(tap))),
            Err(error) => Some((Err(error), None)),
        }
    })))
}

struct Tap {
    link: Arc<Link>,
    topic: String,
    connection: (Session, mpsc::Receiver<Received>),
}

impl Tap {
    /// The next message; `None` when the link is closed. An error is final.
    async fn next(&mut self) -> Option<Result<Message, Error>> {
        let link = self.link.clone();
        let next = async {
            loop {
                let (session, received) = &mut self.connection;
                if let Some(received) = received.recv().await {
                    session.acknowledge(&received);
                    return Ok(received.message);
                }
                self.connection = connect(&self.link, &self.topic).await?;
            }
        };
        tokio::select! {
            biased;
            () = link.closing() => None,
            next = next => Some(next),
        }
    }
}

/// Tries until the broker lets us, or forbids it.
async fn connect(link: &Link, topic: &str) -> Result<(Session, mpsc::Receiver<Received>)> {
    let mut pauses = Pauses::default();
    loop {
        link.session().await?;
        let id = format!("msgflo/tap/{}", random());
        let opening = Opening { client_id: id, clean: true, will: None, receive_maximum: None };
        match link.open(opening).await {
            Ok((session, received)) => {
                match session.subscribe(topic, link.address.receiving_qos()).await {
                    Ok(true) => return Ok((session, received)),
                    Ok(false) => return Err(link.queue_error(topic, NOT_ALLOWED)),
                    Err(Lost) => {}
                }
            }
            Err(Failure::Denied(reason) | Failure::Failed(reason)) => {
                debug!("cannot tap `{topic}`: {reason}");
            }
        }
        sleep(pauses.longer()).await;
    }
}
