//! One error type for everything: user code, payloads, and transports.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// A [`std::result::Result`] with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Boxed = Box<dyn StdError + Send + Sync + 'static>;

/// Why something failed, as a sentence that a user can act on.
///
/// What the standard library, tokio and msgflo's own crates fail with converts into it with `?`; so do
/// text, `anyhow::Error` and `Box<dyn Error + Send + Sync>`. For any other error there is [`Error::new`], and `impl From<MyError> for msgflo::Error`
/// makes `?` convert a type of one's own. A participant's method may just as well return
/// `anyhow::Result`, or a `Result` with any other error type: this type is a
/// [`std::error::Error`], so that `?` converts it there. What msgflo itself reports can be told
/// apart with [`Error::kind`].
///
/// ```
/// fn width(text: &str) -> msgflo_core::Result<u32> {
///     Ok(text.parse()?)
/// }
/// assert!(width("wide").is_err());
/// ```
pub struct Error {
    reason: Boxed,
    verdict: Option<Verdict>,
}

/// What is to become of a message that failed, whatever the settings say. It is found among the
/// sources of an error, so that it survives being wrapped by `anyhow` and others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Verdict {
    /// To the dead letters: it will never succeed.
    #[error("it is not tried again")]
    Permanent,
    /// Again, after so long.
    #[error("it is to be tried again after {0:?}")]
    RetryAfter(Duration),
    /// It is not the message's fault: back to its queue.
    #[error("the message goes back to its queue")]
    Release,
}

/// An error that more attempts will not change: the message goes to the dead letters at once,
/// whatever `attempts` says.
///
/// ```
/// # async fn find(_: &str) -> Option<()> { None }
/// async fn resize(photo: String) -> msgflo_core::Result<()> {
///     let photo = find(&photo).await.ok_or_else(|| msgflo_core::permanent("no such photo"))?;
///     // …
///     Ok(photo)
/// }
/// ```
pub fn permanent(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error { reason: reason.into(), verdict: Some(Verdict::Permanent) }
}

/// An error that may be gone after so long: the message is processed again then, whatever
/// `backoff` says. It counts as one of `attempts`.
///
/// ```
/// use std::time::Duration;
///
/// let error = msgflo_core::retry_after(Duration::from_secs(30), "the origin is busy");
/// assert_eq!(error.to_string(), "the origin is busy");
/// ```
pub fn retry_after(after: Duration, reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error { reason: reason.into(), verdict: Some(Verdict::RetryAfter(after)) }
}

/// What msgflo itself can fail at. Every transport reports these in the same words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The broker could not be reached in time.
    #[error(
        "cannot connect to {url} within {}s: {reason}. Is the broker running there? (--broker, MSGFLO_BROKER)",
        .timeout.as_secs_f32()
    )]
    Unreachable {
        /// The broker's URL, without its password.
        url: String,
        /// How long it was tried.
        timeout: Duration,
        /// What the last attempt answered.
        reason: String,
    },
    /// The broker answered, and refused: user, password, virtual host, permission.
    #[error("{url} refused the connection: {reason}")]
    Refused {
        /// The broker's URL, without its password.
        url: String,
        /// What the broker answered, and what to check.
        reason: String,
    },
    /// A queue, exchange or topic cannot be had as it was asked for.
    #[error("cannot use queue `{queue}` on {url}: {reason}")]
    Queue {
        /// The broker's URL, without its password.
        url: String,
        /// Which queue.
        queue: String,
        /// What the broker answered, and what to do.
        reason: String,
    },
    /// A message was not taken by the broker.
    #[error("cannot send to `{queue}` on {url}: {reason}")]
    Send {
        /// The broker's URL, without its password.
        url: String,
        /// Where the message should have gone.
        queue: String,
        /// What the broker answered, and what to do.
        reason: String,
    },
    /// A payload's bytes are not of the port's format.
    #[error("not a valid {format} payload: {reason}")]
    Decode {
        /// The format that the port takes.
        format: &'static str,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// A value that cannot be written in the port's format.
    #[error("cannot write the value as {format}: {reason}")]
    Encode {
        /// The format that the port sends.
        format: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// A setting, a URL, a definition or a call that cannot work.
    #[error("{0}")]
    Invalid(String),
    /// The transport cannot do what was asked.
    #[error("{url} cannot {what}")]
    Unsupported {
        /// The broker's URL, without its password.
        url: String,
        /// What it cannot do.
        what: String,
    },
    /// The network is shut down, or the participant was never started.
    #[error("{0}")]
    Closed(String),
}

impl Error {
    /// An error with a message of its own.
    ///
    /// ```
    /// let error = msgflo_core::Error::message("the photo has no pixels");
    /// assert_eq!(error.to_string(), "the photo has no pixels");
    /// ```
    pub fn message(message: impl Into<String>) -> Self {
        Self { reason: message.into().into(), verdict: None }
    }

    /// From any other error, where `?` does not convert it: `.map_err(msgflo::Error::new)`.
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let reason = error.into();
        match reason.downcast::<Self>() {
            Ok(own) => *own,
            Err(reason) => Self { verdict: Verdict::among(&*reason), reason },
        }
    }

    /// An error for a setting, a URL or a definition that cannot work.
    pub fn invalid(message: impl Into<String>) -> Self {
        ErrorKind::Invalid(message.into()).into()
    }

    /// The error that this was made of, or one of its sources, if it is of that type.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        chain(&*self.reason).find_map(|error| error.downcast_ref())
    }

    /// What went wrong, where it was msgflo that reported it; `None` for the user's own errors.
    pub fn kind(&self) -> Option<&ErrorKind> {
        chain(&*self.reason).find_map(|error| {
            let own = error.downcast_ref::<Self>().and_then(Self::kind);
            own.or_else(|| error.downcast_ref())
        })
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }
}

impl Verdict {
    fn among(error: &(dyn StdError + 'static)) -> Option<Self> {
        chain(error).find_map(|error| match error.downcast_ref::<Error>() {
            Some(own) => own.verdict,
            None => error.downcast_ref().copied(),
        })
    }
}

/// The error and its sources.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.verdict {
            Some(verdict) => Some(verdict),
            None => self.reason.source(),
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        // Who is told that the network is closed has not failed at its message.
        let verdict = matches!(kind, ErrorKind::Closed(_)).then_some(Verdict::Release);
        Self { reason: kind.into(), verdict }
    }
}

impl From<Boxed> for Error {
    fn from(error: Boxed) -> Self {
        Self::new(error)
    }
}

/// Errors that methods meet every day.
macro_rules! convert {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        })*
    };
}

convert!(
    String,
    &str,
    std::io::Error,
    std::fmt::Error,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::char::ParseCharError,
    std::net::AddrParseError,
    std::env::VarError,
    std::time::SystemTimeError,
    std::array::TryFromSliceError,
    std::sync::mpsc::RecvError,
    serde_json::Error,
    tokio::task::JoinError,
    tokio::time::error::Elapsed,
    tokio::sync::oneshot::error::RecvError,
    tokio::sync::AcquireError,
    tokio::sync::broadcast::error::RecvError,
    tokio::sync::watch::error::RecvError,
    url::ParseError,
    uuid::Error,
    anyhow::Error,
);

impl<T> From<tokio::sync::mpsc::error::SendError<T>> for Error {
    fn from(error: tokio::sync::mpsc::error::SendError<T>) -> Self {
        Self::message(error.to_string())
    }
}

#[cfg(feature = "protobuf")]
convert!(prost::DecodeError, prost::EncodeError);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        // The whole chain on one line: a log line is all that is left of a rejected message.
        let mut told = self.reason.to_string();
        for cause in chain(&*self.reason).skip(1).filter(|cause| !cause.is::<Verdict>()) {
            let text = cause.to_string();
            if !told.contains(&text) {
                write!(f, ": {text}")?;
                told = text;
            }
        }
        Ok(())
    }
}

/// The same sentence as [`Display`](fmt::Display): it is what a `main` that returns it prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_the_question_mark() {
        fn fails() -> Result<()> {
            Err(ErrorKind::Closed("gone".into()))?
        }
        assert!(matches!(fails().unwrap_err().kind(), Some(ErrorKind::Closed(_))));
    }

    #[test]
    fn causes_are_told_once() {
        let io = std::io::Error::other("disk is full");
        #[derive(Debug, thiserror::Error)]
        #[error("cannot store the photo")]
        struct Store(#[source] std::io::Error);
        assert_eq!(Error::new(Store(io)).to_string(), "cannot store the photo: disk is full");
    }

    #[test]
    fn a_verdict_survives_being_wrapped() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot resize")]
        struct Wrapped(#[from] Error);
        let wrapped = |error: Error| Error::new(Wrapped(error));
        assert_eq!(wrapped(permanent("no photo")).verdict(), Some(Verdict::Permanent));
        assert_eq!(wrapped(permanent("no photo")).to_string(), "cannot resize: no photo");
        let after = Duration::from_secs(3);
        assert_eq!(wrapped(retry_after(after, "busy")).verdict(), Some(Verdict::RetryAfter(after)));
        let closed = wrapped(ErrorKind::Closed("gone".into()).into());
        assert_eq!(closed.verdict(), Some(Verdict::Release));
        assert!(matches!(closed.kind(), Some(ErrorKind::Closed(_))));
        assert_eq!(wrapped(Error::message("no")).verdict(), None);
    }

    /// `anyhow` hides the type of the error that it took in, but not that error's sources.
    #[test]
    fn a_verdict_survives_anyhow() {
        fn method(error: Error) -> anyhow::Result<()> {
            Err(error)?;
            Ok(())
        }
        use anyhow::Context as _;
        let plain = method(permanent("no photo")).unwrap_err();
        assert_eq!(Error::new(plain).verdict(), Some(Verdict::Permanent));
        let context = method(permanent("no photo")).context("photo 17").unwrap_err();
        let error = Error::new(context);
        assert_eq!(error.verdict(), Some(Verdict::Permanent));
        assert_eq!(error.to_string(), "photo 17: no photo");
    }
}
