//! What a case works with: connections to a broker, names of its own, and patience.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use msgflo::transport::{
    Copies, Deliveries, Delivery, Direction, Edge, Queue, QueueStatistics, Target,
};
use msgflo::{Error, ErrorKind, Message, Network, Transport};

use crate::subject::{Broker, Feature, Subject};

/// How long something that must happen may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A test, to be run on each transport that has what it needs.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [Feature],
    pub test: fn(Context) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Lists async functions as [`Case`]s: `cases![delivers, restarts: Restarts & Durable]`.
macro_rules! cases {
    ($($name:ident $(: $($needs:ident)&+)?),* $(,)?) => {
        &[$($crate::context::Case {
            name: stringify!($name),
            needs: &[$($($crate::subject::Feature::$needs),+)?],
            test: |context| Box::pin($name(context)),
        }),*]
    };
}
pub(crate) use cases;

impl Case {
    /// Runs it on a runtime of its own.
    pub fn run(self, subject: &'static Subject) -> io::Result<()> {
        let restarts = self.needs.contains(&Feature::Restarts);
        let own = if restarts { Some(subject.start_broker()?) } else { None };
        let url = match &own {
            Some(broker) => broker.url(),
            None => subject.shared_broker(self.name)?,
        };
        let broker = Arc::new(Mutex::new(own));
        let context = Context { name: self.name, subject, url, broker };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on((self.test)(context));
        Ok(())
    }
}

/// A broker, seen from one case.
pub struct Context {
    name: &'static str,
    subject: &'static Subject,
    pub url: String,
    broker: Arc<Mutex<Option<Broker>>>,
}

impl Context {
    /// A connection of its own: as from another process, as far as the broker can tell.
    pub async fn network(&self) -> Network {
        msgflo::connect(&self.url).await.unwrap()
    }

    pub async fn connect(&self) -> Connection {
        Connection(self.network().await.transport().clone())
    }

    /// A name that no other case uses.
    pub fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// What is left of a message when it arrives.
    pub fn arrived(&self, message: &Message) -> Message {
        if self.subject.has(Feature::Properties) {
            message.clone()
        } else {
            Message::new(message.payload.clone())
        }
    }

    /// Does something to the broker that the case has for itself.
    pub async fn broker<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Broker) -> io::Result<T> + Send + 'static,
    ) -> T {
        let broker = self.broker.clone();
        let acted = tokio::task::spawn_blocking(move || {
            act(broker.lock().unwrap().as_mut().expect("the case needs Feature::Restarts"))
        });
        acted.await.unwrap().unwrap()
    }
}

/// A transport, for cases: an error fails the test.
#[derive(Clone)]
pub struct Connection(pub Arc<dyn Transport>);

impl Connection {
    pub async fn inport(&self, name: &str) {
        self.declare(name, Direction::In).await;
    }

    pub async fn outport(&self, name: &str) {
        self.declare(name, Direction::Out).await;
    }

    async fn declare(&self, name: &str, direction: Direction) {
        let queue = Queue::new(name, direction);
        within("declare", self.0.declare(&queue)).await.unwrap();
    }

    pub async fn bind(&self, source: &str, target: &str) {
        within("bind", self.0.bind(&edge(source, target))).await.unwrap();
    }

    pub async fn unbind(&self, source: &str, target: &str) {
        within("unbind", self.0.unbind(&edge(source, target))).await.unwrap();
    }

    /// Out of an outport.
    pub async fn emit(&self, outport: &str, payload: &str) {
        let message = Message::new(payload.to_owned());
        within("publish", self.0.publish(Target::Outport(outport), message)).await.unwrap();
    }

    /// Into an inport.
    pub async fn send(&self, inport: &str, payload: &str) {
        let message = Message::new(payload.to_owned());
        within("publish", self.0.publish(Target::Inport(inport), message)).await.unwrap();
    }

    pub async fn consume(&self, queue: &str, prefetch: u16) -> Inbox {
        Inbox(within("consume", self.0.consume(queue, prefetch)).await.unwrap())
    }

    pub async fn tap(&self, queue: &str, direction: Direction) -> Tap {
        Tap(within("tap", self.0.tap(queue, direction)).await.unwrap())
    }

    pub async fn consume_dead_letters(&self, queue: &str) -> Inbox {
        self.consume(&self.0.dead_letter_queue(queue), 10).await
    }

    /// Waits until what is known of a queue is as it must become: brokers count with a delay.
    /// Where nothing is known, there is nothing to wait for.
    pub async fn wait_for_statistics(
        &self,
        queue: &str,
        expected: impl Fn(&QueueStatistics) -> bool,
    ) {
        let poll = async {
            loop {
                match self.0.statistics(queue).await {
                    Ok(statistics) if expected(&statistics) => return,
                    Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Err(error) if is_unsupported(&error) => return,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        within("the statistics to become what they must", poll).await;
    }

    pub async fn close(&self) {
        within("close", self.0.close()).await.unwrap();
    }
}

fn is_unsupported(error: &Error) -> bool {
    matches!(error.kind(), Some(ErrorKind::Unsupported { .. }))
}

pub fn edge(source: &str, target: &str) -> Edge {
    Edge { source: source.into(), target: target.into() }
}

/// What a consumer receives.
pub struct Inbox(pub Deliveries);

impl Inbox {
    pub async fn next(&mut self) -> Delivery {
        within("a delivery", self.0.next()).await.expect("the stream ended").unwrap()
    }

    /// Receives the next message, which must be this one, and acknowledges it. To see that
    /// nothing else has come, another message is sent, and must be the next.
    pub async fn expect(&mut self, payload: &str) {
        let delivery = self.next().await;
        assert_eq!(text(&delivery), payload);
        delivery.acknowledge();
    }

    pub async fn expect_end(&mut self) {
        if let Some(item) = within("the stream to end", self.0.next()).await {
            panic!("the stream goes on with {item:?}");
        }
    }
}

/// Copies of what passes a port.
pub struct Tap(pub Copies);

impl Tap {
    pub async fn next(&mut self) -> Message {
        within("a copy", self.0.next()).await.expect("the copies ended").unwrap()
    }

    pub async fn expect(&mut self, payload: &str) {
        assert_eq!(self.next().await.payload, payload);
    }
}

pub fn text(delivery: &Delivery) -> &str {
    std::str::from_utf8(&delivery.message.payload).unwrap()
}

/// Waits, but not for ever.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}
