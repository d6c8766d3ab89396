//! A program around a participant.

use std::io::Write;
use std::pin::Pin;
use std::time::{Duration, Instant};

use clap::{Args, FromArgMatches};
use msgflo_core::{Component, Error, Handle, Network, Participant, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::listen::Listener;
use crate::{ListenOptions, Options, StopSignals, connect_within, log_to_stderr};

/// A participant as a program, with what else the program does: sources, timers, HTTP servers.
///
/// ```no_run
/// use std::time::Duration;
/// use msgflo::{Json, Outport, Participant};
///
/// /// Tell that a second has passed
/// #[derive(Participant, Default)]
/// struct Clock {
///     #[outport]
///     tick: Outport<Json<u64>>,
/// }
///
/// #[tokio::main]
/// async fn main() -> msgflo::Result<()> {
///     msgflo::Program::new(Clock::default())
///         .background(|clock, stop| async move {
///             let mut seconds = tokio::time::interval(Duration::from_secs(1));
///             for number in 0.. {
///                 tokio::select! {
///                     () = stop.requested() => break,
///                     _ = seconds.tick() => clock.tick.send(Json(number)).await?,
///                 }
///             }
///             Ok(())
///         })
///         .run()
///         .await
/// }
/// ```
pub struct Program<P: Participant> {
    participant: P,
    options: Option<Options>,
    listen: Option<ListenOptions>,
    backgrounds: Vec<Background<P>>,
}

type Background<P> = Box<dyn FnOnce(Handle<P>, Stop) -> Running + Send>;
type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Tells a background that the program is to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when the program is to stop; at once, if it is already.
    pub async fn requested(&self) {
        // Fails when the program is gone, which is as good.
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }

    /// Whether the program is to stop.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}

impl<P: Participant> Program<P> {
    /// A program that is this participant.
    pub fn new(participant: P) -> Self {
        Self { participant, options: None, listen: None, backgrounds: Vec::new() }
    }

    /// Sets the options, in a program that has read its arguments itself.
    pub fn options(mut self, options: Options) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets where it answers over HTTP how it is, in a program that has read its arguments itself. Where
    /// nothing is said, `MSGFLO_LISTEN` is.
    pub fn listen(mut self, listen: ListenOptions) -> Self {
        self.listen = Some(listen);
        self
    }

    /// Adds something that runs beside the participant. It is started when the participant is
    /// ready, told first when the program is to stop, and waited for before the participant stops
    /// receiving; all of it within `--shutdown-timeout`. Several run side by side.
    ///
    /// If it fails or panics, the program ends with that error. If it ends, the program goes on: but for
    /// a source (a participant without an inport that others can send to), which ends with the last of
    /// its backgrounds.
    pub fn background<F, R>(mut self, background: F) -> Self
    where
        F: FnOnce(Handle<P>, Stop) -> R + Send + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        self.backgrounds.push(Box::new(move |handle, stop| Box::pin(background(handle, stop))));
        self
    }

    /// Runs it until SIGINT, SIGTERM or SIGHUP: connects, declares the participant's queues, announces
    /// it, prints one line on standard output when it is ready, starts the backgrounds, and processes
    /// messages.
    ///
    /// When it is told to stop, it finishes what is in flight, for at most `--shutdown-timeout` (25 s):
    /// what is not finished then goes back to its queue. Told a second time, the process ends at
    /// once.
    ///
    /// # Errors
    /// If the broker cannot be reached or refuses, a queue cannot be had, an IIP is refused, an inport
    /// cannot go on, or a background fails.
    pub async fn run(self) -> Result<()> {
        let component = P::component();
        let (options, listen) = match (self.options, self.listen) {
            (Some(options), Some(listen)) => (options, listen),
            (Some(options), None) => (options, listen_by_environment()?),
            (None, listen) => {
                let (options, parsed) = parse(&component);
                (options, listen.unwrap_or(parsed))
            }
        };
        let role = options.role(&component.name);
        if options.describe() {
            let message = component.instantiate(&role)?.to_discovery_message();
            return print_line(&format!("{message:#}"));
        }
        log_to_stderr();

        let mut signals = StopSignals::listen()?;
        // Before the participant makes its metrics.
        let listener = listen.listen.map(Listener::bind).transpose()?;
        let broker = options.broker();
        let network = tokio::select! {
            network = connect_within(&broker, options.connect_timeout()) => network?,
            () = signals.next() => return Ok(()),
        };
        let handle = tokio::select! {
            started = network.start_with(&role, self.participant, options.settings()) => started,
            () = signals.next() => return network.shutdown_within(options.shutdown_timeout()).await,
        };
        let handle = match handle {
            Ok(handle) => handle,
            Err(error) => {
                let _ = network.shutdown_within(options.shutdown_timeout()).await;
                return Err(error);
            }
        };
        if let Some(listener) = listener {
            listener.serve(&network)?;
        }
        let url = network.transport().url();
        print_line(&format!("{role} ({}) is ready on {url}", component.name))?;

        let (stop, stopped) = watch::channel(false);
        let mut running = JoinSet::new();
        for background in self.backgrounds {
            running.spawn(background(handle.clone(), Stop(stopped.clone())));
        }
        let is_source = component.inports.iter().all(|port| port.hidden);
        let outcome = tokio::select! {
            () = signals.next() => Ok(()),
            error = network.failed() => Err(error),
            ended = first_failure(&mut running, is_source) => ended,
        };
        stop.send_replace(true);
        tokio::select! {
            ended = end(&network, running, options.shutdown_timeout()) => outcome.and(ended),
            () = signals.next() => {
                // Whatever blocks, and whoever waits for it: the broker delivers again what was in hand.
                eprintln!("stopped before everything in flight was finished; it will be delivered again");
                std::process::exit(1);
            }
        }
    }
}

/// Returns when a background fails, or a source has no more of them.
async fn first_failure(running: &mut JoinSet<Result<()>>, is_source: bool) -> Result<()> {
    if running.is_empty() {
        return std::future::pending().await;
    }
    while let Some(ended) = running.join_next().await {
        flatten(ended)?;
    }
    if is_source { Ok(()) } else { std::future::pending().await }
}

/// Waits for the backgrounds, and then for what is in flight.
async fn end(network: &Network, mut running: JoinSet<Result<()>>, limit: Duration) -> Result<()> {
    let started = Instant::now();
    let waited = tokio::time::timeout(limit, async {
        let mut outcome = Ok(());
        while let Some(ended) = running.join_next().await {
            outcome = outcome.and(flatten(ended));
        }
        outcome
    });
    let outcome = waited.await.unwrap_or_else(|_| {
        Err(Error::message(format!("a background of the program did not end within {limit:?}")))
    });
    running.abort_all();
    outcome.and(network.shutdown_within(limit.saturating_sub(started.elapsed())).await)
}

fn flatten(ended: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    ended.unwrap_or_else(|error| {
        Err(Error::message(format!("a background of the program ended: {error}")))
    })
}

fn parse(component: &Component) -> (Options, ListenOptions) {
    let command = Options::augment_args(clap::Command::new("participant"));
    let command = ListenOptions::augment_args(command);
    let matches = command.about(component.label.clone()).get_matches();
    let options = Options::from_arg_matches(&matches);
    let listen = ListenOptions::from_arg_matches(&matches);
    let read = options.and_then(|options| Ok((options, listen?)));
    read.unwrap_or_else(|error| error.exit())
}

fn listen_by_environment() -> Result<ListenOptions> {
    let Some(text) = std::env::var("MSGFLO_LISTEN").ok().filter(|text| !text.is_empty()) else {
        return Ok(ListenOptions::default());
    };
    match text.parse() {
        Ok(address) => Ok(ListenOptions { listen: Some(address) }),
        Err(_) => Err(Error::invalid(format!(
            "MSGFLO_LISTEN is `{text}`, which is no address with a port; write it like 0.0.0.0:8080"
        ))),
    }
}

fn print_line(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(())
}
