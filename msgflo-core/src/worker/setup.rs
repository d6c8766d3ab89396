//! How an inport's messages are to be processed, and whether the transport can do what that needs.

use std::time::Duration;

use crate::policy::Policy;
use crate::transport::Transport;
use crate::{Component, Error, ErrorKind, Port, Result};

/// How an inport's messages are processed.
pub(crate) struct Setup {
    pub(crate) concurrency: u16,
    pub(crate) policy: Policy,
    pub(crate) batch: Option<(u16, Duration)>,
    pub(crate) is_parallel: bool,
    pub(crate) ordered_by: Option<String>,
    pub(crate) takes_answers: bool,
}

impl Setup {
    /// As the port says itself, and else as the participant is run.
    pub(crate) fn new(port: &Port, concurrency: u16, policy: Policy) -> Result<Self> {
        let policy = Policy {
            attempts: port.attempts.unwrap_or(policy.attempts),
            backoff: port.backoff.unwrap_or(policy.backoff),
            timeout: port.timeout.or(policy.timeout),
            max_deliveries: policy.max_deliveries,
        };
        policy.check()?;
        if port.batch == Some(0) {
            return Err(Error::invalid(format!(
                "a batch of 0 on inport `{}` would process nothing: give 1 or more",
                port.id
            )));
        }
        Ok(Self {
            concurrency,
            policy,
            batch: port.batch.map(|batch| (batch, port.linger)),
            is_parallel: port.parallel,
            ordered_by: port.ordered_by.clone(),
            takes_answers: port.replies,
        })
    }

    /// How many messages may be unsettled at once.
    pub(crate) fn prefetch(&self) -> u16 {
        self.batch.map_or(self.concurrency, |(batch, _)| batch.saturating_mul(self.concurrency))
    }
}

/// What the transport must be able to do for a component, and cannot.
pub(crate) fn check_abilities(component: &Component, transport: &dyn Transport) -> Result<()> {
    let abilities = transport.abilities();
    let unsupported = |port: &Port, what: &str| {
        let what = format!("{what}, which port `{}` needs", port.id);
        Err(ErrorKind::Unsupported { url: transport.url().into(), what }.into())
    };
    for port in component.inports.iter().chain(&component.outports) {
        let required = port.required;
        if (required.headers || port.ordered_by.is_some() || port.replies) && !abilities.headers {
            return unsupported(port, "carry headers and correlation ids");
        }
        if required.delay && !abilities.delay {
            return unsupported(port, "hold messages back");
        }
        if required.expiry && !abilities.expiry {
            return unsupported(port, "let messages expire");
        }
        if (required.priority || port.max_priority.is_some()) && !abilities.priority {
            return unsupported(port, "let messages overtake others by priority");
        }
    }
    Ok(())
}
