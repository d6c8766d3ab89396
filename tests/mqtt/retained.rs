//! Messages that the broker retains: what docs/network.md says of them.

use rumqttc::QoS;

use super::*;

#[tokio::test]
async fn an_inport_gets_retained_messages_and_an_outport_retains_none() {
    let broker = Mosquitto::start().unwrap();
    for version in [3, 5] {
        let topic = |name: &str| format!("office/{version}/{name}");
        let url = format!("{}?version={version}", broker.url());
        let network = msgflo::connect(&url).await.unwrap();
        let id = |name: &str| format!("{name}-{version}");
        let (client, mut everything) = peer(&broker, &id("everything"), &topic("#")).await;
        let mut seen = async || timeout(PATIENCE, everything.recv()).await.unwrap().unwrap();
        let state = topic("state");
        client.publish(&state, QoS::AtLeastOnce, true, "before").await.unwrap();
        assert_eq!(seen().await, "before");

        network.transport().declare(&inport(&state)).await.unwrap();
        let mut deliveries = network.transport().consume(&state, 1).await.unwrap();
        client.publish(&state, QoS::AtLeastOnce, true, "after").await.unwrap();
        assert_eq!(seen().await, "after");
        loop {
            let delivery = next(&mut deliveries).await;
            let last = text(&delivery) == "after";
            // Mosquitto sends it whenever somebody subscribes, and other brokers do not.
            assert!(last || text(&delivery) == "before");
            delivery.acknowledge();
            if last {
                break;
            }
        }

        let out = topic("out");
        let publish = async |text: &'static str| {
            network.transport().publish(Target::Outport(&out), Message::new(text)).await.unwrap();
        };
        publish("first").await;
        assert_eq!(seen().await, "first");
        let (_client, mut late) = peer(&broker, &id("late"), &out).await;
        publish("second").await;
        assert_eq!(timeout(PATIENCE, late.recv()).await.unwrap().unwrap(), "second");
        network.shutdown().await.unwrap();
    }
}
