//! `msgflo request`.

use msgflo::{Any, Inport, Outport, Participant};

use crate::brokers::Broker;
use crate::program::{msgflo, msgflo_with_input};

/// Answers with what it gets.
#[derive(Participant, Default)]
#[participant(component = "test/Echo")]
struct Echo {
    #[inport(process = answer)]
    r#in: Inport<Any>,
    #[outport]
    out: Outport<Any>,
}

impl Echo {
    async fn answer(&self, message: Any) -> msgflo::Result<()> {
        self.out.send(message).await
    }
}

#[tokio::test]
async fn the_answer_is_printed_byte_for_byte() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        network.start("echo", Echo::default()).await.unwrap();
        let request =
            ["request", "--broker", broker.url(), "--queue", "echo.IN", "--answer", "echo.OUT"];
        let answer = msgflo(&[&request[..], &["--json", "{\"a\":1}"]].concat()).await.ok();
        assert_eq!(answer, "{\"a\":1}\n");
        assert_eq!(msgflo_with_input(&request, b"\0\n").await.ok(), "\0\n");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn no_answer_in_time_has_an_exit_code_of_its_own() {
    for broker in Broker::all().await {
        let network = broker.connect().await;
        network.start("echo", Echo::default()).await.unwrap();
        network.start("other", Echo::default()).await.unwrap();
        let request = [
            ["request", "--text", "x", "--broker", broker.url(), "--queue", "echo.IN"],
            ["--answer", "other.OUT", "--timeout", "0.2", "--connect-timeout", "10", "--"],
        ]
        .concat();
        let error = msgflo(&request).await.failed(4);
        assert!(error.contains("no message left `other.OUT` within 0.2 s"), "{error}");
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence() {
    let broker = Broker::rabbitmq();
    let network = broker.connect().await;
    network.start("echo", Echo::default()).await.unwrap();
    let request = ["request", "--broker", broker.url(), "--text", "x", "--queue"];
    let error = msgflo(&[&request[..], &["no.IN", "--answer", "echo.OUT"]].concat()).await;
    assert!(error.failed(1).contains("`no.IN`"));
    let error = msgflo(&[&request[..], &["echo.IN", "--answer", "no.OUT"]].concat()).await;
    assert!(error.failed(1).contains("`no.OUT`"));
    assert!(msgflo(&["request", "--help"]).await.ok().contains("Examples:"));
    network.shutdown().await.unwrap();
}
