//! Where connections are driven.

use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tracing::warn;

/// For programs that have one thread: a method that computes there must not keep a connection silent,
/// or the broker takes it for dead.
static OWN: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(1).thread_name("msgflo-mqtt").enable_all().build();
    if let Err(error) = &built {
        warn!(
            "there is no thread for MQTT ({error}): connections may be lost while a method computes"
        );
    }
    built.ok()
});

/// A runtime that a method which computes does not hold up.
pub(crate) fn choose() -> Handle {
    let current = Handle::current();
    if current.metrics().num_workers() > 1 {
        return current;
    }
    OWN.as_ref().map_or(current, |own| own.handle().clone())
}

/// Runs it there. If this is dropped, it is stopped. `None` if that runtime is being shut down.
pub(crate) async fn run_on<T: Send + 'static>(
    runtime: &Handle,
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let mut running = JoinSet::new();
    running.spawn_on(future, runtime);
    match running.join_next().await? {
        Ok(done) => Some(done),
        Err(failed) => failed.try_into_panic().map(|panic| std::panic::resume_unwind(panic)).ok(),
    }
}
