//! What the hub holds is bounded, in bytes too.

use futures_util::future::{join_all, poll_immediate};
use msgflo::transport::{Direction, Target};
use msgflo::zmq::Hub;
use msgflo::{Message, Network};

use crate::network::{declare, receive, within};

const LARGE: usize = 100_000;

async fn connect(settings: &str) -> (Hub, Network) {
    let hub = Hub::bind(&format!("zmq://127.0.0.1:0?{settings}")).await.unwrap();
    let network = within("connect", msgflo::connect(hub.url())).await.unwrap();
    declare(&network, "in", Direction::In).await;
    (hub, network)
}

fn large(number: u8) -> Message {
    Message::new(vec![number; LARGE])
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_wait_while_the_queue_is_full_of_bytes() {
    let (hub, network) = connect("capacity_bytes=250000").await;
    let transport = network.transport();
    let send = |number| transport.publish(Target::Inport("in"), large(number));
    for number in 0..3 {
        within("publish", send(number)).await.unwrap();
    }
    let mut waiting = join_all((3..20).map(send));
    assert!(poll_immediate(&mut waiting).await.is_none());
    // Whatever is asked after it is answered after it.
    assert_eq!(network.statistics("in").await.unwrap().waiting, 3);
    assert!(poll_immediate(&mut waiting).await.is_none(), "a full queue took a message");

    let mut deliveries = transport.consume("in", 1).await.unwrap();
    let consume = async {
        for number in 0..20 {
            let delivery = receive(&mut deliveries).await;
            assert!(delivery.message == large(number), "{number} is lost, or not in its place");
            delivery.acknowledge();
        }
    };
    let (sent, ()) = within("all to arrive", async { tokio::join!(waiting, consume) }).await;
    sent.into_iter().for_each(Result::unwrap);
    network.shutdown().await.unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_larger_than_the_capacity_has_a_queue_for_itself() {
    let (hub, network) = connect("capacity_bytes=1").await;
    let transport = network.transport();
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    for number in 0..3 {
        let publish = transport.publish(Target::Inport("in"), large(number));
        within("publish", publish).await.unwrap();
        let delivery = receive(&mut deliveries).await;
        assert!(delivery.message == large(number));
        delivery.acknowledge();
    }
    network.shutdown().await.unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_dead_letters_go_when_they_have_too_many_bytes() {
    let (hub, network) = connect("capacity_bytes=250000").await;
    let transport = network.transport();
    let mut deliveries = transport.consume("in", 1).await.unwrap();
    for number in 0..4 {
        let publish = transport.publish(Target::Inport("in"), large(number));
        within("publish", publish).await.unwrap();
        receive(&mut deliveries).await.reject();
    }
    let rejected = async { while network.statistics("in").await.unwrap().unsettled != Some(0) {} };
    within("the last to be rejected", rejected).await;
    assert_eq!(network.statistics("dead-in").await.unwrap().waiting, 2);
    let mut dead_letters = transport.consume("dead-in", 1).await.unwrap();
    for number in [2, 3] {
        let delivery = receive(&mut dead_letters).await;
        assert!(delivery.message == large(number), "the newest are kept");
        delivery.acknowledge();
    }
    network.shutdown().await.unwrap();
    hub.stop().await;
}
