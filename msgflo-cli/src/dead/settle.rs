//! Moving dead letters back into their queue, or deleting them.

use std::time::SystemTime;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use msgflo::transport::{Copies, Delivery, Direction, Target, Transport};
use msgflo::{Error, Result, StopSignals, reserved};

use super::again::{Again, Verdict};
use super::held::{Held, MOST, Queue};
use super::letter::Letter;
use super::letters;
use super::progress::Progress;
use super::selection::{Missing, Selection};

/// How many are on their way at once.
const PIPELINED: usize = 256;

/// What is done with those that are meant.
#[derive(Clone, Copy)]
pub enum Errand {
    /// Back into the queue that each failed in, with all attempts before it.
    Replay,
    /// Away with them.
    Purge,
}

impl Errand {
    fn done(self) -> &'static str {
        match self {
            Self::Replay => "moved",
            Self::Purge => "deleted",
        }
    }

    /// Acknowledged when it is there, it is nowhere missing.
    async fn run(
        self,
        transport: &dyn Transport,
        queue: &str,
        place: u64,
        delivery: Delivery,
    ) -> Outcome {
        if let Self::Replay = self {
            let message = reserved::revived(&delivery.message);
            let queue = delivery.message.headers().get(reserved::QUEUE).unwrap_or(queue);
            if let Err(error) = transport.publish(Target::Inport(queue), message).await {
                return Err((place, delivery, error));
            }
        }
        delivery.acknowledge();
        Ok(())
    }
}

/// That it is settled, or it and why it is not.
type Outcome = Result<(), (u64, Delivery, Error)>;

/// Settles those that are meant; returns how many. The others are held until the end, so that each is met
/// once, and given back in their order. What fails again meanwhile stays.
pub async fn settle(
    transport: &dyn Transport,
    queue: &str,
    selection: &Selection,
    errand: Errand,
    missing: &mut Missing,
) -> Result<u64> {
    selection.check(transport)?;
    let name = transport.dead_letter_queue(queue);
    let since = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let mut stop = StopSignals::listen()?;
    let mut dead = Queue::open(transport, &name, selection.needs()).await?;
    let mut copies = match dead.waiting {
        Some(_) => None,
        None => Some(transport.tap(&name, Direction::Out).await?),
    };
    let mut again = Again::new(since, copies.is_some());
    let mut work = Work {
        held: Held::default(),
        settled: 0,
        failed: None,
        progress: Progress::new(dead.waiting.map(|waiting| waiting.min(selection.needs()))),
        errand,
    };
    let mut doubtful: Vec<(u64, Delivery)> = Vec::new();
    let mut moving = FuturesUnordered::new();
    let run = |(place, delivery)| errand.run(transport, queue, place, delivery);
    let mut begun = 0;
    while begun < selection.limit() && work.failed.is_none() && !work.held.is_full() {
        let next = tokio::select! {
            biased;
            () = stop.next() => {
                work.failed = Some(stopped());
                continue;
            }
            next = dead.next(), if moving.len() < PIPELINED => next?,
            Some(moved) = moving.next(), if !moving.is_empty() => {
                work.note(moved);
                continue;
            }
        };
        let Some((place, delivery)) = next else {
            if !moving.is_empty() {
                work.finish(&mut moving, &mut stop).await;
                continue;
            }
            let Some(copies) = &mut copies else { break };
            // By now, the tap has told of all that are in doubt.
            hear(copies, &mut again);
            let (old, new) = again
                .settle_doubt(std::mem::take(&mut doubtful), |(_, delivery)| &delivery.message);
            for (place, delivery) in new {
                work.held.add(place, delivery);
            }
            if old.is_empty() {
                break;
            }
            for one in old {
                if begun < selection.limit() {
                    begun += 1;
                    moving.push(run(one));
                } else {
                    doubtful.push(one);
                }
            }
            continue;
        };
        if let Some(copies) = &mut copies {
            hear(copies, &mut again);
        }
        let letter = Letter::read(&delivery.message);
        missing.meet(&letter);
        let verdict = selection.has(&letter).then(|| again.meet(&letter));
        match verdict {
            Some(Verdict::Old) => {
                begun += 1;
                moving.push(run((place, delivery)));
            }
            Some(Verdict::Doubtful) => doubtful.push((place, delivery)),
            Some(Verdict::New) | None => work.held.add(place, delivery),
        }
    }
    work.finish(&mut moving, &mut stop).await;
    drop(moving);
    if begun >= selection.limit() {
        missing.stop_early();
    } else if work.failed.is_none() && (work.held.is_full() || dead.left() > 0) {
        eprintln!(
            "note: not all dead letters of `{queue}` were looked at: no more than {MOST} can be in hand at once, or others have some in hand"
        );
    }
    // First, so that what is given back does not come here once more.
    drop(dead);
    for (place, delivery) in doubtful {
        work.held.add(place, delivery);
    }
    match work.failed {
        None => Ok(work.settled),
        Some(error) => {
            eprintln!("{} of `{queue}` {} before that:", letters(work.settled), errand.done());
            Err(error)
        }
    }
}

/// What has come of it so far.
struct Work {
    held: Held,
    settled: u64,
    failed: Option<Error>,
    progress: Progress,
    errand: Errand,
}

impl Work {
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Ok(()) => {
                self.settled += 1;
                self.progress.tell(self.settled, self.errand.done());
            }
            Err((place, delivery, error)) => {
                self.held.add(place, delivery);
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Waits for those that are on their way; who is told to stop twice, does not.
    async fn finish<F: Future<Output = Outcome>>(
        &mut self,
        moving: &mut FuturesUnordered<F>,
        stop: &mut StopSignals,
    ) {
        while !moving.is_empty() {
            tokio::select! {
                biased;
                () = stop.next() => {
                    if self.failed.replace(stopped()).is_some() {
                        return;
                    }
                }
                Some(outcome) = moving.next() => self.note(outcome),
            }
        }
    }
}

/// Takes note of those that have come, as far as the tap has told.
fn hear(copies: &mut Copies, again: &mut Again) {
    while let Some(Some(Ok(message))) = copies.next().now_or_never() {
        again.arrive(&Letter::read(&message));
    }
}

fn stopped() -> Error {
    Error::message("stopped; what was not settled is given back")
}

#[cfg(test)]
mod tests;
