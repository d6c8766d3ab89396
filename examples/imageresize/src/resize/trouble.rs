//! What keeps an image from being resized, and what becomes of it then.

use std::time::Duration;

use msgflo::{Error, Result};

use crate::fetch::NotFetched;
use crate::images::Unusable;
use crate::messages::Order;

/// How often it is tried, if it may work later: what `resize` says of its inport.
pub const ATTEMPTS: u32 = 5;

/// Why there is no result.
pub enum Trouble {
    /// The image is to blame, or who sent it.
    Image(Unusable),
    /// Its origin is, for now.
    Origin { reason: String, after: Option<Duration> },
    /// The original was deleted, as jobs are after a time.
    Gone,
    /// The service is: its object store fails.
    Service(Error),
}

impl Trouble {
    /// What whoever sent the image is told, and how the attempt ends. An error if there is to be another
    /// attempt.
    pub fn end(self, order: &Order, is_last: bool) -> Result<(String, Result<()>)> {
        let named = |reason: &str| format!("image {}: {reason}", order.image);
        match self {
            Self::Image(Unusable(error)) => Ok((error, Ok(()))),
            Self::Origin { reason, .. } if is_last => {
                Ok((format!("{reason} (asked {ATTEMPTS} times)"), Ok(())))
            }
            Self::Origin { reason, after: Some(after) } => {
                Err(msgflo::retry_after(after, named(&reason)))
            }
            Self::Origin { reason, after: None } => Err(Error::message(named(&reason))),
            Self::Gone => {
                let error = "the image is no longer kept; send it again";
                Ok((error.into(), Err(msgflo::permanent(named("its original is gone")))))
            }
            Self::Service(failure) => {
                let failure = Error::message(named(&failure.to_string()));
                if !is_last {
                    return Err(failure);
                }
                let error = "the service could not keep the image; send it again later";
                Ok((error.into(), Err(failure)))
            }
        }
    }
}

impl From<Unusable> for Trouble {
    fn from(unusable: Unusable) -> Self {
        Self::Image(unusable)
    }
}

impl From<NotFetched> for Trouble {
    fn from(error: NotFetched) -> Self {
        match error {
            NotFetched::ForGood(unusable) => Self::Image(unusable),
            NotFetched::ForNow { reason, after } => Self::Origin { reason, after },
        }
    }
}

impl From<Error> for Trouble {
    fn from(failure: Error) -> Self {
        Self::Service(failure)
    }
}
