//! The methods that inports hand their messages to, whatever their shape.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::blocking::Threads;
use crate::processing::Context;
use crate::signature::{Arguments, Block, Checked, IsAsync, IsBlocking, Outcome, Process, Takes};
use crate::{Error, Result};

/// What an inport does with what comes.
///
/// The derive makes it of a method by name. Without the derive, it is made of a closure:
/// see [`Assembly`](crate::participant::Assembly).
pub struct Method<S, P>(pub(crate) Call<S, P>);

pub(crate) type Each<S, P> =
    Arc<dyn Fn(Arc<S>, P, Context) -> BoxFuture<'static, Result<()>> + Send + Sync>;

pub(crate) enum Call<S, P> {
    Each(Each<S, P>),
    Batch(Each<S, Vec<P>>),
    /// There is none: the port only takes answers.
    None,
}

impl<S: Send + Sync + 'static, P: Send + 'static> Method<S, P> {
    /// An async method that takes one message: `async fn(&self, P)` or `async fn(&self, P, Context)`.
    #[doc(hidden)]
    pub fn new<F, A, R>(method: F) -> Self
    where
        F: Takes<A, R>,
        A: Arguments<S, P>,
        R: IsAsync<Output: Outcome>,
        Checked<F, A, R, S, P>: Process<S, P, A::Shape, R::Output>,
    {
        let method = R::Output::checked(A::checked(method));
        Self(Call::Each(Arc::new(move |participant, payload, context| {
            let outcome = method.clone().process(participant, payload, context);
            Box::pin(async move { outcome.await.into_result() })
        })))
    }

    /// An async method that takes several messages: `async fn(&self, Vec<P>)`, or with a `Context`.
    #[doc(hidden)]
    pub fn batch<F, A, R>(method: F) -> Self
    where
        F: Takes<A, R>,
        A: Arguments<S, Vec<P>>,
        R: IsAsync<Output: Outcome>,
        Checked<F, A, R, S, Vec<P>>: Process<S, Vec<P>, A::Shape, R::Output>,
    {
        let method = R::Output::checked(A::checked(method));
        Self(Call::Batch(Arc::new(move |participant, payloads, context| {
            let outcome = method.clone().process(participant, payloads, context);
            Box::pin(async move { outcome.await.into_result() })
        })))
    }

    /// A method that blocks: `fn(&self, P)` or `fn(&self, P, Context)`. It runs on threads of its own.
    #[doc(hidden)]
    pub fn blocking<F, A, R>(method: F) -> Self
    where
        F: Takes<A, R>,
        A: Arguments<S, P>,
        R: IsBlocking,
        R::Checked<A::Checked<F>>: Block<S, P, A::Shape, R>,
    {
        Self(Call::Each(on_threads(R::checked(A::checked(method)))))
    }

    /// A method that blocks and takes several messages: `fn(&self, Vec<P>)`, or with a `Context`.
    #[doc(hidden)]
    pub fn blocking_batch<F, A, R>(method: F) -> Self
    where
        F: Takes<A, R>,
        A: Arguments<S, Vec<P>>,
        R: IsBlocking,
        R::Checked<A::Checked<F>>: Block<S, Vec<P>, A::Shape, R>,
    {
        Self(Call::Batch(on_threads(R::checked(A::checked(method)))))
    }

    /// A closure that takes a message and its context.
    pub fn closure<F, R>(closure: F) -> Self
    where
        F: Fn(P, Context) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        Self(Call::Each(Arc::new(move |_, payload, context| {
            let outcome = closure(payload, context);
            Box::pin(async move { outcome.await.into_result() })
        })))
    }

    /// A closure that takes several messages: for a port with [`batch`](crate::Port::batch).
    pub fn batch_closure<F, R>(closure: F) -> Self
    where
        F: Fn(Vec<P>, Context) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        Self(Call::Batch(Arc::new(move |_, payloads, context| {
            let outcome = closure(payloads, context);
            Box::pin(async move { outcome.await.into_result() })
        })))
    }

    /// None: what comes answers requests, and nothing else.
    pub fn none() -> Self {
        Self(Call::None)
    }
}

fn on_threads<S, P, M, R>(method: impl Block<S, P, M, R>) -> Each<S, P>
where
    S: Send + Sync + 'static,
    P: Send + 'static,
    R: IsBlocking,
{
    let (method, threads) = (Arc::new(method), Threads::new());
    Arc::new(move |participant, payload, context: Context| {
        let method = method.clone();
        let current = context.clone();
        let done = threads.run(move || {
            let call = || method.block(&participant, payload, context).into_result();
            std::panic::catch_unwind(AssertUnwindSafe(|| current.sync_scope(call)))
                .unwrap_or_else(|panic| Err(panicked(&*panic)))
        });
        async move {
            done.await.unwrap_or_else(|_| Err(Error::message("the thread of the method is gone")))
        }
        .boxed()
    })
}

/// A panic as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::message(format!("the method panicked: {text}"))
}
