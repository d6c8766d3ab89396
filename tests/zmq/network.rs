//! A hub on a free port, and what tests do on it.

use std::time::Duration;

use msgflo::transport::{Deliveries, Delivery, Direction, Edge, Queue, Target};
use msgflo::{Message, Network};
use msgflo_test_broker::free_port;
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn url(settings: &str) -> String {
    format!("zmq://127.0.0.1:{}?{settings}", free_port().unwrap())
}

pub async fn declare(network: &Network, queue: &str, direction: Direction) {
    let queue = Queue::new(queue, direction);
    within("declare", network.transport().declare(&queue)).await.unwrap();
}

/// A queue at the end of an outport.
pub async fn collect(network: &Network, outport: &str, queue: &str) -> Deliveries {
    declare(network, outport, Direction::Out).await;
    declare(network, queue, Direction::In).await;
    let edge = Edge { source: outport.into(), target: queue.into() };
    within("bind", network.transport().bind(&edge)).await.unwrap();
    within("consume", network.transport().consume(queue, 100)).await.unwrap()
}

pub async fn send(network: &Network, queue: &str, payload: &str) {
    let message = Message::new(payload.to_owned());
    let publish = network.transport().publish(Target::Inport(queue), message);
    within("publish", publish).await.unwrap();
}

pub async fn receive(deliveries: &mut Deliveries) -> Delivery {
    within("a delivery", deliveries.next()).await.expect("the stream ended").unwrap()
}

pub async fn expect(deliveries: &mut Deliveries, payload: &str) {
    let delivery = receive(deliveries).await;
    assert_eq!(delivery.message.payload, payload);
    delivery.acknowledge();
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}
