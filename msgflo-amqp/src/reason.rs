//! What the broker answered, in words that help.

use lapin::types::ShortString;
use lapin::{Error, ErrorKind};
use msgflo_core::Result;

/// AMQP reply codes that are the user's to act on.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// The broker's reply code, if it was the broker that closed the channel or connection.
fn reply_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// The channel was closed because of what was asked on it; the connection is fine, and asking
/// again would be answered the same.
pub(crate) fn is_refusal(error: &Error) -> bool {
    error.is_amqp_soft_error()
}

/// A queue or exchange is not there.
pub(crate) fn is_not_found(error: &Error) -> bool {
    reply_code(error) == Some(NOT_FOUND)
}

/// The broker answered that we may not connect: trying again is of no use.
pub(crate) fn is_denied(error: &Error) -> bool {
    matches!(reply_code(error), Some(ACCESS_REFUSED | NOT_ALLOWED))
        || matches!(
            error.kind(),
            ErrorKind::AuthProviderError(_) | ErrorKind::InvalidProtocolVersion(_)
        )
        || is_certificate(error)
}

/// TLS failed on a certificate or key, ours or theirs.
fn is_certificate(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::IOError(io) => io.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// Why the connection was refused, and what to check.
pub(crate) fn why_denied(error: &Error) -> String {
    let advice = match reply_code(error) {
        Some(ACCESS_REFUSED) => "check user and password",
        Some(NOT_ALLOWED) => {
            "check that the virtual host (the URL's path) exists and the user may use it"
        }
        _ if is_certificate(error) => {
            "check the certificates (`cacertfile`, `certfile`, `keyfile` in the URL), and that the host name is the certificate's"
        }
        _ => "check the URL",
    };
    format!("{}; {advice}", answer(error))
}

/// What the broker answered about a queue or exchange, and what to do.
pub(crate) fn explain(error: &Error) -> String {
    let advice = match reply_code(error) {
        Some(PRECONDITION_FAILED) => {
            "; it exists already with other arguments, declared by another program: delete it, or give the port another `queue`"
        }
        Some(NOT_FOUND) => {
            "; start the participant that has it first, and compare the name with what it announces"
        }
        Some(ACCESS_REFUSED) => "; the user needs configure, write and read permission for it",
        Some(RESOURCE_LOCKED) => "; it belongs to another connection alone",
        _ => "",
    };
    format!("{}{advice}", answer(error))
}

/// The broker's own words, or those of the system.
pub(crate) fn answer(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            format!("the broker answered `{} {}`", error.get_id(), error.get_message().as_str())
        }
        ErrorKind::IOError(error) => error.to_string(),
        _ => error.to_string(),
    }
}

/// A name as AMQP can carry it.
pub(crate) fn short(name: &str) -> Result<ShortString> {
    ShortString::try_new(name).map_err(|_| {
        msgflo_core::Error::invalid(format!(
            "`{}…` is too long for a queue: AMQP allows 255 bytes, these are {}",
            name.chars().take(40).collect::<String>(),
            name.len()
        ))
    })
}
