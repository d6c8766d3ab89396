//! Finding out.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::StreamExt;
use futures_util::stream;
use msgflo::transport::{QueueStatistics, Transport};
use msgflo::{Error, ErrorKind, Network, Result, StopSignals};
use tokio::time::{sleep, timeout};

use super::{Bindings, Observation};
use crate::outcome::TimedOut;

/// Everybody is seen when everybody has repeated their announcement, every 60 s / 2.2. MQTT brokers
/// keep none. RabbitMQ does, but not for us while another watcher holds them.
const HEARTBEAT: Duration = Duration::from_secs(28);
/// Enough where announcements are kept, and always come at once.
const KEPT: Duration = Duration::from_secs(3);
/// How long a broker has to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many questions are asked at once.
const AT_ONCE: usize = 8;

/// How long to listen.
#[derive(Args)]
pub struct Listen {
    /// Listen to announcements for this long. Participants repeat theirs every 27 s; RabbitMQ and
    /// ZeroMQ hubs keep the last ones, so that less may be enough. Ctrl-C ends it early
    /// [default: 28, on ZeroMQ 3]
    #[arg(long, value_name = "SECONDS", value_parser = msgflo::parse_seconds)]
    wait: Option<Duration>,
}

impl Listen {
    /// How long on the broker with this URL.
    pub fn duration(&self, url: &str) -> Duration {
        let usual = if url.starts_with("zmq:") { KEPT } else { HEARTBEAT };
        self.wait.unwrap_or(usual)
    }

    /// Sees who is there, and asks the broker what it knows.
    pub async fn observe(&self, network: &Network) -> Result<Observation> {
        let transport = network.transport();
        let mut observation = Observation::default();
        let mut stop = StopSignals::listen()?;
        let mut announcements = network.watch().await?;
        let wait = self.duration(transport.url());
        let progress = Progress::new(wait);
        progress.tell(0);
        let wait = sleep(wait);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                heard = announcements.next() => match heard {
                    Some(definition) => {
                        observation.hear(definition?, Instant::now());
                        progress.tell(observation.len());
                    }
                    None => return Err(ErrorKind::Closed("the connection was closed".into()).into()),
                },
                () = &mut wait => break,
                () = stop.next() => break,
            }
        }
        progress.end();
        let answers = ask(&**transport, observation.inport_queues());
        let answers = timeout(PATIENCE, answers);
        let answers = tokio::select! {
            answers = answers => answers,
            // Told a second time.
            () = stop.next() => return Err(Error::message("stopped")),
        };
        let answers = answers.map_err(|_| {
            let (url, seconds) = (transport.url(), PATIENCE.as_secs());
            TimedOut(format!("{url} has not told of its queues within {seconds} s"))
        })?;
        observation.take(answers, Instant::now());
        Ok(observation)
    }
}

/// A line on a terminal for those who wait.
struct Progress(Option<Duration>);

impl Progress {
    fn new(wait: Duration) -> Self {
        Self(io::stderr().is_terminal().then_some(wait))
    }

    fn tell(&self, participants: usize) {
        if let Some(wait) = self.0 {
            let seconds = wait.as_secs_f32();
            eprint!("\rlistening for {seconds} s, Ctrl-C ends it: {participants} participants");
        }
    }

    fn end(&self) {
        if self.0.is_some() {
            eprintln!();
        }
    }
}

/// What a broker told.
pub struct Answers {
    pub bindings: Bindings,
    /// Queues that it told of: their statistics, and how many dead letters there are.
    pub queues: Vec<(String, QueueStatistics, Option<u64>)>,
}

/// Asks the broker which edges there are, and what waits in queues.
pub async fn ask(transport: &dyn Transport, queues: Vec<String>) -> Answers {
    let bindings = match transport.edges().await {
        Ok(edges) => Bindings::Known(edges),
        Err(error) => Bindings::Unknown(error.to_string()),
    };
    let ask = |queue: String| async move {
        let statistics = transport.statistics(&queue).await.ok()?;
        let dead = transport.statistics(&transport.dead_letter_queue(&queue)).await;
        Some((queue, statistics, dead.ok().map(|dead| dead.waiting)))
    };
    let queues = stream::iter(queues).map(ask).buffered(AT_ONCE);
    let queues = queues.filter_map(std::future::ready).collect().await;
    Answers { bindings, queues }
}
