//! What starters of participants rely on.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::broker::Kind;
use crate::context::{Case, Context, cases};
use crate::process::{Ended, Process};
use crate::programs::{self, rust_repeat};

pub const CASES: &[Case] = cases![
    the_peers_own_tests_of_a_participant_pass,
    a_line_says_that_it_is_ready_and_sigterm_ends_it_in_order,
    what_is_wrong_is_one_clear_error,
    the_description_is_the_discovery_message_and_needs_no_broker,
];

fn the_peers_own_tests_of_a_participant_pass(context: &Context) {
    let repeat = rust_repeat(&[]);
    let participant =
        json!([repeat.get_program().to_str(), "--role", "repeat", "--broker", context.url]);
    let suite = programs::participant("suite.js").display().to_string();
    // One at a time: the suite's first test would count what the second one discovers.
    for test in ["sends definition", "repeats the same data"] {
        let mut mocha = programs::npm("mocha", &["--exit", "--grep", test, &suite]);
        mocha
            // As often as by default: the suite takes a second announcement for a failure.
            .env_remove("MSGFLO_DISCOVERY_PERIOD")
            .env("BROKER", &context.url)
            .env("COMPONENT", "rust/Repeat")
            .env("PARTICIPANT", participant.to_string());
        let report = Process::start(&mocha).succeed();
        assert!(report.contains("1 passing"), "{report}");
    }
}

fn a_line_says_that_it_is_ready_and_sigterm_ends_it_in_order(context: &Context) {
    let process = Process::start(&rust_repeat(&["--role", "polite", "--broker", &context.url]));
    let ready = process.line();
    let scheme = context.broker().scheme();
    let expected = format!("polite (rust/Repeat) is ready on {scheme}://guest@127.0.0.1");
    assert!(ready.starts_with(&expected), "{ready}");
    // It is true: what is sent now is not refused, and comes out.
    let mut outputs = context.collect_from("polite.OUT");
    context.send_message("polite.IN", "1");
    assert_eq!(outputs.text(), "1");
    let Ended { status, stdout, stderr } = process.terminate();
    assert_eq!((status.code(), stdout.as_str(), stderr.as_str()), (Some(0), "", ""));
}

fn what_is_wrong_is_one_clear_error(context: &Context) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = format!("{}://guest@127.0.0.1", context.broker().scheme());
    let mut mistakes = vec![
        (
            context.url.replace("guest:guest", "guest:S3CRET"),
            vec![broker.as_str(), "refused", "user", "password"],
        ),
        (
            format!("{}://guest:S3CRET@127.0.0.1:{port}/", context.broker().scheme()),
            vec!["cannot connect to", &broker, "within 1s", "Is the broker running"],
        ),
    ];
    if context.broker() == Kind::RabbitMq {
        let elsewhere = format!("{}-elsewhere", context.url);
        mistakes.push((elsewhere, vec!["vhost", "-elsewhere", "not found"]));
    }
    for (url, told) in mistakes {
        let arguments = ["--role", "repeat", "--connect-timeout", "1", "--broker", &url];
        let Ended { status, stdout, stderr } = Process::start(&rust_repeat(&arguments)).end();
        assert_eq!((status.code(), stdout.as_str()), (Some(1), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(told.iter().all(|part| stderr.contains(part)), "{stderr}");
        assert!(!stderr.contains("S3CRET"), "{stderr}");
    }
}

fn the_description_is_the_discovery_message_and_needs_no_broker(context: &Context) {
    let nowhere = format!("{}://localhost:1", context.broker().scheme());
    let arguments = ["--role", "some", "--describe", "--broker", &nowhere];
    let printed = Process::start(&rust_repeat(&arguments)).succeed();
    let message: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&message["protocol"], &message["command"]),
        (&json!("discovery"), &json!("participant"))
    );
    let keys: Vec<_> = message["payload"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["component", "icon", "id", "inports", "label", "outports", "role"]);
    assert_eq!(message["payload"]["inports"][0]["queue"], "some.IN");
}
