//! Looking at dead letters, which takes nothing.

use std::io;

use msgflo::transport::Transport;
use msgflo::{Error, Result, StopSignals};

use super::held::{Held, MOST, Queue};
use super::letter::Letter;
use super::selection::{Missing, Selection};

/// Brokers that do not tell how many there are, may hand out no more before some are settled.
const WINDOW: usize = 20;

/// Shows those that are meant to `look_at`; returns how many. All are given back in their order.
pub async fn look(
    transport: &dyn Transport,
    queue: &str,
    selection: &Selection,
    missing: &mut Missing,
    look_at: &mut dyn FnMut(&Letter<'_>) -> io::Result<()>,
) -> Result<u64> {
    selection.check(transport)?;
    let name = transport.dead_letter_queue(queue);
    let mut stop = StopSignals::listen()?;
    let mut dead = Queue::open(transport, &name, selection.needs()).await?;
    let mut held = Held::default();
    let (mut found, mut outcome) = (0, Ok(()));
    while found < selection.limit() && !held.is_full() {
        let next = tokio::select! {
            biased;
            () = stop.next() => {
                outcome = Err(Error::message("stopped"));
                break;
            }
            next = dead.next() => next?,
        };
        let Some((place, delivery)) = next else { break };
        let letter = Letter::read(&delivery.message);
        missing.meet(&letter);
        let shown = match selection.has(&letter) {
            true => {
                found += 1;
                look_at(&letter)
            }
            false => Ok(()),
        };
        held.add(place, delivery);
        if let Err(error) = shown {
            missing.stop_early();
            // Who read it has had enough.
            if error.kind() != io::ErrorKind::BrokenPipe {
                outcome = Err(error.into());
            }
            break;
        }
    }
    if found >= selection.limit() {
        missing.stop_early();
    } else if dead.waiting.is_none() && held.len() >= WINDOW {
        eprintln!(
            "note: {} does not tell how many dead letters there are, and handed out no more than {} of `{queue}`",
            transport.url(),
            held.len()
        );
    } else if held.is_full() || outcome.is_ok() && dead.left() > 0 {
        eprintln!(
            "note: not all dead letters of `{queue}` were looked at: no more than {MOST} can be in hand at once, or others have some in hand"
        );
    }
    // First, so that what is given back does not come here once more.
    drop(dead);
    outcome.map(|()| found)
}
