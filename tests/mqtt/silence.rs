//! A broker that neither answers nor closes its connections, as behind a line that is cut.

use msgflo::transport::Connection;
use msgflo_test_broker::Mosquitto;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::{PATIENCE, inport, next, send, text};

async fn wait_for(connection: &mut watch::Receiver<Connection>, connected: bool) {
    let found = connection.wait_for(|now| now.connected == connected);
    timeout(PATIENCE, found).await.expect("the connection changes").unwrap();
}

async fn is_noticed(settings: &str) {
    let broker = Mosquitto::start().unwrap();
    let url = format!("{}?connection_timeout=2000&{settings}", broker.url());
    let network = msgflo::connect(&url).await.unwrap();
    let transport = network.transport();
    transport.declare(&inport("in")).await.unwrap();
    let mut deliveries = transport.consume("in", 10).await.unwrap();
    send(&network, "in", "before").await;
    let delivery = next(&mut deliveries).await;
    assert_eq!(text(&delivery), "before");
    delivery.acknowledge();

    let mut connection = transport.connection();
    broker.pause().unwrap();
    let return_of_the_broker = async {
        wait_for(&mut connection, false).await;
        broker.resume().unwrap();
        wait_for(&mut connection, true).await;
    };
    // More than is on its way at once: not even a ping gets out behind it.
    let meanwhile = format!("meanwhile{}", " ".repeat(16 << 20));
    tokio::join!(send(&network, "in", &meanwhile), return_of_the_broker);
    send(&network, "in", "after").await;
    // The broker may have got it, and then once more: at least once.
    let mut seen = vec![];
    while !seen.iter().any(|seen| seen == "after") || !seen.iter().any(|seen| seen == "meanwhile") {
        let delivery = next(&mut deliveries).await;
        seen.push(text(&delivery).trim_end().to_owned());
        delivery.acknowledge();
    }
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_silent_broker_is_noticed_and_nothing_is_lost() {
    is_noticed("keep_alive=1").await;
}

#[tokio::test]
async fn a_silent_broker_is_noticed_by_version_5() {
    is_noticed("keep_alive=5&version=5").await;
}
