//! Threads for methods that block: detached, so that nobody waits for them when the process ends.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A thread with nothing to do ends after so long.
const IDLE: Duration = Duration::from_secs(10);

thread_local! {
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// Whether this runs on one of these threads.
pub(crate) fn is_own_thread() -> bool {
    IS_OWN.get()
}

/// As many threads as there is work at once: who gives it bounds it.
pub(crate) struct Threads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn FnOnce() + Send>>,
    idle: usize,
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Runs it on a thread, inside the runtime on which this is called. If no thread can be had, the
    /// receiver fails.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, receiver) = oneshot::channel();
        let runtime = Handle::current();
        let work = Box::new(move || {
            let _inside = runtime.enter();
            // Fails when nobody waits for it any more.
            let _ = done.send(call());
        });
        let mut state = self.0.state();
        state.waiting.push_back(work);
        if state.idle >= state.waiting.len() {
            self.0.work.notify_one();
        } else {
            drop(state);
            let shared = self.0.clone();
            let thread = std::thread::Builder::new().name("msgflo-blocking".into());
            if let Err(error) = thread.spawn(move || shared.serve()) {
                // Another thread may take it; else it is given up.
                tracing::warn!("the system gives no thread for a method that blocks: {error}");
                let mut state = self.0.state();
                let others_will = state.idle > 0;
                if !others_will {
                    state.waiting.pop_back();
                }
            }
        }
        receiver
    }
}

impl Shared {
    fn serve(&self) {
        IS_OWN.set(true);
        let mut state = self.state();
        loop {
            while let Some(work) = state.waiting.pop_front() {
                drop(state);
                work();
                state = self.state();
            }
            state.idle += 1;
            let (woken, timeout) = self
                .work
                .wait_timeout_while(state, IDLE, |state| state.waiting.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.waiting.is_empty() {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
