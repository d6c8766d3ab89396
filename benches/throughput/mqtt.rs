//! MQTT: `repeat` beside loops by hand on rumqttc, each on a Mosquitto of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Error;
use anyhow::Result;
use msgflo::transport::Queue;
use msgflo_test_broker::Mosquitto;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS};
use tokio::sync::Semaphore;

use super::{Contender, compare, fill, per_second, repeat};

const MESSAGES: usize = 60_000;

/// Mosquitto sends so many messages before the first is acknowledged, 20 by default, whatever a
/// client can take. Nothing is saved until the end, while tests want that with every message.
const CONFIG: &str = "max_inflight_messages 1000\nautosave_on_changes false\nautosave_interval 0";

pub async fn measure() -> Result<()> {
    let tuned = "a connection for receiving and one for publishing, each in its own task";
    compare("MQTT with Mosquitto", MESSAGES, "rumqttc", tuned, rate).await
}

async fn rate(contender: Contender, concurrency: u16) -> Result<f64> {
    let broker = Mosquitto::with_config(CONFIG)?;
    let port = broker.port();
    let network = msgflo::connect(&broker.url()).await?;
    keep("sink", "repeat.OUT", port).await?;
    match contender {
        Contender::Msgflo => {
            let name = "repeat.IN";
            let queue = Queue::inport(name);
            network.transport().declare(&queue).await?;
        }
        Contender::PlainLoop | Contender::TunedLoop => keep("by hand", "repeat.IN", port).await?,
    }
    fill(&network, MESSAGES).await?;

    let msgflo = network.clone();
    let rate = per_second(MESSAGES, async move {
        match contender {
            Contender::Msgflo => repeat(msgflo, MESSAGES, concurrency).await,
            Contender::PlainLoop => plain_loop(port, concurrency.into()).await,
            Contender::TunedLoop => tuned_loop(port, concurrency.into()).await,
        }
    })
    .await?;
    network.shutdown().await?;
    let (client, mut events) = connect("sink", port);
    let mut arrived = 0;
    while arrived < MESSAGES {
        if let Event::Incoming(Packet::Publish(publish)) = poll(&mut events).await? {
            client.try_ack(&publish)?;
            arrived += 1;
        }
    }
    Ok(rate)
}

fn connect(client_id: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
    options
        .set_credentials("guest", "guest")
        .set_keep_alive(Duration::from_secs(30))
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_inflight(1000);
    // Whoever polls the event loop also sends, and must never wait for room; and while there is
    // something to be read, few acknowledgements go out.
    let (client, mut events) = AsyncClient::new(options, 3 * MESSAGES);
    events.network_options.set_tcp_nodelay(true);
    (client, events)
}

async fn poll(events: &mut EventLoop) -> Result<Event> {
    events.poll().await.map_err(Error::from)
}

/// Has the broker keep the messages of a topic for a client.
async fn keep(client_id: &str, topic: &str, port: u16) -> Result<()> {
    let (client, mut events) = connect(client_id, port);
    client.try_subscribe(topic, QoS::AtLeastOnce)?;
    while !matches!(poll(&mut events).await?, Event::Incoming(Packet::SubAck(_))) {}
    disconnect(&client, &mut events).await
}

async fn disconnect(client: &AsyncClient, events: &mut EventLoop) -> Result<()> {
    client.try_disconnect()?;
    while !matches!(poll(events).await?, Event::Outgoing(Outgoing::Disconnect)) {}
    Ok(())
}

/// Messages on their way out. Packet identifiers are known when they are sent, in order.
#[derive(Default)]
struct Sending {
    unsent: VecDeque<Publish>,
    sent: HashMap<u16, Publish>,
}

impl Sending {
    fn publish(&mut self, client: &AsyncClient, received: Publish) -> Result<()> {
        let payload = received.payload.clone();
        self.unsent.push_back(received);
        client.try_publish("repeat.OUT", QoS::AtLeastOnce, false, payload)?;
        Ok(())
    }

    /// Gives what is confirmed with this event.
    fn note(&mut self, event: &Event) -> Option<Publish> {
        match event {
            Event::Outgoing(Outgoing::Publish(packet)) => {
                self.sent.extend(self.unsent.pop_front().map(|publish| (*packet, publish)));
                None
            }
            Event::Incoming(Packet::PubAck(answer)) => self.sent.remove(&answer.pkid),
            _ => None,
        }
    }

    fn in_flight(&self) -> usize {
        self.unsent.len() + self.sent.len()
    }
}

/// One connection for everything.
async fn plain_loop(port: u16, concurrency: usize) -> Result<()> {
    let (client, mut events) = connect("by hand", port);
    let mut waiting = VecDeque::new();
    let mut sending = Sending::default();
    let mut acknowledged = 0;
    while acknowledged < MESSAGES {
        let event = poll(&mut events).await?;
        if let Some(confirmed) = sending.note(&event) {
            client.try_ack(&confirmed)?;
            acknowledged += 1;
        } else if let Event::Incoming(Packet::Publish(received)) = event {
            waiting.push_back(received);
        }
        while sending.in_flight() < concurrency
            && let Some(received) = waiting.pop_front()
        {
            sending.publish(&client, received)?;
        }
    }
    disconnect(&client, &mut events).await
}

/// One connection for receiving and one for publishing, side by side.
async fn tuned_loop(port: u16, concurrency: usize) -> Result<()> {
    let (receiver, mut receiving) = connect("by hand", port);
    let (publisher, mut publishing) = connect("publisher", port);
    let sending = Mutex::new(Sending::default());
    let room = Semaphore::new(concurrency);
    let receive = async {
        loop {
            match poll(&mut receiving).await? {
                Event::Incoming(Packet::Publish(received)) => {
                    room.acquire().await?.forget();
                    lock(&sending).publish(&publisher, received)?;
                }
                Event::Outgoing(Outgoing::Disconnect) => return Ok::<_, Error>(()),
                _ => {}
            }
        }
    };
    let publish = async {
        let mut acknowledged = 0;
        while acknowledged < MESSAGES {
            let event = poll(&mut publishing).await?;
            let confirmed = lock(&sending).note(&event);
            if let Some(confirmed) = confirmed {
                receiver.try_ack(&confirmed)?;
                room.add_permits(1);
                acknowledged += 1;
            }
        }
        receiver.try_disconnect()?;
        disconnect(&publisher, &mut publishing).await
    };
    tokio::try_join!(receive, publish).map(drop)
}

fn lock(sending: &Mutex<Sending>) -> std::sync::MutexGuard<'_, Sending> {
    sending.lock().expect("nobody panics with it")
}
