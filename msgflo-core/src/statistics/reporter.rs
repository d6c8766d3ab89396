//! Telling of the work, regularly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::{InportMeter, OutportMeter, Statistics, queue};
use crate::transport::{Target, Transport};
use crate::{Definition, Result};

/// Who has nothing new to tell, says so every so many periods.
const IDLE_PERIODS: u32 = 3;
/// How long the last word may hold up the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// What there is to report of: a participant's ports.
pub(crate) struct Reported {
    pub(crate) definition: Arc<Definition>,
    pub(crate) inports: Vec<Arc<InportMeter>>,
    pub(crate) outports: Vec<Arc<OutportMeter>>,
}

/// Tells of one participant's work. Whatever fails here, is no failure of the participant.
pub(crate) struct Reporter {
    transport: Arc<dyn Transport>,
    reported: Reported,
    period: Duration,
    started: Instant,
    state: Mutex<State>,
}

struct State {
    declared: bool,
    /// Then it is not tried again: a refusal may close the channel that others publish on.
    refused: bool,
    /// When it was told of last, or began.
    covered: Instant,
    /// What was told last.
    told: Option<Totals>,
}

/// What changes when anything happens: of each inport received and settled, of each outport sent.
type Totals = Vec<(u64, u64)>;

impl Reporter {
    pub(crate) fn new(transport: Arc<dyn Transport>, reported: Reported, period: Duration) -> Self {
        let started = Instant::now();
        let state = State { declared: false, refused: false, covered: started, told: None };
        Self { transport, reported, period, started, state: Mutex::new(state) }
    }

    /// Reports at once, and then every period, until it is stopped, or is refused for good.
    pub(crate) async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(self.period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut idle = 0;
        let report = async {
            loop {
                clock.tick().await;
                let mut state = self.state.lock().await;
                let statistics = self.measure(&state);
                let totals = totals(&statistics);
                idle += 1;
                if state.told.as_ref() == Some(&totals) && idle < IDLE_PERIODS {
                    self.put_back(&statistics);
                    continue;
                }
                idle = 0;
                if !self.tell(&mut state, statistics).await {
                    return;
                }
            }
        };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = report => {}
        }
    }

    /// Tells what is the end of it, if that goes quickly.
    pub(crate) async fn say_last_word(&self) {
        if !self.transport.connection().borrow().connected {
            return;
        }
        let tell = async {
            let mut state = self.state.lock().await;
            if !state.refused {
                let statistics = Statistics { last: true, ..self.measure(&state) };
                self.tell(&mut state, statistics).await;
            }
        };
        if timeout(FAREWELL, tell).await.is_err() {
            debug!("the last statistics were not taken within {FAREWELL:?}");
        }
    }

    /// What happened since it was told of last.
    fn measure(&self, state: &State) -> Statistics {
        let Reported { definition, inports, outports } = &self.reported;
        let now = Instant::now();
        Statistics {
            id: definition.id.clone(),
            role: definition.role.clone(),
            component: definition.component.clone(),
            uptime: (now - self.started).as_secs_f64(),
            interval: (now - state.covered).as_secs_f64(),
            heartbeat: (self.period * IDLE_PERIODS).as_secs_f64(),
            last: false,
            inports: inports.iter().map(|port| port.take()).collect(),
            outports: outports.iter().map(|port| port.read()).collect(),
        }
    }

    fn put_back(&self, statistics: &Statistics) {
        for (meter, inport) in self.reported.inports.iter().zip(&statistics.inports) {
            meter.put_back(&inport.processing);
        }
    }

    /// Returns whether it was taken.
    async fn tell(&self, state: &mut State, statistics: Statistics) -> bool {
        let now = Instant::now();
        let mut taken = Taken { reporter: self, statistics: Some(statistics) };
        let sent = match &taken.statistics {
            Some(statistics) => self.send(state, statistics).await,
            None => Ok(()),
        };
        match sent {
            Ok(()) => {
                let told = taken.statistics.take();
                state.told = told.as_ref().map(totals);
                state.covered = now;
                true
            }
            Err(error) => {
                let role = &self.reported.definition.role;
                debug!(role, "statistics were refused, and are not sent any more: {error}");
                state.refused = true;
                false
            }
        }
    }

    async fn send(&self, state: &mut State, statistics: &Statistics) -> Result<()> {
        if !state.declared {
            self.transport.declare(&queue(&*self.transport)).await?;
            state.declared = true;
        }
        let message = statistics.to_message();
        let queue = self.transport.statistics_queue();
        self.transport.publish(Target::Outport(queue), message).await
    }
}

/// What was measured and is not told yet. If that comes to nothing, the next message has it.
struct Taken<'a> {
    reporter: &'a Reporter,
    statistics: Option<Statistics>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(statistics) = &self.statistics {
            self.reporter.put_back(statistics);
        }
    }
}

fn totals(statistics: &Statistics) -> Totals {
    let inports = statistics.inports.iter().map(|port| (port.received, port.settled()));
    let outports = statistics.outports.iter().map(|port| (port.sent, 0));
    inports.chain(outports).collect()
}
