//! What MQTT 5 has and 3.1.1 has not.

use msgflo::transport::{Queue, Target};
use msgflo::{ErrorKind, Message, Network};
use msgflo_test_broker::{Mosquitto, RabbitMq, free_port};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::{PATIENCE, edge, inport, next, peer, refusal, round_trip, send, text};

fn url(broker: &Mosquitto) -> String {
    format!("{}?version=5", broker.url())
}

async fn publish(network: &Network, target: Target<'_>, message: &Message) {
    let published = network.transport().publish(target, message.clone());
    timeout(PATIENCE, published).await.expect("the broker takes it").unwrap();
}

#[tokio::test]
async fn content_type_and_id_travel_along_an_edge_and_to_the_dead_letters() {
    let broker = Mosquitto::start().unwrap();
    let network = msgflo::connect(&url(&broker)).await.unwrap();
    let transport = network.transport();
    transport.declare(&inport("in")).await.unwrap();
    let outport = Queue::outport("out");
    transport.declare(&outport).await.unwrap();
    transport.bind(&edge("out", "in")).await.unwrap();
    let messages = [
        Message::new("{}").with_content_type("application/json").with_id("number 1"),
        Message::new("plain").with_content_type("text/plain"),
        Message::new("marked").with_id("number 3"),
        Message::new("bare"),
    ];
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    let mut dead = transport.consume(&transport.dead_letter_queue("in"), 1).await.unwrap();
    for message in &messages {
        publish(&network, Target::Outport("out"), message).await;
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.message, *message);
        delivery.reject();
        let delivery = next(&mut dead).await;
        assert_eq!(delivery.message, *message);
        delivery.acknowledge();
    }
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn both_versions_understand_each_other() {
    let broker = Mosquitto::start().unwrap();
    let old = msgflo::connect(&broker.url()).await.unwrap();
    let new = msgflo::connect(&url(&broker)).await.unwrap();
    let message = Message::new("{}").with_content_type("application/json").with_id("1");
    let payload = Message::new("{}");
    for (sender, receiver, queue) in [(&old, &new, "in new"), (&new, &old, "in old")] {
        receiver.transport().declare(&inport(queue)).await.unwrap();
        sender.transport().bind(&edge("out", queue)).await.unwrap();
        let mut deliveries = receiver.transport().consume(queue, 1).await.unwrap();
        publish(sender, Target::Inport(queue), &message).await;
        publish(sender, Target::Outport("out"), &message).await;
        for _ in 0..2 {
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.message, payload);
            delivery.acknowledge();
        }
        sender.transport().unbind(&edge("out", queue)).await.unwrap();
    }
    // A seat that one of them has filled, the other empties.
    for (left, next_one) in [(&old, &new), (&new, &old)] {
        left.transport().declare(&inport("shared")).await.unwrap();
        let mut deliveries = left.transport().consume("shared", 1).await.unwrap();
        send(left, "shared", "1").await;
        send(left, "shared", "2").await;
        let held = next(&mut deliveries).await;
        drop(deliveries);
        drop(held);
        let mut deliveries = next_one.transport().consume("shared", 2).await.unwrap();
        let mut seen = vec![];
        for _ in 0..2 {
            let delivery = next(&mut deliveries).await;
            seen.push(text(&delivery).to_owned());
            delivery.acknowledge();
        }
        seen.sort();
        assert_eq!(seen, ["1", "2"]);
    }
    // And with a program that speaks 3.1.1 and nothing else.
    let (client, mut received) = peer(&broker, "peer", "theirs").await;
    publish(&new, Target::Inport("theirs"), &message).await;
    assert_eq!(timeout(PATIENCE, received.recv()).await.unwrap().unwrap(), "{}");
    new.transport().declare(&inport("ours")).await.unwrap();
    let mut deliveries = new.transport().consume("ours", 1).await.unwrap();
    client.publish("ours", rumqttc::QoS::AtMostOnce, false, "{}").await.unwrap();
    assert_eq!(next(&mut deliveries).await.message, payload);
    old.shutdown().await.unwrap();
    new.shutdown().await.unwrap();
}

#[tokio::test]
async fn others_read_and_write_content_type_and_id() {
    let broker = Mosquitto::start().unwrap();
    let network = msgflo::connect(&url(&broker)).await.unwrap();
    network.transport().declare(&inport("ours")).await.unwrap();
    let mut deliveries = network.transport().consume("ours", 1).await.unwrap();
    let mut options = MqttOptions::new("peer", "127.0.0.1", broker.port());
    options.set_credentials("guest", "guest");
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("theirs", QoS::AtLeastOnce).await.unwrap();
    let properties = PublishProperties {
        content_type: Some("text/plain".into()),
        user_properties: vec![
            ("colour".into(), "red".into()),
            ("msgflo-id".into(), "number 1".into()),
        ],
        ..Default::default()
    };
    let sent = client.publish_with_properties("ours", QoS::AtLeastOnce, false, "hi", properties);
    sent.await.unwrap();
    let (subscribed, is_subscribed) = tokio::sync::oneshot::channel();
    let peer = tokio::spawn(async move {
        let mut subscribed = Some(subscribed);
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => {
                    subscribed.take().map(|subscribed| subscribed.send(()));
                }
                Event::Incoming(Packet::Publish(publish)) => return publish.properties.unwrap(),
                _ => {}
            }
        }
    });
    let message = Message::new("hi").with_content_type("text/plain").with_id("number 1");
    let arrived = message.clone().with_header("colour", "red");
    assert_eq!(next(&mut deliveries).await.message, arrived);

    timeout(PATIENCE, is_subscribed).await.unwrap().unwrap();
    publish(&network, Target::Inport("theirs"), &message).await;
    let received = timeout(PATIENCE, peer).await.unwrap().unwrap();
    assert_eq!(received.content_type.as_deref(), Some("text/plain"));
    assert_eq!(received.user_properties, [("msgflo-id".into(), "number 1".into())]);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_lacks_what_is_needed_is_told_at_once() {
    let broker = Mosquitto::with_config("retain_available false").unwrap();
    let refused = refusal(&url(&broker)).await;
    assert!(refused.contains("it retains no messages"), "{refused}");
}

#[tokio::test]
async fn a_forbidden_topic_is_an_error_at_once() {
    let broker = Mosquitto::with_access(
        &["app"],
        "user app\ntopic readwrite app/#\ntopic readwrite msgflo/#\ntopic read theirs\n",
    )
    .unwrap();
    for qos in [1, 2] {
        let port = broker.port();
        let url = format!("mqtt://app:guest@127.0.0.1:{port}?version=5&qos={qos}");
        let network = msgflo::connect(&url).await.unwrap();
        for number in 0..3 {
            let message = Message::new(number.to_string());
            let sent = network.transport().publish(Target::Inport("theirs"), message);
            let error = timeout(PATIENCE, sent).await.expect("an answer").unwrap_err();
            assert!(
                matches!(error.kind(), Some(ErrorKind::Send { queue, .. }) if queue == "theirs")
            );
            assert!(error.to_string().contains("acl_file"), "{error}");
        }
        round_trip(&network, "app/in").await;
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_longer_than_the_broker_takes_is_not_sent() {
    let broker = Mosquitto::with_config("max_packet_size 1000").unwrap();
    let network = msgflo::connect(&url(&broker)).await.unwrap();
    // The payload alone would fit.
    let long = Message::new(vec![0; 900]).with_content_type("x".repeat(100));
    let strange = Message::new("x").with_content_type("text/plain\n");
    for (message, told) in [(long, "max_packet_size"), (strange, "content type")] {
        let sent = network.transport().publish(Target::Inport("in"), message);
        let error = timeout(PATIENCE, sent).await.expect("an end").unwrap_err();
        assert!(matches!(error.kind(), Some(ErrorKind::Send { queue, .. }) if queue == "in"));
        assert!(error.to_string().contains(told), "{error}");
    }
    round_trip(&network, "in").await;
    assert_eq!(network.transport().connection().borrow().reconnections, 0);
    network.shutdown().await.unwrap();
}

#[test]
fn the_broker_sends_no_more_than_is_asked_for() {
    let broker = Mosquitto::start().unwrap();
    let (worker, dying) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let held = dying.block_on(async {
        let network = msgflo::connect(&url(&broker)).await.unwrap();
        network.transport().declare(&inport("in")).await.unwrap();
        let mut deliveries = network.transport().consume("in", 2).await.unwrap();
        for number in 0..30 {
            send(&network, "in", &number.to_string()).await;
        }
        (next(&mut deliveries).await, next(&mut deliveries).await, deliveries, network)
    });
    // Cuts its connections, as the end of its process would.
    dying.shutdown_background();
    worker.block_on(async {
        let network = msgflo::connect(&url(&broker)).await.unwrap();
        let mut deliveries = network.transport().consume("in", 5).await.unwrap();
        let mut again = vec![];
        for _ in 0..30 {
            let delivery = next(&mut deliveries).await;
            if delivery.redelivered {
                again.push(text(&delivery).to_owned());
            }
            delivery.acknowledge();
        }
        // What it had not been sent, comes for the first time: it was sent what it processes, and 20 more,
        // in the place of which others may wait for their next attempt.
        assert_eq!(again, (0..22).map(|number| number.to_string()).collect::<Vec<_>>());
        network.shutdown().await.unwrap();
    });
    drop(held);
}

#[tokio::test]
async fn a_broker_that_does_not_speak_it_is_told_at_once() {
    let mut broker = RabbitMq::start().unwrap();
    let port = free_port().unwrap();
    let (plugins, config) = ("enabled_plugins", "rabbitmq.conf");
    let [plugins, config] = [plugins, config].map(|name| broker.folder().join(name));
    std::fs::write(plugins, "[rabbitmq_mqtt].\n").unwrap();
    let lines = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, format!("{lines}mqtt.listeners.tcp.1 = 127.0.0.1:{port}\n")).unwrap();
    broker.restart().unwrap();
    let told = refusal(&format!("mqtt://guest:guest@127.0.0.1:{port}?version=5")).await;
    // From 3.13 on it does, but lacks something else.
    assert!(told.contains("`version=3`") || told.contains("no shared subscriptions"), "{told}");
}
