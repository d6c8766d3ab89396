//! Tells of async methods that hold their thread: nothing else moves there meanwhile.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// Held for longer, it is told of.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(250);

static WATCHED: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());
static WATCHDOG: Once = Once::new();

struct Watched {
    name: String,
    /// Odd while it is being polled.
    polls: AtomicU64,
}

/// Runs a future, and warns, once for each name, when one poll of it takes over a second.
pub(crate) fn watch<F: Future>(name: &str, future: F) -> impl Future<Output = F::Output> {
    let watched = Arc::new(Watched { name: name.into(), polls: AtomicU64::new(0) });
    lock().push(Arc::downgrade(&watched));
    // If there can be no thread, nothing is told.
    WATCHDOG
        .call_once(|| drop(std::thread::Builder::new().name("msgflo-watchdog".into()).spawn(look)));
    async move {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| poll(&watched, future.as_mut(), cx)).await
    }
}

fn poll<F: Future>(
    watched: &Watched,
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    watched.polls.fetch_add(1, Ordering::Relaxed);
    let polled = future.poll(cx);
    watched.polls.fetch_add(1, Ordering::Relaxed);
    polled
}

fn look() {
    let mut seen: Vec<(Arc<Watched>, u64, Duration)> = Vec::new();
    let mut told = std::collections::HashSet::new();
    loop {
        std::thread::sleep(LOOK);
        let watched: Vec<_> = {
            let mut all = lock();
            all.retain(|watched| watched.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        let looked = watched.into_iter().map(|watched| {
            let polls = watched.polls.load(Ordering::Relaxed);
            let before = seen.iter().find(|(other, ..)| Arc::ptr_eq(other, &watched));
            let held = match before {
                Some((_, then, held)) if polls % 2 == 1 && *then == polls => *held + LOOK,
                _ => Duration::ZERO,
            };
            (watched, polls, held)
        });
        let looked = looked.collect();
        seen = looked;
        for (watched, _, held) in &seen {
            if *held >= PATIENCE && told.insert(watched.name.clone()) {
                tracing::warn!(
                    "the method of {} holds its thread for over {PATIENCE:?}, and everything else that runs there waits: say `blocking` at its inport, or `.await` in it",
                    watched.name
                );
            }
        }
        // What has ended is not kept by being looked at.
        seen.retain(|(watched, ..)| Arc::strong_count(watched) > 1);
    }
}

fn lock() -> MutexGuard<'static, Vec<Weak<Watched>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}
