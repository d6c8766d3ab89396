//! Which options of a port do not go together.

use syn::Error;
use syn::spanned::Spanned;

use crate::parse::Port;

/// These say how a method is called.
const OF_METHODS: &[&str] =
    &["attempts", "backoff", "timeout", "batch", "blocking", "parallel", "ordered_by"];
/// These say what is done with a message of a queue.
const OF_QUEUES: &[&str] = &[
    "attempts",
    "backoff",
    "timeout",
    "batch",
    "parallel",
    "ordered_by",
    "replies",
    "max_priority",
    "headers",
    "delay",
    "expiry",
    "priority",
];

/// Each error stands where something is to be taken away or changed.
pub(super) fn check(port: &Port<'_>, errors: &mut Vec<Error>) {
    let mut wrong = |wrong: bool, key: &str, message: &str| {
        if wrong {
            let span = port.keys.span(key).unwrap_or_else(|| port.attribute.span());
            errors.push(Error::new(span, message));
        }
    };
    let is_batch = port.batch.is_some();
    wrong(
        port.linger.is_some() && port.keys.span("batch").is_none(),
        "linger",
        "`linger` is how long a batch waits for more: write `batch = 100`, too",
    );
    wrong(
        port.blocking && port.parallel,
        "parallel",
        "what is `blocking` runs on threads of its own already: take `parallel` away",
    );
    wrong(
        is_batch && port.parallel,
        "parallel",
        "a batch is handed to one call of the method: take `parallel` away, and give the port a `concurrency` for several batches at once",
    );
    wrong(
        is_batch && port.ordered_by.is_some(),
        "ordered_by",
        "the messages of a batch are in order already: take `ordered_by` away",
    );
    if port.hidden {
        if let Some(queue) = &port.queue {
            let message = "a hidden port has no queue: take either `queue` or `hidden` away";
            errors.push(Error::new_spanned(queue, message));
        }
        let message = |key: &str| {
            format!(
                "a hidden port has no queue, and `{key}` no effect: take either `{key}` or `hidden` away"
            )
        };
        misplaced(port, OF_QUEUES, message, errors);
    } else if port.process.is_none() && port.replies {
        let message = |key: &str| {
            format!(
                "`{key}` is how a method is called, and there is none: name it with `process = …`, or take `{key}` away"
            )
        };
        misplaced(port, OF_METHODS, message, errors);
    }
}

fn misplaced(
    port: &Port<'_>,
    keys: &[&str],
    message: impl Fn(&str) -> String,
    errors: &mut Vec<Error>,
) {
    // What is said twice helps nobody.
    let is_off = |key: &str| match key {
        "blocking" => !port.blocking,
        "parallel" => !port.parallel,
        "replies" => !port.replies,
        _ => false,
    };
    for key in keys.iter().filter(|key| !is_off(key)) {
        if let Some(span) = port.keys.span(key) {
            errors.push(Error::new(span, message(key)));
        }
    }
}
