//! The shapes that an inport's method may have.
//!
//! What is wrong with a method is found part by part, so that the compiler says what to write. A part
//! that is checked passes the method's type on as `Checked`; where it is wrong there is no such type, and
//! the compiler says nothing of what follows from that.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::processing::Context;
use crate::{Error, Result};

/// A method that takes `A`, a tuple with the participant, and returns `R`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an inport's method takes `&self` and what the inport carries, and may take a `msgflo::Context` last",
    label = "takes more or less than that",
    note = "write `async fn method(&self, payload: P) -> msgflo::Result<()>`, or `async fn method(&self, payload: P, context: msgflo::Context) -> msgflo::Result<()>`"
)]
pub trait Takes<A, R> {}

impl<F, Q, X, R> Takes<(Q, X), R> for F where F: Fn(Q, X) -> R {}
impl<F, Q, X, C, R> Takes<(Q, X, C), R> for F where F: Fn(Q, X, C) -> R {}

/// What a method takes, where `S` is its participant and it is handed a `P`.
#[doc(hidden)]
pub trait Arguments<S, P> {
    type Shape;
    type Checked<F>;
    fn checked<F>(method: F) -> Self::Checked<F>;
}

impl<S, P, Q: Receiver<S>, X: Payload<P>> Arguments<S, P> for (Q, X) {
    type Shape = Alone;
    type Checked<F> = Q::Checked<X::Checked<F>>;
    fn checked<F>(method: F) -> Self::Checked<F> {
        Q::checked(X::checked(method))
    }
}

impl<S, P, Q: Receiver<S>, X: Payload<P>, C: LastArgument> Arguments<S, P> for (Q, X, C) {
    type Shape = WithContext;
    type Checked<F> = Q::Checked<X::Checked<C::Checked<F>>>;
    fn checked<F>(method: F) -> Self::Checked<F> {
        Q::checked(X::checked(C::checked(method)))
    }
}

/// Marks methods that take a message alone.
#[doc(hidden)]
pub struct Alone;
/// Marks methods that also take a context.
#[doc(hidden)]
pub struct WithContext;

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an inport's method begins with `&self`, not with `{Self}`",
    label = "takes `{Self}`, not `&self`",
    note = "several messages are processed at once, so state that changes is in a `Mutex`, an atomic or the like"
)]
pub trait Receiver<S> {
    type Checked<F>;
    fn checked<F>(method: F) -> Self::Checked<F>;
}

impl<S> Receiver<S> for &S {
    type Checked<F> = F;
    fn checked<F>(method: F) -> F {
        method
    }
}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the inport hands its method `{P}`, not `{Self}`",
    label = "takes `{Self}`, not `{P}`",
    note = "write `payload: {P}` behind `&self`; with `batch = …`, a method takes a `Vec` of what the inport carries"
)]
pub trait Payload<P> {
    type Checked<F>;
    fn checked<F>(method: F) -> Self::Checked<F>;
}

impl<P> Payload<P> for P {
    type Checked<F> = F;
    fn checked<F>(method: F) -> F {
        method
    }
}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the last argument of an inport's method is `msgflo::Context`, not `{Self}`",
    label = "takes `{Self}`, not `msgflo::Context`",
    note = "write `context: msgflo::Context` behind the payload, without `&`, or leave it out"
)]
pub trait LastArgument {
    type Checked<F>;
    fn checked<F>(method: F) -> Self::Checked<F>;
}

impl LastArgument for Context {
    type Checked<F> = F;
    fn checked<F>(method: F) -> F {
        method
    }
}

/// The type of an async method in which nothing is wrong: its own.
#[doc(hidden)]
pub type Checked<F, A, R, S, P> =
    <<R as IsAsync>::Output as Outcome>::Checked<<A as Arguments<S, P>>::Checked<F>>;

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an inport's method is `async`, unless the inport is `blocking`",
    label = "returns `{Self}`, and is not `async`",
    note = "write `async fn`; for a method that blocks its thread, write `#[inport(process = …, blocking)]`"
)]
pub trait IsAsync {
    type Output;
}

#[diagnostic::do_not_recommend]
impl<R: Future> IsAsync for R {
    type Output = R::Output;
}

/// What a method that blocks returns.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the method of a `blocking` inport is not `async`, and returns `Result<(), E>`",
    label = "returns `{Self}`",
    note = "write `fn method(&self, payload: P) -> msgflo::Result<()>`; for an `async fn`, take `blocking` away"
)]
pub trait IsBlocking {
    type Checked<F>;
    fn checked<F>(method: F) -> Self::Checked<F>;
    fn into_result(self) -> Result<()>;
}

impl<E: Into<Box<dyn StdError + Send + Sync>> + 'static> IsBlocking for Result<(), E> {
    type Checked<F> = F;
    fn checked<F>(method: F) -> F {
        method
    }
    fn into_result(self) -> Result<()> {
        self.map_err(Error::new)
    }
}

/// What an inport's method comes to.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an inport's method returns `Result<(), E>`, not `{Self}`",
    label = "returns `{Self}`",
    note = "write `async fn method(&self, payload: P) -> msgflo::Result<()>`"
)]
pub trait Outcome: 'static {
    /// Any error as msgflo's own.
    fn into_result(self) -> Result<()>;

    type Checked<F>;
    fn checked<F>(method: F) -> Self::Checked<F>;
}

impl<E: Into<Box<dyn StdError + Send + Sync>> + 'static> Outcome for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(Error::new)
    }

    type Checked<F> = F;
    fn checked<F>(method: F) -> F {
        method
    }
}

/// An async method of a participant `S` that takes a `P` and comes to an `O`. `M` tells its shapes apart.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this is no method that an inport of `{P}` can hand its messages to",
    label = "not of the shape `async fn(&self, P) -> Result<(), E>`",
    note = "write `async fn method(&self, payload: {P}) -> msgflo::Result<()>`, without lifetimes"
)]
pub trait Process<S, P, M, O>: Clone + Send + Sync + 'static {
    fn process(
        self,
        participant: Arc<S>,
        payload: P,
        context: Context,
    ) -> impl Future<Output = O> + Send + 'static;
}

#[doc(hidden)]
pub trait ProcessAlone<'a, S: 'a, P, O> {
    type Future: Future<Output = O> + Send + 'a;
    fn call(&self, participant: &'a S, payload: P) -> Self::Future;
}

impl<'a, S: 'a, P, O, F, R> ProcessAlone<'a, S, P, O> for F
where
    F: Fn(&'a S, P) -> R,
    R: Future<Output = O> + Send + 'a,
{
    type Future = R;
    fn call(&self, participant: &'a S, payload: P) -> R {
        self(participant, payload)
    }
}

impl<S, P, O, F> Process<S, P, Alone, O> for F
where
    S: Send + Sync + 'static,
    P: Send + 'static,
    O: 'static,
    F: for<'a> ProcessAlone<'a, S, P, O> + Clone + Send + Sync + 'static,
{
    async fn process(self, participant: Arc<S>, payload: P, _: Context) -> O {
        self.call(&participant, payload).await
    }
}

#[doc(hidden)]
pub trait ProcessWithContext<'a, S: 'a, P, O> {
    type Future: Future<Output = O> + Send + 'a;
    fn call(&self, participant: &'a S, payload: P, context: Context) -> Self::Future;
}

impl<'a, S: 'a, P, O, F, R> ProcessWithContext<'a, S, P, O> for F
where
    F: Fn(&'a S, P, Context) -> R,
    R: Future<Output = O> + Send + 'a,
{
    type Future = R;
    fn call(&self, participant: &'a S, payload: P, context: Context) -> R {
        self(participant, payload, context)
    }
}

impl<S, P, O, F> Process<S, P, WithContext, O> for F
where
    S: Send + Sync + 'static,
    P: Send + 'static,
    O: 'static,
    F: for<'a> ProcessWithContext<'a, S, P, O> + Clone + Send + Sync + 'static,
{
    async fn process(self, participant: Arc<S>, payload: P, context: Context) -> O {
        self.call(&participant, payload, context).await
    }
}

/// A method of a participant `S` that takes a `P`, blocks, and comes to an `O`. `M` tells its shapes apart.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this is no method that an inport of `{P}` can call on a thread of its own",
    label = "not of the shape `fn(&self, P) -> Result<(), E>`",
    note = "write `fn method(&self, payload: {P}) -> msgflo::Result<()>`, without lifetimes"
)]
pub trait Block<S, P, M, O>: Send + Sync + 'static {
    fn block(&self, participant: &S, payload: P, context: Context) -> O;
}

impl<S, P, F, O> Block<S, P, Alone, O> for F
where
    F: Fn(&S, P) -> O + Send + Sync + 'static,
{
    fn block(&self, participant: &S, payload: P, _: Context) -> O {
        self(participant, payload)
    }
}

impl<S, P, F, O> Block<S, P, WithContext, O> for F
where
    F: Fn(&S, P, Context) -> O + Send + Sync + 'static,
{
    fn block(&self, participant: &S, payload: P, context: Context) -> O {
        self(participant, payload, context)
    }
}
