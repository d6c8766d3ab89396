//! Requests, and the answers to them.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use crate::message::Message;
use crate::transport::{Deliveries, Direction, Queue, Target, Transport};
use crate::{Decode, Error, ErrorKind, Result, payload, reserved};

/// How long an answer may take, where nothing else is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long sending an answer may hold up the one who sends it.
const ANSWERING: Duration = Duration::from_secs(5);
/// So many requests that were answered are remembered, so that a second answer is no surprise.
const REMEMBERED: usize = 10_000;
/// How many answers are on their way to us at once.
const PREFETCH: u16 = 100;

/// The requests of one network connection that wait for an answer.
#[derive(Default)]
pub(crate) struct Requests {
    state: Mutex<State>,
    /// How many inboxes were made: one at a time.
    making: tokio::sync::Mutex<u32>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Arc<str>, oneshot::Sender<Message>>,
    answered: VecDeque<Arc<str>>,
    inbox: Option<Arc<str>>,
}

/// What has become of a message that may be an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Matched {
    /// Somebody here waited for it.
    Answered,
    /// Somebody here waited for it, and has an answer already, or gave up.
    Late,
    /// It is for the one whose inbox this is.
    For(Arc<str>),
    /// Nobody is known to wait for it.
    Nobody,
}

impl Requests {
    /// A request that is sent when it is awaited.
    pub(crate) fn request<A: Decode>(
        self: &Arc<Self>,
        transport: &Arc<dyn Transport>,
        direction: Direction,
        queue: &str,
        message: Message,
    ) -> Request<A> {
        let (requests, transport, queue) = (self.clone(), transport.clone(), queue.to_owned());
        let send = move |limit: Duration| {
            async move {
                let asked = requests.ask(&transport, direction, &queue, message);
                timeout(limit, asked).await.unwrap_or_else(|_| {
                    let seconds = limit.as_secs_f32();
                    Err(Error::message(format!(
                        "no answer to what was sent to `{queue}` came within {seconds} s: is a participant running there that answers, and, if the answer comes through edges, an inport with `replies` here?"
                    )))
                })
            }
            .boxed()
        };
        Request { asked: Box::new(send), timeout: DEFAULT_TIMEOUT, answer: PhantomData }
    }

    async fn ask(
        self: Arc<Self>,
        transport: &Arc<dyn Transport>,
        direction: Direction,
        queue: &str,
        mut message: Message,
    ) -> Result<Message> {
        if !transport.abilities().headers {
            let what = "carry the correlation id of a request; MQTT 5 can (`?version=5`)".into();
            return Err(ErrorKind::Unsupported { url: transport.url().into(), what }.into());
        }
        let inbox = self.inbox(transport).await?;
        let id: Arc<str> = Uuid::new_v4().simple().to_string().into();
        let (answered, answer) = oneshot::channel();
        self.state().waiting.insert(id.clone(), answered);
        // Forgotten if it is given up.
        let waiting = Waiting { requests: &self, id: id.clone() };
        message = message.with_correlation_id(id.clone()).with_sent_at(SystemTime::now());
        message.id.get_or_insert(id);
        message.headers_mut().insert(reserved::ANSWER_TO, inbox.clone());
        let target = match direction {
            Direction::In => {
                message = message.with_reply_to(inbox);
                Target::Inport(queue)
            }
            Direction::Out => Target::Outport(queue),
        };
        transport.publish(target, message).await?;
        let answer = answer.await.map_err(|_| closed(transport))?;
        drop(waiting);
        match answer.headers().get(reserved::ERROR) {
            None => Ok(answer),
            Some(error) => {
                let by = answer.headers().get(reserved::ROLE).unwrap_or("it").to_owned();
                Err(Error::message(format!("the request to `{queue}` failed: {by} says: {error}")))
            }
        }
    }

    /// This connection's own queue for answers; made when it is asked for the first time.
    async fn inbox(self: &Arc<Self>, transport: &Arc<dyn Transport>) -> Result<Arc<str>> {
        let mut making = self.making.lock().await;
        if let Some(inbox) = self.own() {
            return Ok(inbox);
        }
        let name: Arc<str> = format!("msgflo.answers.{}", Uuid::new_v4().simple()).into();
        transport.declare(&Queue::inport(&*name).persistent(false)).await?;
        let deliveries = transport.consume(&name, PREFETCH).await?;
        self.state().inbox = Some(name.clone());
        tokio::spawn(receive(Arc::downgrade(self), deliveries));
        *making += 1;
        Ok(name)
    }

    fn own(&self) -> Option<Arc<str>> {
        self.state().inbox.clone()
    }

    /// The inbox is gone, and so are the answers to what was asked. The next request makes another.
    fn lose_inbox(&self) {
        let mut state = self.state();
        state.inbox = None;
        state.waiting.clear();
    }

    /// Hands an answer to whoever waits for it.
    pub(crate) fn resolve(&self, message: &Message) -> Matched {
        if let Some(id) = message.correlation_id() {
            let mut state = self.state();
            if let Some(waiting) = state.waiting.remove(id) {
                state.remember(id.clone());
                // Fails when it was given up just now.
                let _ = waiting.send(message.clone());
                return Matched::Answered;
            }
            if state.answered.contains(id) {
                return Matched::Late;
            }
        }
        match message.headers().get(reserved::ANSWER_TO) {
            Some(inbox) if self.own().is_none_or(|own| *own != *inbox) => {
                Matched::For(inbox.into())
            }
            _ => Matched::Nobody,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, id: Arc<str>) {
        if self.answered.len() >= REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back(id);
    }
}

struct Waiting<'a> {
    requests: &'a Requests,
    id: Arc<str>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.requests.state();
        if state.waiting.remove(&self.id).is_some() {
            state.remember(self.id.clone());
        }
    }
}

async fn receive(requests: std::sync::Weak<Requests>, mut deliveries: Deliveries) {
    while let Some(Ok(delivery)) = deliveries.next().await {
        let Some(requests) = requests.upgrade() else { return };
        if requests.resolve(&delivery.message) == Matched::Nobody {
            tracing::debug!(id = delivery.message.id.as_deref(), "an answer came to nobody");
        }
        delivery.acknowledge();
    }
    if let Some(requests) = requests.upgrade() {
        requests.lose_inbox();
    }
}

/// Sends an answer to whoever asked. If nobody is there any more, that is all the same.
pub(crate) async fn answer(transport: &dyn Transport, inbox: &str, message: Message) {
    match timeout(ANSWERING, transport.publish(Target::Inport(inbox), message)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("whoever asked is not there any more: {error}"),
        Err(_) => tracing::debug!("an answer to `{inbox}` was not taken within {ANSWERING:?}"),
    }
}

fn closed(transport: &Arc<dyn Transport>) -> Error {
    ErrorKind::Closed(format!("{} was closed before an answer came", transport.url())).into()
}

type Asked = Box<dyn FnOnce(Duration) -> BoxFuture<'static, Result<Message>> + Send>;

/// A request that is sent when it is awaited: see [`Network::request`](crate::Network::request).
#[must_use = "a request is sent when it is awaited"]
pub struct Request<A> {
    asked: Asked,
    timeout: Duration,
    answer: PhantomData<fn() -> A>,
}

impl<A: Decode> Request<A> {
    pub(crate) fn failed(error: Error) -> Self {
        let asked = Box::new(|_| std::future::ready(Err(error)).boxed());
        Self { asked, timeout: DEFAULT_TIMEOUT, answer: PhantomData }
    }

    /// Sets how long an answer may take, in place of 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<A: Decode> IntoFuture for Request<A> {
    type Output = Result<A>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<A>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let answer = (self.asked)(self.timeout);
        Box::pin(async move { payload::decode(answer.await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_who_waits_for_it() {
        let requests = Requests::default();
        let (sender, mut receiver) = oneshot::channel();
        requests.state().waiting.insert("7".into(), sender);
        requests.state().inbox = Some("own".into());
        let answer = |id: &str| Message::new(id.to_owned()).with_correlation_id(id);
        assert_eq!(requests.resolve(&answer("8")), Matched::Nobody);
        assert_eq!(requests.resolve(&answer("7")), Matched::Answered);
        assert_eq!(receiver.try_recv().unwrap().payload, "7");
        assert_eq!(requests.resolve(&answer("7")), Matched::Late);
        let to = |inbox: &str| answer("8").with_header(reserved::ANSWER_TO, inbox);
        assert_eq!(requests.resolve(&to("other")), Matched::For("other".into()));
        assert_eq!(requests.resolve(&to("own")), Matched::Nobody);
        assert_eq!(requests.resolve(&Message::new("")), Matched::Nobody);
    }
}
