//! A method that holds the only thread of its program loses no connection.

use std::time::Duration;

use msgflo::transport::{Deliveries, Target};
use msgflo::{Context, Inport, Message, Outport, Participant};
use msgflo_test_broker::RabbitMq;

use crate::{PATIENCE, inport};

/// Sleep for so many seconds, and tell whether the message came before
#[derive(Participant, Default)]
struct Sleep {
    #[inport(process = sleep)]
    r#in: Inport<String>,
    #[outport]
    out: Outport<String>,
}

impl Sleep {
    async fn sleep(&self, seconds: String, context: Context) -> msgflo::Result<()> {
        std::thread::sleep(Duration::from_secs(seconds.parse().unwrap()));
        self.out.send(format!("{seconds} {}", context.redelivered())).await
    }
}

async fn expect(deliveries: &mut Deliveries, text: &str) {
    let delivery = tokio::time::timeout(PATIENCE, deliveries.next()).await.expect("an output");
    let delivery = delivery.unwrap().unwrap();
    assert_eq!(delivery.message.payload, text);
    delivery.acknowledge();
}

/// RabbitMQ gives up a connection that is silent for two heartbeats.
#[tokio::test(flavor = "current_thread")]
async fn on_the_only_thread() {
    let broker = RabbitMq::start().unwrap();
    let network = msgflo::connect(&format!("{}?heartbeat=1", broker.url())).await.unwrap();
    let (transport, connection) = (network.transport(), network.transport().connection());
    network.start("sleep", Sleep::default()).await.unwrap();
    transport.declare(&inport("end")).await.unwrap();
    network.bind("sleep.OUT", "end").await.unwrap();
    let mut outputs = transport.consume("end", 10).await.unwrap();
    for seconds in ["0", "0", "8", "0"] {
        transport.publish(Target::Inport("sleep.IN"), Message::new(seconds)).await.unwrap();
    }
    for seconds in ["0", "0", "8", "0"] {
        expect(&mut outputs, &format!("{seconds} false")).await;
    }
    assert_eq!(connection.borrow().reconnections, 0);
    network.shutdown().await.unwrap();
}
