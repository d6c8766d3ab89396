//! Running a participant in a test, without a broker.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::participant::Participant;
use crate::transport::{Deliveries, Direction, Queue, Target};
use crate::{
    Decode, Definition, Encode, Error, Handle, Message, Network, Result, Settings, memory, payload,
};

/// How long [`Harness::receive`] waits before it says that nothing came.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often is looked whether everything is processed.
const LOOK: Duration = Duration::from_millis(2);

/// A participant in a network of its own, all within the process.
///
/// ```
/// # use msgflo_core::{Participant, Json};
/// use msgflo_core::testing::Harness;
///
/// # async fn example<Double: Participant + Default>() -> msgflo_core::Result<()> {
/// let mut harness = Harness::start(Double::default()).await?;
/// harness.send("in", Json(21)).await?;
/// assert_eq!(harness.receive::<Json<i32>>("out").await?.0, 42);
/// # Ok(()) }
/// ```
pub struct Harness<P> {
    network: Network,
    handle: Handle<P>,
    outputs: Vec<(String, Deliveries)>,
    dead_letters: Vec<(String, Deliveries)>,
}

impl<P: Participant> Harness<P> {
    /// Starts a participant with default settings.
    ///
    /// # Errors
    /// As [`Network::start`].
    pub async fn start(participant: P) -> Result<Self> {
        Self::start_with(participant, Settings::default()).await
    }

    /// Starts a participant, for instance with IIPs.
    ///
    /// # Errors
    /// As [`Network::start_with`].
    pub async fn start_with(participant: P, settings: Settings) -> Result<Self> {
        let url = format!("memory://{}", Uuid::new_v4()).parse()?;
        let network = Network::new(memory::connect(&url)?);
        let transport = network.transport();

        // Bound before the participant runs: an IIP may make it send at once.
        let mut outputs = Vec::new();
        for port in P::component().outports.iter().filter(|port| !port.hidden) {
            let source = port.queue_of(ROLE);
            let target = format!("test.{}", port.id);
            for (name, direction) in [(&source, Direction::Out), (&target, Direction::In)] {
                let queue = Queue::new(name, direction);
                transport.declare(&queue).await?;
            }
            network.bind(&source, &target).await?;
            outputs.push((port.id.clone(), transport.consume(&target, 1).await?));
        }
        let handle = network.start_with(ROLE, participant, settings).await?;
        let mut dead_letters = Vec::new();
        for port in &handle.definition().inports {
            let dead = transport.dead_letter_queue(port.queue.as_deref().unwrap_or_default());
            dead_letters.push((port.id.clone(), transport.consume(&dead, 1).await?));
        }
        Ok(Self { network, handle, outputs, dead_letters })
    }

    /// Sends to an inport.
    ///
    /// # Errors
    /// If there is no such inport, or the value cannot be written in its format.
    pub async fn send<T: Encode>(&self, inport: &str, value: T) -> Result<()> {
        self.network.send(&self.queue(inport)?, value).await
    }

    /// The next value that the participant sends on an outport.
    ///
    /// # Errors
    /// If there is no such outport, nothing comes within 10 seconds, or it cannot be read as `T`.
    pub async fn receive<T: Decode>(&mut self, outport: &str) -> Result<T> {
        next("outport", outport, &mut self.outputs).await
    }

    /// The next message that the participant rejected on an inport.
    ///
    /// # Errors
    /// If there is no such inport, nothing comes within 10 seconds, or it cannot be read as `T`.
    pub async fn rejected<T: Decode>(&mut self, inport: &str) -> Result<T> {
        next("inport", inport, &mut self.dead_letters).await
    }

    /// Sends a message with more than its payload to an inport: headers, an identifier, …
    ///
    /// # Errors
    /// If there is no such inport.
    pub async fn send_message(&self, inport: &str, message: Message) -> Result<()> {
        let queue = self.queue(inport)?;
        self.network.transport().publish(Target::Inport(&queue), message).await
    }

    /// Returns when everything that was sent to the participant has been processed: nothing waits, and
    /// nothing is in flight. What waits for another attempt does not count.
    ///
    /// # Errors
    /// If that is not so within 10 seconds.
    pub async fn processed(&self) -> Result<()> {
        let transport = self.network.transport();
        let idle = async {
            for port in &self.definition().inports {
                let queue = port.queue.as_deref().unwrap_or_default();
                loop {
                    let statistics = transport.statistics(queue).await?;
                    if statistics.waiting == 0 && statistics.unsettled == Some(0) {
                        break;
                    }
                    sleep(LOOK).await;
                }
            }
            Ok(())
        };
        timeout(PATIENCE, idle).await.unwrap_or_else(|_| {
            let seconds = PATIENCE.as_secs();
            Err(Error::message(format!("not everything was processed within {seconds} s")))
        })
    }

    fn queue(&self, inport: &str) -> Result<String> {
        let ports = &self.definition().inports;
        match ports.iter().find(|port| port.id == inport) {
            Some(port) => Ok(port.queue.clone().unwrap_or_default()),
            None => Err(unknown("inport", inport, ports.iter().map(|port| port.id.as_str()))),
        }
    }

    /// The participant, to look at its state or use its outports.
    pub fn participant(&self) -> &P {
        &self.handle
    }

    /// What the participant announces.
    pub fn definition(&self) -> &Definition {
        self.handle.definition()
    }

    /// Stops the participant after it has finished what is in flight.
    ///
    /// # Errors
    /// None so far.
    pub async fn shutdown(self) -> Result<()> {
        self.network.shutdown().await
    }
}

const ROLE: &str = "test";

async fn next<T: Decode>(what: &str, id: &str, streams: &mut [(String, Deliveries)]) -> Result<T> {
    let Some(index) = streams.iter().position(|(port, _)| port == id) else {
        return Err(unknown(what, id, streams.iter().map(|(port, _)| port.as_str())));
    };
    let nothing = || {
        let seconds = PATIENCE.as_secs();
        Error::message(format!("nothing came from {what} `{id}` within {seconds} s"))
    };
    let received = timeout(PATIENCE, streams[index].1.next()).await.map_err(|_| nothing())?;
    let mut delivery = received.ok_or_else(nothing)??;
    let message = std::mem::take(&mut delivery.message);
    delivery.acknowledge();
    payload::decode(message)
}

fn unknown<'a>(what: &str, id: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<_> = known.map(|id| format!("`{id}`")).collect();
    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
    Error::invalid(format!("no {what} `{id}`: the participant has {known}"))
}
