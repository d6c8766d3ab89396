//! The methods that inports hand their messages to, whatever their shape.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::blocking::Threads;
use crate::processing::Context;
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
    pub fn new<A>(method: impl Process<S, P, A>) -> Self {
        Self(Call::Each(Arc::new(move |participant, payload, context| {
            method.process(participant, payload, context)
        })))
    }

    /// An async method that takes several messages: `async fn(&self, Vec<P>)`, or with a `Context`.
    #[doc(hidden)]
    pub fn batch<A>(method: impl Process<S, Vec<P>, A>) -> Self {
        Self(Call::Batch(Arc::new(move |participant, payloads, context| {
            method.process(participant, payloads, context)
        })))
    }

    /// A method that blocks: `fn(&self, P)` or `fn(&self, P, Context)`. It runs on threads of its own.
    #[doc(hidden)]
    pub fn blocking<A>(method: impl Block<S, P, A>) -> Self {
        let (method, threads) = (Arc::new(method), Threads::new());
        Self(Call::Each(Arc::new(move |participant, payload, context: Context| {
            let method = method.clone();
            let current = context.clone();
            let done = threads.run(move || {
                let call = || method.block(&participant, payload, context);
                std::panic::catch_unwind(AssertUnwindSafe(|| current.sync_scope(call)))
                    .unwrap_or_else(|panic| Err(panicked(&*panic)))
            });
            async move {
                done.await
                    .unwrap_or_else(|_| Err(Error::message("the thread of the method is gone")))
            }
            .boxed()
        })))
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

/// A panic as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::message(format!("the method panicked: {text}"))
}

/// What an inport's method comes to.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an inport's method returns `Result<(), E>`, not `{Self}`",
    label = "returns `{Self}`",
    note = "write `async fn method(&self, payload: P) -> msgflo::Result<()>`"
)]
pub trait Outcome {
    /// Any error as msgflo's own.
    fn into_result(self) -> Result<()>;
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(Error::new)
    }
}

/// An async method of a participant `S` that takes a `P`. `A` tells its shapes apart.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this is no method that an inport of `{P}` can hand its messages to",
    label = "not of the shape `async fn(&self, P) -> Result<(), E>`",
    note = "write `async fn method(&self, payload: {P}) -> msgflo::Result<()>`; a last argument `context: msgflo::Context` may be added",
    note = "its future must be `Send`: it may hold nothing across an `.await` that is not",
    note = "a method that is not async needs `blocking` beside `process`"
)]
pub trait Process<S, P, A>: Send + Sync + 'static {
    fn process(
        &self,
        participant: Arc<S>,
        payload: P,
        context: Context,
    ) -> BoxFuture<'static, Result<()>>;
}

/// Marks methods that take a message alone.
#[doc(hidden)]
pub struct Alone;
/// Marks methods that also take a context.
#[doc(hidden)]
pub struct WithContext;

#[doc(hidden)]
pub trait ProcessAlone<'a, S: 'a, P> {
    type Future: Future<Output: Outcome> + Send + 'a;
    fn call(&self, participant: &'a S, payload: P) -> Self::Future;
}

impl<'a, S: 'a, P, F, R> ProcessAlone<'a, S, P> for F
where
    F: Fn(&'a S, P) -> R,
    R: Future<Output: Outcome> + Send + 'a,
{
    type Future = R;
    fn call(&self, participant: &'a S, payload: P) -> R {
        self(participant, payload)
    }
}

impl<S, P, F> Process<S, P, Alone> for F
where
    S: Send + Sync + 'static,
    P: Send + 'static,
    F: for<'a> ProcessAlone<'a, S, P> + Clone + Send + Sync + 'static,
{
    fn process(
        &self,
        participant: Arc<S>,
        payload: P,
        _: Context,
    ) -> BoxFuture<'static, Result<()>> {
        let method = self.clone();
        Box::pin(async move { method.call(&participant, payload).await.into_result() })
    }
}

#[doc(hidden)]
pub trait ProcessWithContext<'a, S: 'a, P> {
    type Future: Future<Output: Outcome> + Send + 'a;
    fn call(&self, participant: &'a S, payload: P, context: Context) -> Self::Future;
}

impl<'a, S: 'a, P, F, R> ProcessWithContext<'a, S, P> for F
where
    F: Fn(&'a S, P, Context) -> R,
    R: Future<Output: Outcome> + Send + 'a,
{
    type Future = R;
    fn call(&self, participant: &'a S, payload: P, context: Context) -> R {
        self(participant, payload, context)
    }
}

impl<S, P, F> Process<S, P, WithContext> for F
where
    S: Send + Sync + 'static,
    P: Send + 'static,
    F: for<'a> ProcessWithContext<'a, S, P> + Clone + Send + Sync + 'static,
{
    fn process(
        &self,
        participant: Arc<S>,
        payload: P,
        context: Context,
    ) -> BoxFuture<'static, Result<()>> {
        let method = self.clone();
        Box::pin(async move { method.call(&participant, payload, context).await.into_result() })
    }
}

/// A method of a participant `S` that takes a `P` and blocks. `A` tells its shapes apart.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this is no method that an inport of `{P}` can call on a thread of its own",
    label = "not of the shape `fn(&self, P) -> Result<(), E>`",
    note = "with `blocking`, write `fn method(&self, payload: {P}) -> msgflo::Result<()>`, not `async fn`; a last argument `context: msgflo::Context` may be added"
)]
pub trait Block<S, P, A>: Send + Sync + 'static {
    fn block(&self, participant: &S, payload: P, context: Context) -> Result<()>;
}

impl<S, P, F, O> Block<S, P, (Alone, O)> for F
where
    F: Fn(&S, P) -> O + Send + Sync + 'static,
    O: Outcome,
{
    fn block(&self, participant: &S, payload: P, _: Context) -> Result<()> {
        self(participant, payload).into_result()
    }
}

impl<S, P, F, O> Block<S, P, (WithContext, O)> for F
where
    F: Fn(&S, P, Context) -> O + Send + Sync + 'static,
    O: Outcome,
{
    fn block(&self, participant: &S, payload: P, context: Context) -> Result<()> {
        self(participant, payload, context).into_result()
    }
}
