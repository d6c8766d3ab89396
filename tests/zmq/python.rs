//! A participant in Python, on pyzmq.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use msgflo::transport::Target;
use msgflo::zmq::Hub;
use msgflo::{Definition, Message};

use crate::install;
use crate::network::{collect, receive, within};

/// Killed when it is dropped.
struct Python(Child);

impl Python {
    fn start(hub: &Hub, program: &str, role: &str) -> Self {
        let url = hub.url().replace("zmq://", "tcp://");
        let program = format!("{}/tests/zmq/{program}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(install::python());
        command.args([&*program, &url, role]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut python = Self(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(python.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("{role} is ready\n"));
        python
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_in_python_works_with_ours() {
    let hub = Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    let network = msgflo::connect(hub.url()).await.unwrap();
    let mut watcher = network.watch().await.unwrap();
    let python = Python::start(&hub, "participant.py", "snake");
    let definition: Definition = within("an announcement", watcher.next()).await.unwrap().unwrap();
    assert_eq!((&*definition.role, &*definition.component), ("snake", "python/Repeat"));

    let mut outputs = collect(&network, "snake.OUT", "end").await;
    let transport = network.transport();
    let payload: Vec<u8> = (0..300).map(|byte| byte as u8).collect();
    for number in 0..100 {
        let message = Message::new(payload.clone())
            .with_content_type("application/octet-stream")
            .with_id(format!("id-{number}"));
        let publish = transport.publish(Target::Inport("snake.IN"), message.clone());
        within("publish", publish).await.unwrap();
        let delivery = receive(&mut outputs).await;
        assert_eq!(delivery.message, message);
        delivery.acknowledge();
    }
    // It has acknowledged everything: nothing is left when it is gone.
    let settled = async {
        while network.statistics("snake.IN").await.unwrap().unsettled != Some(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the last acknowledgement", settled).await;
    drop(python);
    let gone = async {
        while network.statistics("snake.IN").await.unwrap().consumers > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the hub to see that it is gone", gone).await;
    assert_eq!(network.statistics("snake.IN").await.unwrap().waiting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_travel_to_python_and_back() {
    let hub = Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    let network = msgflo::connect(hub.url()).await.unwrap();
    let python = Python::start(&hub, "headers.py", "snake");
    let mut outputs = collect(&network, "snake.OUT", "end").await;
    let transport = network.transport();
    let mut dead_letters = transport.consume("dead-snake.IN", 1).await.unwrap();
    let message = Message::new("photo")
        .with_id("7")
        .with_sent_at(UNIX_EPOCH + Duration::from_millis(1_800_000_000_123))
        .with_correlation_id("c")
        .with_reply_to("answers")
        .with_priority(3)
        .with_header("tenänt", "a\n\"b\"");
    let append = |message: &Message, headers: &[(&'static str, &'static str)]| {
        let mut message = message.clone();
        headers.iter().for_each(|(name, value)| message.headers_mut().append(*name, *value));
        message
    };
    let seen = [("seen by", "snake"), ("seen by", "a snake")];
    let retried = [("attempt", "2"), seen[0], seen[1]];
    for (wanted, passed_on) in [("nothing", &seen[..]), ("retry", &retried)] {
        let sent = append(&message, &[("wanted", wanted)]);
        within("publish", transport.publish(Target::Inport("snake.IN"), sent)).await.unwrap();
        let delivery = receive(&mut outputs).await;
        assert_eq!(delivery.message, append(&message, passed_on));
        delivery.acknowledge();
    }
    let sent = append(&message, &[("wanted", "reject")]);
    within("publish", transport.publish(Target::Inport("snake.IN"), sent)).await.unwrap();
    let letter = receive(&mut dead_letters).await;
    assert_eq!(letter.message, append(&message, &[("msgflo-error", "no such phöto")]));
    letter.acknowledge();
    drop(python);
    network.shutdown().await.unwrap();
    hub.stop().await;
}
