//! Programs as processes: what an operator sees of them.

mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use msgflo::Message;
use msgflo::transport::Target;
use msgflo_test_broker::free_port;
use rustix::process::Signal;

use process::{Example, PATIENCE};

async fn hub() -> (msgflo::zmq::Hub, msgflo::Network) {
    let hub = msgflo::zmq::Hub::bind("zmq://127.0.0.1:0").await.unwrap();
    let network = msgflo::connect(hub.url()).await.unwrap();
    (hub, network)
}

async fn send(network: &msgflo::Network, text: &'static str) {
    network.transport().publish(Target::Inport("patient.IN"), Message::new(text)).await.unwrap();
}

/// The next message of a queue.
async fn next(network: &msgflo::Network, queue: &str) -> String {
    let mut deliveries = network.transport().consume(queue, 1).await.unwrap();
    let next = tokio::time::timeout(PATIENCE, deliveries.next()).await.expect("nothing came");
    let delivery = next.unwrap().unwrap();
    let text = String::from_utf8(delivery.message.payload.to_vec()).unwrap();
    delivery.acknowledge();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_in_time_goes_back() {
    let (hub, network) = hub().await;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut patient =
            Example::start("patient", &["--broker", hub.url(), "--shutdown-timeout", "0.2"]);
        send(&network, "wait").await;
        assert_eq!(patient.line(), "wait");
        patient.signal(signal);
        let (code, errors) = patient.end();
        assert_eq!(code, Some(0), "{errors}");
        assert!(errors.contains("goes back to its queue"), "{errors}");
        assert_eq!(next(&network, "patient.IN").await, "wait");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_process_whatever_blocks() {
    let (hub, network) = hub().await;
    let mut patient = Example::start("patient", &["--broker", hub.url()]);
    send(&network, "block").await;
    assert_eq!(patient.line(), "block");
    patient.signal(Signal::TERM);
    assert_eq!(patient.line(), "the background stops");
    patient.signal(Signal::TERM);
    let (code, errors) = patient.end();
    assert_eq!(code, Some(1));
    assert!(errors.contains("delivered again"), "{errors}");
    assert_eq!(next(&network, "patient.IN").await, "block");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_that_fails_ends_the_program() {
    let (hub, _network) = hub().await;
    let patient = Example::start("patient", &["--broker", hub.url(), "--fail"]);
    let (code, errors) = patient.end();
    assert_eq!(code, Some(1));
    assert!(errors.contains("the background was asked to fail"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_over_http_how_it_is() {
    let (hub, network) = hub().await;
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let mut patient = Example::start(
        "patient",
        &["--broker", hub.url(), "--listen", &address, "--attempts", "2", "--backoff", "10ms"],
    );
    send(&network, "fail").await;
    assert_eq!(next(&network, "dead-patient.IN").await, "fail");
    assert_eq!([patient.line(), patient.line()], ["fail", "fail"]);
    assert!(ask(&address, "GET /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
    assert!(
        ask(&address, "GET /readyz HTTP/1.1\r\nHost: here\r\n\r\n").starts_with("HTTP/1.1 200")
    );
    let metrics = ask(&address, "GET /metrics HTTP/1.1\r\n\r\n");
    let counted = |outcome: &str| {
        format!(
            r#"msgflo_messages_processed_total{{role="patient",port="in",outcome="{outcome}"}} 1"#
        )
    };
    assert!(
        metrics.contains(&counted("retried")) && metrics.contains(&counted("rejected")),
        "{metrics}"
    );
    assert!(ask(&address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    assert!(ask(&address, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(ask(&address, &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000))).len() < 1000);
    // A method that holds the only thread of its runtime keeps nobody waiting.
    send(&network, "hold").await;
    assert_eq!(patient.line(), "hold");
    assert!(ask(&address, "GET /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
    // The broker goes.
    network.shutdown().await.unwrap();
    hub.stop().await;
    let deadline = Instant::now() + PATIENCE;
    while !ask(&address, "GET /readyz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 503") {
        assert!(Instant::now() < deadline, "it is ready without a broker");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ask(&address, "GET /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Fails where more is asked than anybody reads.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}
