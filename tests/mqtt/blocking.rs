//! A method that holds the only thread of its program loses no connection.

use std::time::Duration;

use msgflo::{Context, Inport, Outport, Participant};
use msgflo_test_broker::Mosquitto;

use crate::{inport, next, send, text};

/// Sleep for so many seconds, and tell whether the message came before
#[derive(Participant, Default)]
struct Sleep {
    #[inport(process = sleep)]
    r#in: Inport<String>,
    #[outport]
    out: Outport<String>,
}

impl Sleep {
    async fn sleep(&self, seconds: String, context: Context) -> msgflo::Result<()> {
        std::thread::sleep(Duration::from_secs(seconds.parse().unwrap()));
        self.out.send(format!("{seconds} {}", context.redelivered())).await
    }
}

/// Mosquitto gives up a connection after one and a half times the keep-alive, and looks every 5 s.
async fn nothing_is_lost(keep_alive: u64, settings: &str) {
    let broker = Mosquitto::start().unwrap();
    let url = format!("{}?keep_alive={keep_alive}&{settings}", broker.url());
    let network = msgflo::connect(&url).await.unwrap();
    let connection = network.transport().connection();
    network.start("sleep", Sleep::default()).await.unwrap();
    network.transport().declare(&inport("end")).await.unwrap();
    network.bind("sleep.OUT", "end").await.unwrap();
    let mut outputs = network.transport().consume("end", 10).await.unwrap();
    let long = (2 * keep_alive + 10).to_string();
    // What comes first has acknowledgements under way when the thread is held.
    for seconds in ["0", "0", &*long, "0"] {
        send(&network, "sleep.IN", seconds).await;
    }
    for seconds in ["0", "0", &*long, "0"] {
        let output = next(&mut outputs).await;
        assert_eq!(text(&output), format!("{seconds} false"));
        output.acknowledge();
    }
    assert_eq!(connection.borrow().reconnections, 0);
    network.shutdown().await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn on_the_only_thread() {
    nothing_is_lost(1, "version=3").await;
}

#[tokio::test(flavor = "current_thread")]
async fn on_the_only_thread_with_version_5() {
    nothing_is_lost(5, "version=5").await;
}
