//! Where connections are driven.

use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tracing::warn;

/// For programs that have one thread: a method that computes there must not keep a connection silent,
/// or the broker takes it for dead.
static OWN: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(1).thread_name("msgflo-amqp").enable_all().build();
    if let Err(error) = &built {
        warn!(
            "there is no thread for AMQP ({error}): connections may be lost while a method computes"
        );
    }
    built.ok()
});

/// Runs it, and all that it spawns, where a method that computes does not hold it up. If this is
/// dropped, it is stopped.
pub(crate) async fn drive<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    if Handle::current().metrics().num_workers() > 1 {
        return future.await;
    }
    let Some(own) = &*OWN else { return future.await };
    let mut driven = JoinSet::new();
    driven.spawn_on(future, own.handle());
    match driven.join_next().await {
        Some(Ok(done)) => done,
        // That runtime is never shut down: it has panicked.
        Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        None => std::future::pending().await,
    }
}
