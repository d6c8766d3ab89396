//! One error type for everything: user code, payloads, and transports.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// A [`std::result::Result`] with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Boxed = Box<dyn StdError + Send + Sync + 'static>;

/// Why something failed, as a sentence that a user can act on.
///
/// Any error converts into it with `?`, so a participant's methods need no conversions of
/// their own. What msgflo itself reports can be told apart with [`Error::kind`].
///
/// ```
/// fn width(text: &str) -> msgflo_core::Result<u32> {
///     Ok(text.parse()?)
/// }
/// assert!(width("wide").is_err());
/// ```
pub struct Error(Boxed);

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
        Self(message.into().into())
    }

    /// An error for a setting, a URL or a definition that cannot work.
    pub fn invalid(message: impl Into<String>) -> Self {
        ErrorKind::Invalid(message.into()).into()
    }

    /// The error that this was made of, if it is of that type.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// What went wrong, where it was msgflo that reported it; `None` for the user's own errors.
    pub fn kind(&self) -> Option<&ErrorKind> {
        self.0.downcast_ref()
    }

    /// From whatever a participant's method returned.
    #[doc(hidden)]
    pub fn from_method(error: impl Into<Boxed>) -> Self {
        Self(error.into())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<Error> for Boxed {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl From<Error> for Box<dyn StdError + 'static> {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        // The whole chain on one line: a log line is all that is left of a rejected message.
        let mut told = self.0.to_string();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !told.contains(&text) {
                write!(f, ": {text}")?;
                told = text;
            }
            source = cause.source();
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
        assert_eq!(Error::from(Store(io)).to_string(), "cannot store the photo: disk is full");
    }
}
