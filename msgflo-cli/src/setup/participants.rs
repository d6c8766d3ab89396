//! The participants that are started, watched, and stopped.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use msgflo::transport::Pauses;
use msgflo::{Error, Result, StopSignals};
use msgflo_graph::CommandLine;
use msgflo_graph::plan::Role;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::process::Process;
use crate::outcome::TimedOut;

/// What is to be started.
#[derive(Clone)]
pub struct Start {
    pub role: Role,
    pub command: CommandLine,
}

/// How participants are run.
#[derive(Clone)]
pub struct Options {
    /// The URL, with its password.
    pub broker: String,
    pub shell: Option<String>,
    pub forward_stdout: bool,
    pub forward_stderr: bool,
    /// How long it may take them to get ready.
    pub timeout: Duration,
    /// Whether they are started again when they die.
    pub restart: bool,
}

/// How long participants may take to finish what they are at.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever lives so long is restarted quickly again.
const LONG_LIFE: Duration = Duration::from_secs(30);

/// The participants that are started. Dropping it leaves them alone.
pub struct Participants {
    options: Options,
    attended: Vec<JoinHandle<()>>,
    stop: watch::Sender<Stop>,
    restarted: (mpsc::UnboundedSender<String>, mpsc::UnboundedReceiver<String>),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    No,
    Gently,
    AtOnce,
}

impl Participants {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            attended: Vec::new(),
            stop: watch::Sender::new(Stop::No),
            restarted: mpsc::unbounded_channel(),
        }
    }

    /// Starts them side by side; returns when all are ready, with their process numbers.
    pub async fn start(&mut self, starts: Vec<Start>) -> Result<Vec<(Start, Option<u32>)>> {
        let mut waiting = Vec::new();
        for start in starts {
            let process = Process::start(&start, &self.options)?;
            let id = process.id();
            let (ready, is_ready) = oneshot::channel();
            let attended = Attended {
                start: start.clone(),
                options: self.options.clone(),
                stop: self.stop.subscribe(),
                restarted: self.restarted.0.clone(),
            };
            self.attended.push(tokio::spawn(attended.attend(process, ready)));
            waiting.push(async move {
                is_ready.await.map_err(|_| Error::message("stopped before all were ready"))??;
                Ok::<_, Error>((start, id))
            });
        }
        try_join_all(waiting).await
    }

    /// The role of the next one that has died and is ready again.
    pub async fn restarted(&mut self) -> String {
        // Cannot end: the other end is here, too.
        match self.restarted.1.recv().await {
            Some(role) => role,
            None => std::future::pending().await,
        }
    }

    /// Stops them; at once, if that is asked for again.
    pub async fn stop(&mut self, signals: &mut StopSignals) {
        self.stop.send_replace(Stop::Gently);
        let ended = join_all(self.attended.drain(..));
        tokio::pin!(ended);
        tokio::select! {
            _ = &mut ended => return,
            () = signals.next() => {}
        }
        self.stop.send_replace(Stop::AtOnce);
        ended.await;
    }
}

/// What attends to one participant.
struct Attended {
    start: Start,
    options: Options,
    stop: watch::Receiver<Stop>,
    restarted: mpsc::UnboundedSender<String>,
}

impl Attended {
    async fn attend(mut self, mut process: Process, ready: oneshot::Sender<Result<()>>) {
        let mut stop = self.stop.clone();
        let told = tokio::select! {
            told = self.is_ready(&mut process) => told,
            () = stopped(&mut stop, Stop::Gently) => return self.end(process).await,
        };
        if let Err(error) = told {
            let _ = ready.send(Err(error));
            return self.end(process).await;
        }
        let _ = ready.send(Ok(()));
        tokio::select! {
            () = self.keep(&mut process) => {}
            () = stopped(&mut stop, Stop::Gently) => self.end(process).await,
        }
    }

    async fn is_ready(&mut self, process: &mut Process) -> Result<()> {
        let role = &self.start.role.name;
        let line = &self.start.command.line;
        match timeout(self.options.timeout, process.ready()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(ended)) => Err(Error::message(format!("{role} (`{line}`) {ended}"))),
            Err(_) => Err(TimedOut(format!(
                "{role} (`{line}`) has printed no line on standard output within {} s, by which it \
                 would tell that it is ready; --timeout waits longer",
                self.options.timeout.as_secs_f32()
            ))
            .into()),
        }
    }

    /// Starts it again whenever it ends.
    async fn keep(&mut self, process: &mut Process) {
        let mut pauses = Pauses::default();
        let mut since = Instant::now();
        loop {
            let role = self.start.role.name.clone();
            let mut ended = process.end().await;
            if since.elapsed() > LONG_LIFE {
                pauses = Pauses::default();
            }
            loop {
                if !self.options.restart {
                    anstream::eprintln!("warning: {role} {ended}");
                    return;
                }
                process.kill_rest();
                let pause = pauses.longer();
                anstream::eprintln!(
                    "warning: {role} {ended}\nnote: {role} is restarted in {:.1} s",
                    pause.as_secs_f32()
                );
                sleep(pause).await;
                let started = Process::start(&self.start, &self.options);
                match started {
                    Ok(started) => *process = started,
                    Err(error) => {
                        ended = format!("is not there: {error}");
                        continue;
                    }
                }
                since = Instant::now();
                match process.ready().await {
                    Ok(()) => break,
                    Err(early) => ended = early,
                }
            }
            anstream::eprintln!("note: {role} is ready again");
            let _ = self.restarted.send(role);
        }
    }

    async fn end(&mut self, process: Process) {
        let stop = &mut self.stop;
        let patience = async {
            tokio::select! {
                () = sleep(PATIENCE) => {}
                () = stopped(stop, Stop::AtOnce) => {}
            }
        };
        process.stop(patience).await;
    }
}

async fn stopped(stop: &mut watch::Receiver<Stop>, how: Stop) {
    // When whoever can stop it is gone, it is left alone.
    if stop.wait_for(|stop| *stop >= how).await.is_err() {
        std::future::pending().await
    }
}
