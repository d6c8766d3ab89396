//! Whatever comes, the hub lives on.

use std::time::Duration;

use msgflo::transport::Direction;
use msgflo::zmq::Hub;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use crate::network::{declare, expect, send, within};

const GREETING: [u8; 64] = {
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xFF, 0x7F, 3);
    (greeting[12], greeting[13], greeting[14], greeting[15]) = (b'N', b'U', b'L', b'L');
    greeting
};
const READY: &[u8] = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER";

/// A hub, and somebody who uses it all the while.
struct Scene {
    hub: Hub,
    address: String,
}

impl Scene {
    async fn set() -> Self {
        let hub = Hub::bind("zmq://127.0.0.1:0?max_frame=100000").await.unwrap();
        let address = hub.url().trim_start_matches("zmq://").to_owned();
        Self { hub, address }
    }

    async fn still_works(&self) {
        let network = msgflo::connect(self.hub.url()).await.unwrap();
        declare(&network, "in", Direction::In).await;
        send(&network, "in", "hello").await;
        let mut deliveries = network.transport().consume("in", 1).await.unwrap();
        expect(&mut deliveries, "hello").await;
        network.shutdown().await.unwrap();
    }

    /// Sends bytes, and waits until the hub has had enough of it.
    async fn say(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        // Fails, as does reading, if the hub has closed it before it has read everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = within("the hub to close", stream.read_to_end(&mut Vec::new())).await;
    }

    async fn dealer(&self) -> DealerSocket {
        let mut dealer = DealerSocket::new();
        dealer.connect(&format!("tcp://{}", self.address)).await.unwrap();
        dealer
    }
}

fn frames(frames: &[&[u8]]) -> ZmqMessage {
    let frames: Vec<_> =
        frames.iter().map(|frame| msgflo::bytes::Bytes::copy_from_slice(frame)).collect();
    ZmqMessage::try_from(frames).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_zeromq_are_dropped() {
    let scene = Scene::set().await;
    let huge = [0x02, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let large = [0x02, 0, 0, 0x40, 0, 0, 0, 0, 0];
    let endless = [0x01, 0x00].repeat(1000);
    let after_ready = |bytes: &[u8]| [&GREETING, READY, bytes].concat();
    let plain = {
        let mut greeting = GREETING;
        greeting[12..17].copy_from_slice(b"PLAIN");
        greeting
    };
    for bytes in [
        b"" as &[u8],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xFF; 3],
        &[0xFF; 200],
        &[0; 1000],
        &GREETING,
        &plain,
        &[&GREETING[..], &huge].concat(),
        &[&GREETING[..], &large].concat(),
        &[&GREETING[..], b"\x04\x06\x05READY"].concat(),
        &[&GREETING[..], b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB"].concat(),
        &[&GREETING[..], b"\x04\x1c\x05READY\x0bSocket-Type\xff\xff\xff\xffDEALER"].concat(),
        &after_ready(&huge),
        &after_ready(&large),
        &after_ready(&endless),
        &after_ready(&[0x06, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF]),
        &after_ready(&[0xF0, 1, 1]),
        &after_ready(b"\x01\x07MSGFLO1\x01"),
    ] {
        scene.say(bytes).await;
    }
    scene.still_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_make_no_sense_are_refused_one_by_one() {
    let scene = Scene::set().await;
    let mut dealer = scene.dealer().await;
    let number = [0, 0, 0, 0, 0, 0, 0, 9];
    let big = vec![b'x'; 300];
    dealer
        .send(frames(&[b"MSGFLO1", b"PUBLISH", &number, b"in", b"q", b"", b"", b""]))
        .await
        .unwrap();
    refused(&mut dealer, "HELLO must come first").await;
    dealer.send(frames(&[b"MSGFLO1", b"HELLO", &number, b"test", &number])).await.unwrap();
    let hello = within("an answer", dealer.recv()).await.unwrap();
    assert_eq!(&hello.get(1).unwrap()[..], b"OK");
    for (message, told) in [
        (&[b"hello" as &[u8]] as &[&[u8]], "is not `MSGFLO1`"),
        (&[b""], "is not `MSGFLO1`"),
        (&[b"MSGFLO2", b"PING", &number], "is not `MSGFLO1`"),
        (&[b"MSGFLO1"], "too few"),
        (&[b"MSGFLO1", b"PING", b"one"], "8 bytes"),
        (&[b"MSGFLO1", b"EXPLODE", &number], "no such command"),
        (&[b"MSGFLO1", b"\xFF\xFE", &number], "no such command"),
        (&[b"MSGFLO1", b"DECLARE", &number, b"sideways", b"q"], "neither `in` nor `out`"),
        (&[b"MSGFLO1", b"DECLARE", &number, b"in"], "missing"),
        (&[b"MSGFLO1", b"DECLARE", &number, b"in", b""], "empty"),
        (&[b"MSGFLO1", b"DECLARE", &number, b"in", &big], "255"),
        (&[b"MSGFLO1", b"DECLARE", &number, b"in", b"\xFF"], "UTF-8"),
        (&[b"MSGFLO1", b"CONSUME", &number, b"q", &[0; 8]], "credit of 0"),
        (&[b"MSGFLO1", b"CONSUME", &number, b"q", &[0xFF; 8]], "from 1 to 65535"),
        (&[b"MSGFLO1", b"ACK", &number, &[0; 8]], "nothing of 9 is unsettled"),
        (&[b"MSGFLO1", b"ACK", &number, b"123"], "8 bytes each"),
        (&[b"MSGFLO1", b"ANNOUNCE", &number, &number, b"{}"], "not a discovery message"),
        (&[b"MSGFLO1", b"PUBLISH", &number, b"in", b"q", b"", b""], "payload is missing"),
        (&[b"MSGFLO1", b"PUBLISH", &number, b"in", b"q", b"", b"", b"", b"123"], "8 bytes, not 3"),
        (
            &[b"MSGFLO1", b"PUBLISH", &number, b"in", b"q", b"", b"", b"", b"", b"{"],
            "not as specified",
        ),
        (&[b"MSGFLO1", b"PUBLISH", &number, b"in", b"q", b"", b"", b"", &[0xFF; 8]], "no time"),
        (&[b"MSGFLO1", b"RETRY", &number, &number], "delay is missing"),
        (&[b"MSGFLO1", b"RETRY", &number, &number, &number], "nothing of 9 is unsettled"),
    ] {
        dealer.send(frames(message)).await.unwrap();
        refused(&mut dealer, told).await;
    }
    scene.still_works().await;
    // Not for ever.
    for _ in 0..200 {
        if dealer.send(frames(&[b"nonsense"])).await.is_err() {
            break;
        }
    }
    scene.still_works().await;
}

async fn refused(dealer: &mut DealerSocket, told: &str) {
    let answer = within("an answer", dealer.recv()).await.unwrap();
    let text = |index: usize| String::from_utf8_lossy(answer.get(index).unwrap()).into_owned();
    assert_eq!((&*text(1), &*text(3)), ("ERROR", "protocol"));
    assert!(text(5).contains(told), "{} instead of {told}", text(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_for_the_hub_is_refused_by_the_sender() {
    let scene = Scene::set().await;
    let network = msgflo::connect(scene.hub.url()).await.unwrap();
    declare(&network, "in", Direction::In).await;
    let error = network.send("in", msgflo::bytes::Bytes::from(vec![0; 100_001])).await.unwrap_err();
    assert!(error.to_string().contains("`in`"), "{error}");
    assert!(error.to_string().contains("100000 at most"), "{error}");
    send(&network, "in", "small").await;
    let mut deliveries = network.transport().consume("in", 1).await.unwrap();
    expect(&mut deliveries, "small").await;
}

/// Messages and bytes at random, the same in every run.
#[tokio::test(flavor = "multi_thread")]
async fn random_messages_harm_nobody() {
    const COMMANDS: &[&str] = &[
        "HELLO",
        "DECLARE",
        "BIND",
        "UNBIND",
        "PUBLISH",
        "CONSUME",
        "WATCH",
        "CANCEL",
        "ANNOUNCE",
        "STATISTICS",
        "ACK",
        "REJECT",
        "RELEASE",
        "RETRY",
        "TAP",
        "EDGES",
        "FINISH",
        "PING",
        "BYE",
        "OK",
        "DELIVER",
        "",
    ];
    const ARGUMENTS: &[&[u8]] = &[
        b"in",
        b"out",
        b"q",
        b"r",
        b"",
        b"dead-q",
        &[0; 8],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0xFF; 8],
        &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        b"\xFF",
        b"{}",
        br#"{"headers":[["a","b"]],"delay":1}"#,
        b"passing",
        &[b'x'; 300],
    ];
    let scene = Scene::set().await;
    let mut random = Random(1);
    for round in 0..60 {
        let mut bytes = [&GREETING, READY].concat();
        let hello: &[&[u8]] = &[b"MSGFLO1", b"HELLO", &[0; 8], b"random", &[0xFF; 8]];
        put(hello, &mut bytes);
        for _ in 0..50 {
            let number = (random.below(3) as u64).to_be_bytes();
            let mut message: Vec<&[u8]> =
                vec![b"MSGFLO1", COMMANDS[random.below(COMMANDS.len())].as_bytes(), &number];
            message.extend((0..random.below(8)).map(|_| ARGUMENTS[random.below(ARGUMENTS.len())]));
            put(&message, &mut bytes);
        }
        if round % 2 == 0 {
            // A few bytes are wrong, and so maybe all that follow.
            for _ in 0..3 {
                let place = 64 + random.below(bytes.len() - 64);
                bytes[place] = random.below(256) as u8;
            }
            bytes.truncate(64 + random.below(bytes.len() - 64));
        }
        scene.say(&bytes).await;
    }
    scene.still_works().await;
}

fn put(message: &[&[u8]], bytes: &mut Vec<u8>) {
    for (index, frame) in message.iter().enumerate() {
        let more = u8::from(index + 1 < message.len());
        match u8::try_from(frame.len()) {
            Ok(length) => bytes.extend([more, length]),
            Err(_) => {
                bytes.push(more | 2);
                bytes.extend((frame.len() as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(frame);
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A client that reads nothing does not fill the hub's memory, and is given up.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_is_disconnected() {
    let hub = Hub::bind("zmq://127.0.0.1:0?timeout=1").await.unwrap();
    let address = hub.url().trim_start_matches("zmq://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let mut bytes = [&GREETING, READY].concat();
    put(&[b"MSGFLO1", b"HELLO", &[0; 8], b"deaf", &[0xFF; 8]], &mut bytes);
    stream.write_all(&bytes).await.unwrap();
    let mut pings = Vec::new();
    (0..1000).for_each(|_| put(&[b"MSGFLO1", b"PING", &[0; 8]], &mut pings));
    let writing = async { while stream.write_all(&pings).await.is_ok() {} };
    within("the hub to lose patience", writing).await;
    tokio::time::timeout(Duration::from_secs(60), async {
        let network = msgflo::connect(hub.url()).await.unwrap();
        network.shutdown().await.unwrap();
    })
    .await
    .unwrap();
}
