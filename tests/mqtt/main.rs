//! What only MQTT brokers have: users and their topics, TLS, packets' sizes, routers, seats,
//! versions, and peers that speak nothing but MQTT.

mod absence;
mod attempts;
mod blocking;
mod retained;
mod silence;
mod version5;

use std::collections::BTreeMap;
use std::time::Duration;

use msgflo::transport::{Deliveries, Delivery, Direction, Edge, Queue, Target};
use msgflo::{Error, ErrorKind, Inport, Message, Network, Outport, Participant, Settings};
use msgflo_test_broker::Mosquitto;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

fn inport(name: &str) -> Queue {
    Queue::inport(name)
}

fn edge(source: &str, target: &str) -> Edge {
    Edge { source: source.into(), target: target.into() }
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    timeout(PATIENCE, deliveries.next()).await.expect("a delivery").unwrap().unwrap()
}

fn text(delivery: &Delivery) -> &str {
    std::str::from_utf8(&delivery.message.payload).unwrap()
}

async fn send(network: &Network, queue: &str, text: &str) {
    let sent = network.transport().publish(Target::Inport(queue), Message::new(text.to_owned()));
    timeout(PATIENCE, sent).await.expect("the broker takes it").unwrap();
}

/// Sends a message to a queue of its own and receives it.
async fn round_trip(network: &Network, queue: &str) {
    network.transport().declare(&inport(queue)).await.unwrap();
    send(network, queue, "hello").await;
    let mut deliveries = network.transport().consume(queue, 1).await.unwrap();
    let delivery = next(&mut deliveries).await;
    assert_eq!(text(&delivery), "hello");
    delivery.acknowledge();
}

/// The error of a connection that is refused; well before the time is up.
async fn refusal(url: &str) -> String {
    let error = timeout(PATIENCE, msgflo::connect_within(url, PATIENCE * 10))
        .await
        .expect("a refusal is told at once")
        .err()
        .expect("the connection is refused");
    assert!(matches!(error.kind(), Some(ErrorKind::Refused { .. })), "{error}");
    error.to_string()
}

/// A program that speaks MQTT, and nothing else: what it receives, and how it sends.
async fn peer(
    broker: &Mosquitto,
    id: &str,
    topic: &str,
) -> (AsyncClient, mpsc::UnboundedReceiver<String>) {
    let mut options = MqttOptions::new(id, "127.0.0.1", broker.port());
    options.set_credentials("guest", "guest");
    let (client, mut events) = AsyncClient::new(options, 1000);
    client.subscribe(topic, QoS::AtMostOnce).await.unwrap();
    let (sender, received) = mpsc::unbounded_channel();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let mut ready = Some(ready);
    tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Packet::SubAck(_)) => {
                    ready.take().map(|ready| ready.send(()));
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                    let _ = sender.send(text);
                }
                _ => {}
            }
        }
    });
    timeout(PATIENCE, is_ready).await.unwrap().unwrap();
    (client, received)
}

#[tokio::test]
async fn users_are_refused_at_once_and_passwords_are_not_told() {
    let broker = Mosquitto::start().unwrap();
    for version in [3, 5] {
        let at = |user| format!("mqtt://{user}127.0.0.1:{}?version={version}", broker.port());
        let refused = refusal(&at("guest:wr0ng@")).await;
        assert!(refused.contains("user or password is wrong"), "{refused}");
        assert!(!refused.contains("wr0ng"), "{refused}");
        let anonymous = refusal(&at("")).await;
        assert!(anonymous.contains("user or password"), "{anonymous}");
    }

    let nobody = "mqtt://guest:secret@127.0.0.1:1";
    let error = msgflo::connect_within(nobody, Duration::from_millis(300)).await.err().unwrap();
    assert!(matches!(error.kind(), Some(ErrorKind::Unreachable { .. })), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_user_needs_the_topics_of_msgflo_itself() {
    let broker = Mosquitto::with_access(
        &["narrow", "wide"],
        "user narrow\ntopic readwrite app/#\n\
         user wide\ntopic readwrite app/#\ntopic readwrite msgflo/#\n",
    )
    .unwrap();
    for version in [3, 5] {
        let at = |user: &str| {
            let port = broker.port();
            format!(
                "mqtt://{user}:guest@127.0.0.1:{port}?connection_timeout=3000&version={version}"
            )
        };
        let refused = refusal(&at("narrow")).await;
        assert!(refused.contains("topics msgflo/#"), "{refused}");
        let network = msgflo::connect(&at("wide")).await.unwrap();
        round_trip(&network, &format!("app/in{version}")).await;
        network.shutdown().await.unwrap();
    }
}

/// Pass on what comes in
#[derive(Participant, Default)]
#[participant(component = "test/Repeat")]
struct Repeat {
    #[inport(process = repeat, queue = "app/in")]
    r#in: Inport<String>,
    #[outport(queue = "app/out")]
    out: Outport<String>,
}

impl Repeat {
    async fn repeat(&self, text: String) -> msgflo::Result<()> {
        self.out.send(text).await
    }
}

#[tokio::test]
async fn who_may_not_tell_of_its_work_does_it_all_the_same() {
    let access = "user app\ntopic readwrite app/#\ntopic readwrite msgflo/#\ntopic readwrite fbp\n";
    let broker = Mosquitto::with_access(&["app"], access).unwrap();
    for version in [3, 5] {
        let port = broker.port();
        let url = format!("mqtt://app:guest@127.0.0.1:{port}?version={version}");
        let network = msgflo::connect(&url).await.unwrap();
        let often =
            Settings { statistics_period: Duration::from_millis(100), ..Settings::default() };
        network.start_with("repeat", Repeat::default(), often).await.unwrap();
        let mut copies = network.transport().tap("app/out", Direction::Out).await.unwrap();
        for number in 0..100 {
            send(&network, "app/in", &number.to_string()).await;
            let copy = timeout(PATIENCE, copies.next()).await.expect("a copy").unwrap().unwrap();
            assert_eq!(copy.payload, number.to_string());
        }
        assert_eq!(network.transport().connection().borrow().reconnections, 0);
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn tls_trusts_the_authority_that_the_url_names_and_no_other() {
    let broker = Mosquitto::with_tls().unwrap();
    let url = format!("{}?ca_certs={}", broker.tls_url(), broker.ca_file().display());
    let network = msgflo::connect(&url).await.unwrap();
    round_trip(&network, "secret").await;
    network.shutdown().await.unwrap();

    let refused = refusal(&broker.tls_url()).await;
    assert!(refused.contains("certificate") && refused.contains("ca_certs"), "{refused}");
}

#[tokio::test]
async fn a_broker_can_ask_for_the_certificate_of_a_client() {
    let broker = Mosquitto::with_client_certificates().unwrap();
    for version in [3, 5] {
        let (url, ca) = (broker.tls_url(), broker.ca_file().display());
        let without = format!("{url}?ca_certs={ca}&version={version}");
        let refused = refusal(&without).await;
        assert!(refused.contains("certfile"), "{refused}");
        let (certificate, key) = (broker.client_certificate(), broker.client_key());
        let with =
            format!("{without}&certfile={}&keyfile={}", certificate.display(), key.display());
        let network = msgflo::connect(&with).await.unwrap();
        round_trip(&network, &format!("secret{version}")).await;
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_topic_or_too_long_is_a_clear_error_and_harms_nothing() {
    fn assert_queue(error: Error, queue: &str, told: &str) {
        assert!(
            matches!(error.kind(), Some(ErrorKind::Queue { queue: named, .. }) if named == queue)
        );
        assert!(error.to_string().contains(told), "{error}");
    }
    let broker = Mosquitto::start().unwrap();
    let url = format!("{}?max_packet=1000", broker.url());
    let network = msgflo::connect(&url).await.unwrap();
    let transport = network.transport();
    for (queue, told) in [("all/#", "wildcard"), ("a/+", "wildcard"), ("", "empty")] {
        assert_queue(transport.declare(&inport(queue)).await.unwrap_err(), queue, told);
        assert_queue(transport.consume(queue, 1).await.err().unwrap(), queue, told);
        let sent = transport.publish(Target::Outport(queue), Message::new("x")).await;
        assert_queue(sent.unwrap_err(), queue, told);
        assert_queue(transport.bind(&edge(queue, "in")).await.unwrap_err(), queue, told);
    }
    let long = Message::new(vec![0; 1000]);
    let error = transport.publish(Target::Inport("in"), long).await.unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Send { queue, .. }) if queue == "in"));
    assert!(error.to_string().contains("max_packet"), "{error}");
    round_trip(&network, "a/topic with ünïcödé").await;
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_message_that_the_broker_does_not_take_is_given_up() {
    for (config, version) in [("max_packet_size 1000", 3), ("message_size_limit 1000", 5)] {
        let broker = Mosquitto::with_config(config).unwrap();
        let url = format!("{}?version={version}", broker.url());
        let network = msgflo::connect(&url).await.unwrap();
        let long = Message::new(vec![0; 2000]);
        let sent = network.transport().publish(Target::Inport("in"), long);
        let error = timeout(PATIENCE, sent).await.expect("an end").unwrap_err();
        assert!(error.to_string().contains("max_packet_size, message_size_limit"), "{error}");
        round_trip(&network, "in").await;
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn edges_wait_for_a_router_and_two_routers_forward_once() {
    let broker = Mosquitto::start().unwrap();
    let maker = msgflo::connect(&broker.url()).await.unwrap();
    maker.transport().bind(&edge("peer/out", "peer/in")).await.unwrap();
    maker.shutdown().await.unwrap();

    // Nobody routes, and neither end is a participant of ours.
    let (sender, _) = peer(&broker, "sender", "nothing").await;
    let (_receiver, mut received) = peer(&broker, "receiver", "peer/in").await;
    for number in 0..20 {
        let payload = number.to_string();
        sender.publish("peer/out", QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    let routing = format!("{}?router=all", broker.url());
    let first = msgflo::connect(&routing).await.unwrap();
    let second = msgflo::connect(&routing).await.unwrap();
    second.transport().bind(&edge("peer/out", "peer/in")).await.unwrap();
    expect(&mut received, 0..20).await;
    // One goes, and the other goes on.
    first.shutdown().await.unwrap();
    for number in 20..40 {
        let payload = number.to_string();
        sender.publish("peer/out", QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    expect(&mut received, 20..40).await;
    second.transport().unbind(&edge("peer/out", "peer/in")).await.unwrap();
    sender.publish("peer/out", QoS::AtLeastOnce, false, "unbound").await.unwrap();
    sender.publish("peer/in", QoS::AtLeastOnce, false, "end").await.unwrap();
    assert_eq!(timeout(PATIENCE, received.recv()).await.unwrap().unwrap(), "end");
    second.shutdown().await.unwrap();
}

/// Each once, in order.
async fn expect(received: &mut mpsc::UnboundedReceiver<String>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let text = timeout(PATIENCE, received.recv()).await.expect("a message").unwrap();
        assert_eq!(text, number.to_string());
    }
}

#[test]
fn what_a_dead_worker_had_another_gets_that_is_at_work() {
    let broker = Mosquitto::start().unwrap();
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (worker, dying) = (runtime(), runtime());
    let (network, mut deliveries) = worker.block_on(async {
        let network = msgflo::connect(&broker.url()).await.unwrap();
        network.transport().declare(&inport("in")).await.unwrap();
        let deliveries = network.transport().consume("in", 10).await.unwrap();
        (network, deliveries)
    });
    let held = dying.block_on(async {
        let network = msgflo::connect(&broker.url()).await.unwrap();
        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        for number in 0..20 {
            send(&network, "in", &number.to_string()).await;
        }
        (network, next(&mut deliveries).await, deliveries)
    });
    // Cuts its connections, as the end of its process would.
    dying.shutdown_background();
    worker.block_on(async {
        let mut seen = BTreeMap::<String, u32>::new();
        while seen.len() < 20 {
            let delivery = next(&mut deliveries).await;
            *seen.entry(text(&delivery).into()).or_default() += 1;
            delivery.acknowledge();
        }
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
        network.shutdown().await.unwrap();
    });
    drop(held);
}

#[tokio::test]
async fn peers_send_and_receive_at_any_quality_of_service() {
    let broker = Mosquitto::start().unwrap();
    for (number, setting) in ["qos=0", "qos=1", "qos=2"].into_iter().enumerate() {
        let network = msgflo::connect(&format!("{}?{setting}", broker.url())).await.unwrap();
        let (ours, theirs) = (format!("ours/{number}"), format!("theirs/{number}"));
        let (client, mut received) = peer(&broker, &format!("peer{number}"), &theirs).await;
        network.transport().declare(&inport(&ours)).await.unwrap();
        let mut deliveries = network.transport().consume(&ours, 1).await.unwrap();
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            client.publish(&ours, qos, false, "to us").await.unwrap();
            let delivery = next(&mut deliveries).await;
            assert_eq!(text(&delivery), "to us");
            delivery.acknowledge();
        }
        send(&network, &theirs, "to them").await;
        assert_eq!(timeout(PATIENCE, received.recv()).await.unwrap().unwrap(), "to them");
        network.shutdown().await.unwrap();
    }
}

/// Where the broker bounds nothing, all that waits in a seat comes before anything else.
#[tokio::test]
async fn a_seat_with_many_messages_is_taken_where_the_broker_sends_all_at_once() {
    const COUNT: usize = 300;
    let broker = Mosquitto::with_config("max_inflight_messages 0").unwrap();
    let maker = msgflo::connect(&broker.url()).await.unwrap();
    maker.transport().declare(&inport("in")).await.unwrap();
    for number in 0..COUNT {
        send(&maker, "in", &number.to_string()).await;
    }
    maker.shutdown().await.unwrap();

    let network = msgflo::connect(&broker.url()).await.unwrap();
    let consume = network.transport().consume("in", 10);
    let mut deliveries = timeout(PATIENCE, consume).await.expect("the seat is taken").unwrap();
    for number in 0..COUNT {
        let delivery = next(&mut deliveries).await;
        assert_eq!(text(&delivery), number.to_string());
        delivery.acknowledge();
    }
    network.shutdown().await.unwrap();
}
