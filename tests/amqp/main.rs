//! What only RabbitMQ has: users, virtual hosts, TLS, arguments of queues.

mod blocking;

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use msgflo::transport::{Queue, Target};
use msgflo::{Any, ErrorKind, Inport, Message, Network, Outport, Participant, Result, Settings};
use msgflo_test_broker::RabbitMq;

const PATIENCE: Duration = Duration::from_secs(20);

/// Repeat
#[derive(Participant, Default)]
#[participant(component = "test/Repeat")]
struct Repeat {
    #[inport(process = repeat)]
    r#in: Inport<Any>,
    #[outport]
    out: Outport<Any>,
}

impl Repeat {
    async fn repeat(&self, any: Any) -> Result<()> {
        self.out.send(any).await
    }
}

fn inport(name: &str) -> Queue {
    Queue::inport(name)
}

/// To lapin, `/` alone is an empty virtual host.
async fn connect_by_hand(broker: &RabbitMq) -> Connection {
    let url = format!("{}%2f", broker.url());
    Connection::connect(&url, ConnectionProperties::default()).await.unwrap()
}

/// Sends a message to a queue of its own and receives it.
async fn round_trip(network: &Network, queue: &str) {
    let transport = network.transport();
    transport.declare(&inport(queue)).await.unwrap();
    let message = Message::new("hello").with_content_type("text/plain").with_id("1");
    transport.publish(Target::Inport(queue), message.clone()).await.unwrap();
    let mut deliveries = transport.consume(queue, 1).await.unwrap();
    let delivery = tokio::time::timeout(PATIENCE, deliveries.next()).await.unwrap();
    let delivery = delivery.unwrap().unwrap();
    assert_eq!(delivery.message, message);
    delivery.acknowledge();
}

/// The error of a connection that is refused; well before the time is up.
async fn refusal(url: &str) -> String {
    let error = tokio::time::timeout(PATIENCE, msgflo::connect_within(url, PATIENCE * 10))
        .await
        .expect("a refusal is told at once")
        .err()
        .expect("the connection is refused");
    assert!(matches!(error.kind(), Some(ErrorKind::Refused { .. })), "{error}");
    error.to_string()
}

#[tokio::test]
async fn users_and_virtual_hosts_are_percent_encoded_and_refusals_are_final() {
    let broker = RabbitMq::start().unwrap();
    for command in [
        &["add_vhost", "a/b"][..],
        &["add_user", "me@home", "p:w/%"],
        &["set_permissions", "-p", "a/b", "me@home", ".*", ".*", ".*"],
        &["add_user", "guarded", "secret"],
        &["set_permissions", "-p", "a/b", "guarded", "^mine", "^mine", "^mine"],
    ] {
        broker.ctl(command).unwrap();
    }
    let at = |user: &str, vhost: &str| format!("amqp://{user}@127.0.0.1:{}/{vhost}", broker.port());

    let network = msgflo::connect(&at("me%40home:p%3Aw%2F%25", "a%2Fb")).await.unwrap();
    round_trip(&network, "encoded").await;
    network.shutdown().await.unwrap();

    let wrong_password = refusal(&at("me%40home:wr0ng", "a%2Fb")).await;
    assert!(wrong_password.contains("ACCESS_REFUSED"), "{wrong_password}");
    assert!(wrong_password.contains("check user and password"), "{wrong_password}");
    assert!(!wrong_password.contains("wr0ng"), "{wrong_password}");
    let unknown_vhost = refusal(&at("guest:guest", "nowhere")).await;
    assert!(unknown_vhost.contains("vhost nowhere not found"), "{unknown_vhost}");

    // A user who may not declare the queue is told so, and by which queue.
    let network = msgflo::connect(&at("guarded:secret", "a%2Fb")).await.unwrap();
    let error = network.transport().declare(&inport("theirs")).await.unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Queue { queue, .. }) if queue == "theirs"));
    assert!(error.to_string().contains("permission"), "{error}");
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_may_not_tell_of_its_work_does_it_all_the_same() {
    let broker = RabbitMq::start().unwrap();
    let mine = "^(dead-)?(repeat|end)|^fbp$|^msgflo.discovery|^amq";
    for command in
        [&["add_user", "app", "secret"][..], &["set_permissions", "app", mine, mine, mine]]
    {
        broker.ctl(command).unwrap();
    }
    let network =
        msgflo::connect(&format!("amqp://app:secret@127.0.0.1:{}", broker.port())).await.unwrap();
    let often = Settings { statistics_period: Duration::from_millis(100), ..Settings::default() };
    network.start_with("repeat", Repeat::default(), often).await.unwrap();
    let transport = network.transport();
    transport.declare(&inport("end")).await.unwrap();
    network.bind("repeat.OUT", "end").await.unwrap();
    let mut end = transport.consume("end", 1).await.unwrap();
    for number in 0..100 {
        network.send("repeat.IN", number.to_string()).await.unwrap();
        let delivery = tokio::time::timeout(PATIENCE, end.next()).await.unwrap().unwrap().unwrap();
        delivery.acknowledge();
    }
    assert_eq!(transport.connection().borrow().reconnections, 0);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn tls_trusts_the_authority_that_the_url_names_and_no_other() {
    let broker = RabbitMq::with_tls().unwrap();
    let url = broker.tls_url();
    let without = url.split('?').next().unwrap().to_owned();
    let with = format!("{without}?cacertfile={}", broker.ca_file().display());
    let network = msgflo::connect(&with).await.unwrap();
    round_trip(&network, "secret").await;
    network.shutdown().await.unwrap();

    let refused = refusal(&without).await;
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_a_clear_error_and_leaves_the_connection_usable() {
    let broker = RabbitMq::start().unwrap();
    let by_hand = connect_by_hand(&broker).await;
    let channel = by_hand.create_channel().await.unwrap();
    channel
        .queue_declare("repeat.IN".into(), QueueDeclareOptions::default(), FieldTable::default())
        .await
        .unwrap();

    let network = msgflo::connect(&broker.url()).await.unwrap();
    let error = network.start("repeat", Repeat::default()).await.err().unwrap();
    assert!(matches!(error.kind(), Some(ErrorKind::Queue { queue, .. }) if queue == "repeat.IN"));
    let told = error.to_string();
    for part in ["inequivalent arg 'durable'", "repeat.IN", "delete it, or give the port another"] {
        assert!(told.contains(part), "{told}");
    }
    round_trip(&network, "another").await;
    network.shutdown().await.unwrap();
    by_hand.close(200, "done".into()).await.unwrap();
}

#[tokio::test]
async fn heartbeats_do_not_fill_the_discovery_queue_when_nobody_reads_it() {
    let broker = RabbitMq::start().unwrap();
    let network = msgflo::connect(&broker.url()).await.unwrap();
    let discovery_period = Duration::from_millis(220);
    let settings = Settings { discovery_period, ..Settings::default() };
    network.start_with("repeat", Repeat::default(), settings).await.unwrap();

    // Counted on the exchange that watchers use, without a watcher: that would tidy up itself.
    let by_hand = connect_by_hand(&broker).await;
    let channel = by_hand.create_channel().await.unwrap();
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await.unwrap();
    let (queue, table) = (queue.name().clone(), FieldTable::default());
    let exchange = "msgflo.discovery".into();
    channel
        .queue_bind(queue.clone(), exchange, "".into(), Default::default(), table)
        .await
        .unwrap();
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let heartbeats = channel.basic_consume(queue, "".into(), options, FieldTable::default());
    let mut heartbeats = heartbeats.await.unwrap();
    // Each lives for 220 ms, so only the last few can be left.
    for _ in 0..40 {
        tokio::time::timeout(PATIENCE, heartbeats.next()).await.unwrap().unwrap().unwrap();
    }
    by_hand.close(200, "done".into()).await.unwrap();
    let waiting = network.statistics("fbp").await.unwrap().waiting;
    assert!(waiting < 10, "{waiting} announcements are left");
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_participant_without_persistence_leaves_nothing_behind() {
    let broker = RabbitMq::start().unwrap();

    /// Here today
    #[derive(Participant, Default)]
    #[participant(component = "test/Passing")]
    struct Passing {
        #[inport(process = receive, persistent = false)]
        r#in: Inport<Any>,
    }
    impl Passing {
        async fn receive(&self, _: Any) -> Result<()> {
            Ok(())
        }
    }

    let network = msgflo::connect(&broker.url()).await.unwrap();
    network.start("passing", Passing::default()).await.unwrap();
    assert!(broker.ctl(&["list_queues", "name"]).unwrap().contains("passing.IN"));
    network.shutdown().await.unwrap();
    let queues = broker.ctl(&["list_queues", "name"]).unwrap();
    assert!(!queues.contains("passing"), "{queues}");
}
