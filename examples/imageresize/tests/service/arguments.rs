//! What the command line answers.

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_imageresize"))
        .args(arguments)
        .current_dir(&folder)
        .env_remove("MSGFLO_BROKER")
        .output()
        .unwrap()
}

#[test]
fn what_cannot_be_started_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], &str); 6] = [
        (&["resize", "--broker", "memory://"], "give --broker an amqp://, mqtt:// or zmq:// URL"),
        (&["--listen", &taken], &format!("cannot listen at {taken}")),
        (&["--data", "/proc/nowhere"], "cannot keep jobs in /proc/nowhere"),
        (&["--store", "ftp://example.com/"], "a folder, or s3://BUCKET/FOLDER"),
        (&["--max-body", "much"], "give a whole number"),
        (&["--concurrency", "0"], "0 is not in 1.."),
    ];
    for (arguments, sentence) in cases {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(sentence), "{arguments:?}: `{error}` does not say `{sentence}`");
    }
}

#[test]
fn roles_describe_themselves() {
    for (role, component, inports, outports) in [
        ("web", "imageresize/HttpApi", vec![], vec!["web.RESIZE"]),
        (
            "resize",
            "imageresize/ResizeImage",
            vec!["resize.IN"],
            vec!["resize.OUT", "resize.ERROR"],
        ),
        ("store", "imageresize/StoreResult", vec!["store.IN"], vec![]),
    ] {
        let output = run(&[role, "--describe"]);
        assert!(output.status.success());
        let message: Value = serde_json::from_slice(&output.stdout).unwrap();
        let payload = &message["payload"];
        assert_eq!((&payload["role"], &payload["component"]), (&role.into(), &component.into()));
        let queues = |ports: &str| -> Vec<_> {
            payload[ports].as_array().unwrap().iter().map(|port| port["queue"].clone()).collect()
        };
        assert_eq!(queues("inports"), inports);
        assert_eq!(queues("outports"), outports);
    }
}
