//! Settings that are possible one by one, and do not go together.

use super::Role;
use super::layers::Layers;
use super::problem::{Report, Severity};

/// Reports what cannot work out as the settings of a role say, beside the roles before it.
pub(super) fn give(role: &Role, layers: &Layers, before: &[Role], report: &mut Report) {
    let name = &role.name;
    if role.minimum > role.maximum {
        let (minimum, maximum) = (role.minimum, role.maximum);
        let message = format!("role `{name}`: minimum {minimum} is above maximum {maximum}");
        let help = format!("set `maximum: {minimum}` or more, or a lower `minimum`");
        let place = layers.place(&["minimum", "maximum"]);
        report.add(Severity::Error, place, message, help);
        return;
    }
    let mut warn = |places: &[&str], message: String, help: String| {
        let message = format!("role `{name}`: {message}");
        report.add(Severity::Warning, layers.place(places), message, help);
    };
    let Role { deadline, processing, stddev, boot, pollinterval, history, .. } = *role;

    if role.broker.as_ref().is_some_and(|broker| !broker.contains("://")) {
        let message = "the broker is no URL".into();
        warn(&["broker"], message, "write it as `amqp://name:password@host/vhost`".into());
    }
    if role.percentile < 50.0 {
        let message = format!("of 100 jobs, only {} are to meet the deadline", role.percentile);
        let help = "`percentile` is of 100: set `percentile: 99` for 99 of 100 jobs";
        warn(&["percentile"], message, help.into());
    }
    if role.maximum == 0 {
        let help = "set `maximum: 1` or more, unless the role is to rest".into();
        warn(&["maximum"], "no worker ever runs, since maximum is 0".into(), help);
    } else if role.minimum == role.maximum {
        let message = format!("nothing is scaled: minimum and maximum are both {}", role.minimum);
        let help = "set a higher `maximum`, or a lower `minimum`".into();
        warn(&["maximum", "minimum"], message, help);
    }
    if history < pollinterval {
        let message = format!(
            "history {history} s is shorter than pollinterval {pollinterval} s: every lull stops \
             workers"
        );
        let help = format!("set `history: {}` or more, for four decisions", 4.0 * pollinterval);
        warn(&["history", "pollinterval"], message, help);
    }
    if history < boot {
        let message = format!(
            "history {history} s is shorter than boot {boot} s: workers may be stopped before \
             their first job"
        );
        let help = format!("set `history: {}` or more", boot.max(pollinterval));
        warn(&["history", "boot"], message, help);
    }
    if let Some(other) =
        before.iter().find(|other| (&other.queue, &other.broker) == (&role.queue, &role.broker))
    {
        let message = format!(
            "role `{}` has the queue `{}` as well, and each counts all of its jobs",
            other.name, role.queue
        );
        let help = "give each role a queue of its own".into();
        warn(&["queue"], message, help);
    }

    let target = role.wanted_target();
    if target <= processing {
        let target = rounded(target);
        let message = format!(
            "role `{name}`: target {target} s is lower than processing time {processing} s \
             (deadline {deadline} s)"
        );
        let needed = rounded_up(processing + role.z() * stddev + LEAST);
        let help = match role.target {
            Some(_) => format!("set a `target` above {processing}, or none"),
            None if deadline < processing => format!(
                "no job can be done before its deadline, whatever the number of workers: set \
                 `deadline: {needed}` or more"
            ),
            None => format!(
                "{} of 100 jobs take up to {} s, even if they never wait: set `deadline: {needed}` \
                 or more, or make jobs shorter or more alike",
                role.percentile,
                rounded(processing + role.z() * stddev)
            ),
        };
        let places = ["target", "deadline", "processing", "stddev"];
        report.add(Severity::Mistake, layers.place(&places), message, help);
        return;
    }
    let late = pollinterval + boot + processing;
    if late > deadline && role.minimum < role.maximum {
        let path = format!(
            "a new worker's first job is done after {} s (pollinterval {pollinterval} s, boot \
             {boot} s, processing {processing} s), which is over the deadline of {deadline} s",
            rounded(late)
        );
        let room = rounded((deadline - boot - processing).max(0.0));
        let shorten = match deadline > boot + processing {
            true => format!("set `pollinterval: {room}` or less"),
            false => "make workers boot faster".to_owned(),
        };
        let (message, help) = match role.minimum {
            0 => (
                format!("a job that finds no worker is late: {path}"),
                format!("set `minimum: 1` or more, or {shorten}, or allow more time"),
            ),
            minimum => {
                // What those that always run do in time.
                let rounds = (deadline / processing).floor();
                let jobs = f64::from(minimum) * f64::from(role.concurrency) * rounds;
                (
                    format!("of more than {jobs} jobs at once, some are late: {path}"),
                    format!("set a higher `minimum` if that happens, or {shorten}"),
                )
            }
        };
        warn(&["deadline", "boot", "pollinterval", "minimum", "processing"], message, help);
    }
}

const LEAST: f64 = 0.01;

/// To hundredths, and without zeros at the end.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn rounded_up(value: f64) -> f64 {
    (value * 100.0).ceil() / 100.0
}
