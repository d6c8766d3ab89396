//! Hubs and clients of different ages: those of old know neither extras nor `RETRY`, and say nothing of
//! what they can.

use std::collections::VecDeque;
use std::time::Duration;

use msgflo::bytes::Bytes;
use msgflo::transport::{Abilities, Direction, Queue, Settlement, Target};
use msgflo::zmq::Hub;
use msgflo::{ErrorKind, Message, Network};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use zeromq::{DealerSocket, RouterSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use crate::network::{declare, expect, receive, send, within};

fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn message(frames: &[&[u8]]) -> ZmqMessage {
    let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
    ZmqMessage::try_from(frames).unwrap()
}

fn frames(message: ZmqMessage) -> Vec<Vec<u8>> {
    message.into_vec().into_iter().map(|frame| frame.to_vec()).collect()
}

/// A client that speaks the frames of the first version, and no others.
struct Old(DealerSocket);

impl Old {
    async fn connect(hub: &Hub) -> Self {
        let mut dealer = DealerSocket::new();
        dealer.connect(&hub.url().replace("zmq://", "tcp://")).await.unwrap();
        let mut client = Self(dealer);
        client.ask(b"HELLO", 1, &[b"old", &number(60_000)]).await;
        client
    }

    async fn tell(&mut self, command: &[u8], of: u64, arguments: &[&[u8]]) {
        let of = number(of);
        let frames = [&[b"MSGFLO1", command, &of], arguments].concat();
        self.0.send(message(&frames)).await.unwrap();
    }

    /// Returns the arguments of the answer.
    async fn ask(&mut self, command: &[u8], of: u64, arguments: &[&[u8]]) -> Vec<Vec<u8>> {
        self.tell(command, of, arguments).await;
        self.next(b"OK").await
    }

    /// The arguments of the next message with this command. Unknown ones are ignored, as specified.
    async fn next(&mut self, command: &[u8]) -> Vec<Vec<u8>> {
        loop {
            let mut received = frames(within("the hub", self.0.recv()).await.unwrap());
            assert_ne!(
                received[1],
                b"ERROR",
                "{}",
                String::from_utf8_lossy(received.last().unwrap())
            );
            if received[1] == command {
                return received.split_off(3);
            }
        }
    }
}

async fn new_hub() -> (Hub, Network) {
    let hub = Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    let network = within("connect", msgflo::connect(hub.url())).await.unwrap();
    declare(&network, "in", Direction::In).await;
    (hub, network)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_old_works_on_a_hub_of_today() {
    let (hub, network) = new_hub().await;
    let transport = network.transport();
    assert_eq!(transport.abilities(), Abilities::ALL);
    let mut old = Old::connect(&hub).await;
    old.ask(b"DECLARE", 2, &[b"in", b"in"]).await;
    old.ask(b"CONSUME", 3, &[b"in", &number(10)]).await;
    let rich = Message::new("photo").with_content_type("image/png").with_id("7");
    let rich = rich.with_header("tenant", "a").with_correlation_id("c");
    within("publish", transport.publish(Target::Inport("in"), rich.clone())).await.unwrap();
    let delivered = old.next(b"DELIVER").await;
    // It gets what it knows of: not everybody ignores the rest.
    let known: Vec<_> = delivered[1..].iter().map(|frame| &frame[..]).collect();
    assert_eq!(known, [&b"0"[..], b"image/png", b"7", b"photo"]);
    old.tell(b"REJECT", 3, &[&delivered[0]]).await;
    // What it has said nothing of stays as it was.
    let mut dead = transport.consume("dead-in", 1).await.unwrap();
    let letter = receive(&mut dead).await;
    assert_eq!(letter.message, rich);
    letter.acknowledge();

    old.ask(b"DECLARE", 4, &[b"in", b"back"]).await;
    let mut back = transport.consume("back", 1).await.unwrap();
    old.ask(b"PUBLISH", 5, &[b"in", b"back", b"", b"8", b"plain"]).await;
    let delivery = receive(&mut back).await;
    assert_eq!(delivery.message, Message::new("plain").with_id("8"));
    delivery.acknowledge();

    network.shutdown().await.unwrap();
    hub.stop().await;
}

/// Speaks the frames of the first version: it passes on what it knows of, has one client, one consumer
/// and no queue. Tells what it was told.
async fn old_hub() -> (String, UnboundedReceiver<Vec<Vec<u8>>>) {
    let mut router = RouterSocket::new();
    let endpoint = router.bind("tcp://127.0.0.1:0").await.unwrap().to_string();
    let (told, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let (mut consumer, mut tags, mut waiting) = (None, 1u64.., VecDeque::new());
        while let Ok(received) = router.recv().await {
            let received = frames(received);
            let (peer, of, command) = (&received[0], &received[3], &received[2][..]);
            let mut answers: Vec<Vec<&[u8]>> = Vec::new();
            let (timeout, window, most) = (number(10_000), number(100), number(100_000));
            match command {
                b"HELLO" => answers.push(vec![b"OK", of, b"old", &timeout, &window, &most]),
                b"PING" => answers.push(vec![b"PONG", of]),
                b"CONSUME" => consumer = Some(of.clone()),
                b"PUBLISH" => waiting.push_back(received[6..9].to_vec()),
                _ => {}
            }
            if matches!(command, b"DECLARE" | b"CONSUME" | b"PUBLISH" | b"BYE") {
                answers.push(vec![b"OK", of]);
            }
            for answer in answers {
                let frames = [&[peer, &b"MSGFLO1"[..]], &answer[..]].concat();
                router.send(message(&frames)).await.unwrap();
            }
            while let (Some(consumer), false) = (&consumer, waiting.is_empty()) {
                let (tag, known) = (number(tags.next().unwrap()), waiting.pop_front().unwrap());
                let known: Vec<_> = known.iter().map(|frame| &frame[..]).collect();
                let start = [peer, &b"MSGFLO1"[..], b"DELIVER", consumer, &tag, b"0"];
                router.send(message(&[&start[..], &known].concat())).await.unwrap();
            }
            let _ = told.send(received[2..].to_vec());
        }
    });
    (endpoint.replace("tcp://", "zmq://"), receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_today_works_on_a_hub_of_old() {
    let (url, mut told) = old_hub().await;
    let network = within("connect", msgflo::connect(&url)).await.unwrap();
    let transport = network.transport();
    // Who needs more, is told at its start.
    assert_eq!(transport.abilities(), Abilities::NONE);
    declare(&network, "in", Direction::In).await;
    let mut deliveries = transport.consume("in", 10).await.unwrap();
    let rich = Message::new("photo").with_id("7").with_header("tenant", "a");
    within("publish", transport.publish(Target::Inport("in"), rich)).await.unwrap();
    let delivery = receive(&mut deliveries).await;
    assert_eq!(delivery.message, Message::new("photo").with_id("7"), "it drops the rest");

    // It cannot hold back: the message waits here, with its headers, and others come meanwhile.
    let later = delivery.message.clone().with_header("msgflo-attempt", "2");
    delivery.settle_as(Settlement::Delayed(Box::new(later.clone()), Duration::from_millis(300)));
    send(&network, "in", "other").await;
    expect(&mut deliveries, "other").await;
    let again = receive(&mut deliveries).await;
    assert_eq!((&again.message, again.redelivered), (&later, true));
    // It cannot keep reasons either.
    let reason = later.with_header("msgflo-error", "no such photo");
    again.settle_as(Settlement::DeadLettered(Box::new(reason)));
    let mut settled = Vec::new();
    while settled.len() < 2 {
        let command = within("settlements", told.recv()).await.unwrap();
        match &command[0][..] {
            b"ACK" | b"REJECT" => settled.push((command[0].clone(), command[2].clone())),
            b"RETRY" | b"RELEASE" => panic!("{command:?}"),
            _ => {}
        }
    }
    assert_eq!(settled, [(b"ACK".to_vec(), number(2)), (b"REJECT".to_vec(), number(1))]);
    network.shutdown().await.unwrap();
}

/// Only what a client is lost with, is counted.
#[tokio::test(flavor = "multi_thread")]
async fn lost_clients_are_counted_and_those_that_leave_are_not() {
    let (hub, network) = new_hub().await;
    send(&network, "in", "deadly").await;
    let mut deliveries = network.transport().consume("in", 1).await.unwrap();
    let released = receive(&mut deliveries).await;
    assert_eq!((released.redelivered, released.deliveries), (false, 1));
    drop(released);
    let released = receive(&mut deliveries).await;
    assert_eq!((released.redelivered, released.deliveries), (true, 1));
    // So that the others get it.
    drop(deliveries);
    drop(released);

    let mut leaving = Old::connect(&hub).await;
    leaving.ask(b"CONSUME", 2, &[b"in", &number(1)]).await;
    leaving.next(b"DELIVER").await;
    leaving.ask(b"BYE", 3, &[]).await;
    for _ in 0..2 {
        let mut lost = Old::connect(&hub).await;
        lost.ask(b"CONSUME", 2, &[b"in", &number(1)]).await;
        assert_eq!(&lost.next(b"DELIVER").await[1], b"1");
    }
    let mut deliveries = network.transport().consume("in", 1).await.unwrap();
    let counted = receive(&mut deliveries).await;
    assert_eq!((counted.redelivered, counted.deliveries), (true, 3));
    // A retry begins anew: its count is in its headers.
    let again = counted.message.clone().with_header("n", "2");
    counted.settle_as(Settlement::Delayed(Box::new(again.clone()), Duration::from_millis(10)));
    let again_delivered = receive(&mut deliveries).await;
    assert_eq!((&again_delivered.message, again_delivered.deliveries), (&again, 1));
    again_delivered.acknowledge();
    network.shutdown().await.unwrap();
    hub.stop().await;
}

/// A client's own queue is there while the client is, also on a hub that is started anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_a_client_ends_with_it_and_comes_again_with_it() {
    let (hub, network) = new_hub().await;
    let url = hub.url().to_owned();
    let client = within("connect", msgflo::connect(&url)).await.unwrap();
    let own = Queue::inport("own").persistent(false);
    within("declare", client.transport().declare(&own)).await.unwrap();
    let mut deliveries = client.transport().consume("own", 1).await.unwrap();
    send(&network, "own", "one").await;
    expect(&mut deliveries, "one").await;

    let mut connections = [client.transport().connection(), network.transport().connection()];
    hub.stop().await;
    let hub = Hub::bind(&url).await.unwrap();
    for connection in &mut connections {
        within("the hub", connection.wait_for(|now| now.reconnections > 0)).await.unwrap();
    }
    let publish =
        async || network.transport().publish(Target::Inport("own"), Message::new("two")).await;
    // It may come a moment later than the sender.
    let there = async { while publish().await.is_err() {} };
    within("the queue", there).await;
    expect(&mut deliveries, "two").await;

    client.shutdown().await.unwrap();
    let error = within("publish", publish()).await.unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Send { .. })), "{error}");
    assert!(network.statistics("dead-own").await.is_err(), "its dead letters are still there");
    network.shutdown().await.unwrap();
    hub.stop().await;
}

/// On one thread, which computes for longer than the silence that either end bears.
#[tokio::test]
async fn a_method_that_computes_for_long_does_not_lose_the_connection() {
    let url = crate::network::url("hub=auto&timeout=0.5");
    let network = within("connect", msgflo::connect(&url)).await.unwrap();
    declare(&network, "in", Direction::In).await;
    let mut deliveries = network.transport().consume("in", 1).await.unwrap();
    send(&network, "in", "long").await;
    let delivery = receive(&mut deliveries).await;
    std::thread::sleep(Duration::from_secs(2));
    delivery.acknowledge();
    send(&network, "in", "next").await;
    let next = receive(&mut deliveries).await;
    assert_eq!((&next.message.payload[..], next.redelivered), (&b"next"[..], false));
    next.acknowledge();
    assert_eq!(network.transport().connection().borrow().reconnections, 0);
    network.shutdown().await.unwrap();
}
