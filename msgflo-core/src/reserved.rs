//! The headers that are msgflo's own: what counts attempts, and what dead letters tell of themselves.

use std::time::SystemTime;

use crate::headers::Headers;
use crate::message::Message;

/// Which attempt comes next, from 2 on.
pub const ATTEMPT: &str = "msgflo-attempt";
/// How often it was delivered and never settled, before it was sent again.
pub const DELIVERIES: &str = "msgflo-deliveries";
/// The queue in which a request's answer is awaited, wherever in the network it is made.
pub const ANSWER_TO: &str = "msgflo-answer-to";
/// Of a dead letter: the role whose worker gave it up.
pub const ROLE: &str = "msgflo-role";
/// Of a dead letter: the inport.
pub const PORT: &str = "msgflo-port";
/// Of a dead letter: the queue that it was in.
pub const QUEUE: &str = "msgflo-queue";
/// Of a dead letter, and of an answer that says that a request has failed: why, in at most 2 KB.
pub const ERROR: &str = "msgflo-error";
/// Of a dead letter: how often it was tried.
pub const ATTEMPTS: &str = "msgflo-attempts";
/// When it failed for the first time, as in RFC 3339.
pub const FIRST_FAILED: &str = "msgflo-first-failed";
/// Of a dead letter: when it failed for the last time, as in RFC 3339.
pub const LAST_FAILED: &str = "msgflo-last-failed";
/// Of a dead letter: the id of the participant that gave it up.
pub const WORKER: &str = "msgflo-worker";
/// Of a dead letter: the message's identifier.
pub const ID: &str = "msgflo-original-id";
/// W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";
/// W3C Trace Context.
pub const TRACESTATE: &str = "tracestate";

/// What is told of an error has so many bytes at most.
const LONGEST_ERROR: usize = 2048;
/// No count is higher: who says so is wrong.
const HIGHEST: u32 = 1_000_000;

/// Why a message is a dead letter.
pub(crate) struct Reason<'a> {
    pub(crate) role: &'a str,
    pub(crate) port: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) worker: &'a str,
    pub(crate) error: &'a str,
    pub(crate) attempts: u32,
    pub(crate) now: SystemTime,
}

fn count(headers: &Headers, name: &str) -> Option<u32> {
    headers.get(name)?.parse().ok().map(|count: u32| count.min(HIGHEST))
}

/// Which attempt a message is at: 1, 2, …
pub(crate) fn attempt(headers: &Headers) -> u32 {
    count(headers, ATTEMPT).unwrap_or(1).max(1)
}

/// How often a message was delivered and never settled, as far as its headers tell.
pub(crate) fn deliveries(headers: &Headers) -> u32 {
    count(headers, DELIVERIES).unwrap_or(0)
}

/// The message for its next attempt.
pub(crate) fn retried(message: &Message, attempt: u32, now: SystemTime) -> Message {
    let mut message = message.clone();
    let headers = message.headers_mut();
    headers.insert(ATTEMPT, attempt.to_string());
    headers.remove(DELIVERIES);
    if headers.get(FIRST_FAILED).is_none() {
        headers.insert(FIRST_FAILED, timestamp(now));
    }
    message
}

/// The message, with how often it was delivered.
pub(crate) fn counted(message: &Message, deliveries: u32) -> Message {
    let mut message = message.clone();
    message.headers_mut().insert(DELIVERIES, deliveries.to_string());
    message
}

/// The message as a dead letter that tells why it is one.
pub(crate) fn dead_letter(message: &Message, reason: &Reason<'_>) -> Message {
    let mut message = message.clone();
    let id = message.id.clone();
    message.take_expiry();
    let headers = message.headers_mut();
    headers.insert(ROLE, reason.role);
    headers.insert(PORT, reason.port);
    headers.insert(QUEUE, reason.queue);
    headers.insert(ERROR, shown(reason.error));
    headers.insert(ATTEMPTS, reason.attempts.to_string());
    let now = timestamp(reason.now);
    if headers.get(FIRST_FAILED).is_none() {
        headers.insert(FIRST_FAILED, now.clone());
    }
    headers.insert(LAST_FAILED, now);
    headers.insert(WORKER, reason.worker);
    if let Some(id) = id {
        headers.insert(ID, id);
    }
    headers.remove(ATTEMPT);
    headers.remove(DELIVERIES);
    message
}

/// A dead letter as it was before it failed: with its headers, and all attempts before it.
pub fn revived(message: &Message) -> Message {
    let mut message = message.clone();
    let own = [
        ATTEMPT,
        DELIVERIES,
        ROLE,
        PORT,
        QUEUE,
        ERROR,
        ATTEMPTS,
        FIRST_FAILED,
        LAST_FAILED,
        WORKER,
        ID,
    ];
    for name in own {
        if message.headers().get(name).is_some() {
            message.headers_mut().remove(name);
        }
    }
    message
}

/// An error as a header can carry it.
pub(crate) fn shown(error: &str) -> String {
    let mut shown = String::with_capacity(error.len().min(LONGEST_ERROR));
    for character in error.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if shown.len() + character.len_utf8() > LONGEST_ERROR - '…'.len_utf8() {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn reason(error: &str) -> Reason<'_> {
        let (role, port, queue, worker) = ("resize", "in", "resize.IN", "resize-1");
        let now = UNIX_EPOCH + Duration::from_secs(86_400);
        Reason { role, port, queue, worker, error, attempts: 3, now }
    }

    #[test]
    fn a_dead_letter_tells_why_and_is_revived_as_it_was() {
        let message = Message::new("photo").with_id("7").with_header("tenant", "a");
        let tried = retried(&retried(&message, 2, UNIX_EPOCH), 3, SystemTime::now());
        assert_eq!(attempt(tried.headers()), 3);
        let dead = dead_letter(&tried, &reason("no such photo"));
        let told = |name| dead.headers().get(name);
        assert_eq!(told(ERROR), Some("no such photo"));
        assert_eq!(told(ATTEMPTS), Some("3"));
        assert_eq!(told(FIRST_FAILED), Some("1970-01-01T00:00:00.000Z"));
        assert_eq!(told(LAST_FAILED), Some("1970-01-02T00:00:00.000Z"));
        assert_eq!((told(ID), told(WORKER)), (Some("7"), Some("resize-1")));
        assert_eq!((told("tenant"), told(ATTEMPT)), (Some("a"), None));
        assert_eq!(revived(&dead), message);
    }

    #[test]
    fn errors_fit_into_a_header() {
        let long = dead_letter(&Message::new(""), &reason(&"ö\n".repeat(3000)));
        let error = long.headers().get(ERROR).unwrap();
        assert!(error.len() <= 2048 && error.ends_with('…') && error.starts_with("ö ö"));
        assert_eq!(shown("short"), "short");
    }

    #[test]
    fn what_is_no_count_counts_for_nothing() {
        let headers = |value: &str| Headers::from_iter([(ATTEMPT, value), (DELIVERIES, value)]);
        for (value, attempts, delivered) in [
            ("", 1, 0),
            ("-1", 1, 0),
            ("0", 1, 0),
            ("4", 4, 4),
            ("4294967295", HIGHEST, HIGHEST),
            ("99999999999", 1, 0),
        ] {
            let headers = headers(value);
            assert_eq!((attempt(&headers), deliveries(&headers)), (attempts, delivered), "{value}");
        }
    }
}
