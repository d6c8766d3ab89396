//! `msgflo test`.

use std::fs;
use std::time::Duration;

use msgflo::{Any, Inport, Outport, Participant, Settings};
use serde_json::Value;

use crate::brokers::Broker;
use crate::program::msgflo;

/// Repeat what comes in
#[derive(Participant, Default)]
#[participant(component = "core/Repeat")]
struct Repeat {
    #[inport(process = repeat)]
    r#in: Inport<Any>,
    #[inport(process = fail)]
    broken: Inport<Any>,
    #[inport(process = ignore)]
    ignored: Inport<Any>,
    #[outport]
    out: Outport<Any>,
    #[outport]
    error: Outport<Any>,
}

impl Repeat {
    async fn repeat(&self, any: Any) -> msgflo::Result<()> {
        self.out.send(any).await
    }

    async fn fail(&self, any: Any) -> msgflo::Result<()> {
        self.error.send(any).await
    }

    async fn ignore(&self, _: Any) -> msgflo::Result<()> {
        Ok(())
    }
}

/// Its announcements come often, since brokers for MQTT keep none.
async fn start(broker: &Broker) -> msgflo::Network {
    let network = broker.connect().await;
    let settings = Settings { discovery_period: Duration::from_secs(1), ..Settings::default() };
    network.start_with("again", Repeat::default(), settings).await.unwrap();
    network
}

/// What must come of each case is its assertion, as in fbp-spec's own examples.
const SPEC: &str = r#"
name: "Predicates"
topic: "core/Repeat"
fixture: { type: fbp, data: "INPORT=it.IN:IN\n it(core/Repeat)" }
timeout: 30000
cases:
- { name: equals, assertion: ok, inputs: { in: true }, expect: { out: { equals: true } } }
- { name: not equals, assertion: failed, inputs: { in: true }, expect: { out: { equals: false } } }
- { name: text, assertion: ok, inputs: { in: "ü \"x\"" }, expect: { out: { equals: "ü \"x\"" } } }
- { name: on is a text, assertion: ok, inputs: { in: on }, expect: { out: { equals: "on" } } }
- { name: number, assertion: ok, inputs: { in: 1 }, expect: { out: { equals: 1.0 } } }
- { name: deep, assertion: ok, inputs: { in: { a: [1, { b: null }] } }, expect: { out: { equals: { a: [1, { b: null }] } } } }
- { name: above, assertion: ok, inputs: { in: 1000 }, expect: { out: { above: 999.5 } } }
- { name: not above, assertion: failed, inputs: { in: 1000 }, expect: { out: { above: 1000 } } }
- { name: below, assertion: ok, inputs: { in: -1 }, expect: { out: { below: 0 } } }
- { name: type, assertion: ok, inputs: { in: { foo: bar } }, expect: { out: { type: object } } }
- { name: not type, assertion: failed, inputs: { in: [] }, expect: { out: { type: object } } }
- { name: haveKeys, assertion: ok, inputs: { in: { foo: bar } }, expect: { out: { haveKeys: [foo] } } }
- { name: not haveKeys, assertion: failed, inputs: { in: { foo: 1, x: 2 } }, expect: { out: { haveKeys: [foo] } } }
- { name: includeKeys, assertion: ok, inputs: { in: { foo: 1, x: 2 } }, expect: { out: { includeKeys: [foo] } } }
- { name: not includeKeys, assertion: failed, inputs: { in: { foo: 1 } }, expect: { out: { includeKeys: [foo, x] } } }
- { name: contains, assertion: ok, inputs: { in: a substring 22 }, expect: { out: { contains: substring } } }
- { name: not contains, assertion: failed, inputs: { in: a substring 22 }, expect: { out: { contains: substring 3 } } }
- { name: contains item, assertion: ok, inputs: { in: [1, 2] }, expect: { out: { contains: 2 } } }
- { name: one of several wrong, assertion: failed, inputs: { in: { foo: bar } }, expect: { out: [{ type: object }, { haveKeys: [x] }] } }
- { name: path, assertion: ok, inputs: { in: { a: { b: { c: 1 } } } }, expect: { out: { path: $.a.b.c, equals: 1 } } }
- { name: path without a root, assertion: ok, inputs: { in: { a: [0, 1] } }, expect: { out: { path: "a[1]", equals: 1 } } }
- { name: nothing at path, assertion: failed, inputs: { in: { a: 1 } }, expect: { out: { path: $.b, equals: 1 } } }
- { name: all at path, assertion: ok, inputs: { in: { a: { x: 1 }, b: { x: 1 } } }, expect: { out: { path: $.*.x, equals: 1 } } }
- { name: not all at path, assertion: failed, inputs: { in: { a: { x: 1 }, b: { x: 2 } } }, expect: { out: { path: $.*.x, equals: 1 } } }
- name: sequence
  assertion: ok
  inputs: [{ in: 1 }, { in: 2 }]
  expect: [{ out: { equals: 1 } }, { out: { equals: 2 } }]
- name: second of a sequence wrong
  assertion: failed
  inputs: [{ in: 1 }, { in: 2 }]
  expect: [{ out: { equals: 1 } }, { out: { equals: 1 } }]
- name: sequences of different length
  assertion: failed
  inputs: [{ in: 1 }]
  expect: [{ out: { equals: 1 } }, { out: { equals: 1 } }]
- { name: case of ports, assertion: ok, inputs: { IN: 1 }, expect: { Out: { equals: 1 } } }
- { name: expected error, assertion: ok, inputs: { broken: 1 }, expect: { error: { equals: 1 } } }
- { name: unexpected error, assertion: failed, inputs: { broken: 1 }, expect: { out: { equals: 1 } } }
- { name: two ports, assertion: ok, inputs: { in: 1, broken: 2 }, expect: { out: { equals: 1 }, error: { equals: 2 } } }
- { name: unknown inport, assertion: failed, inputs: { no: 1 }, expect: { out: { equals: 1 } } }
- { name: unknown outport, assertion: failed, inputs: { in: 1 }, expect: { no: { equals: 1 } } }
- { name: nothing comes, assertion: failed, timeout: 50, inputs: { ignored: 1 }, expect: { out: { equals: 1 } } }
- { name: to be written, assertion: skipped, skip: later, inputs: { in: 1 }, expect: { out: { equals: 2 } } }
---
topic: nobody/Has
skip: not yet
cases:
- { name: never run, assertion: skipped, inputs: { in: 1 }, expect: { out: { equals: 2 } } }
"#;

#[tokio::test]
async fn participants_are_tested_on_every_transport() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spec.yaml");
    fs::write(&file, SPEC).unwrap();
    for broker in Broker::all().await {
        let network = start(&broker).await;
        let test = ["test", file.to_str().unwrap(), "--json", "--broker", broker.url()];
        let finished = msgflo(&test).await;
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("without its fixture"), "{finished:?}");
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["suites"][0]["role"], "again");
        let suites = report["suites"].as_array().unwrap();
        let cases: Vec<_> =
            suites.iter().flat_map(|suite| suite["cases"].as_array().unwrap()).collect();
        assert_eq!(cases.len(), 36);
        for case in cases {
            assert_eq!(case["outcome"], case["assertion"], "{} {case:#}", broker.url());
        }
        assert_eq!(report["skipped"], 2);
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn results_are_told_with_what_was_expected_and_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spec.yaml");
    let suite = "
topic: core/Repeat
timeout: 30000
cases:
- { name: good, assertion: is good, inputs: { in: 1 }, expect: { out: { equals: 1 } } }
- { name: bad, assertion: is bad, inputs: { in: { a: 1 } }, expect: { out: { path: $.a, above: 2 } } }
- { name: off, assertion: is off, skip: for now, inputs: { in: 1 }, expect: { out: { equals: 2 } } }
";
    fs::write(&file, suite).unwrap();
    let broker = Broker::rabbitmq();
    let network = start(&broker).await;
    let test = ["test", file.to_str().unwrap(), "--role", "again", "--broker", broker.url()];
    let finished = msgflo(&test).await;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let expected = "\
core/Repeat (core/Repeat, role again)
  ok      good: is good
  FAILED  bad: is bad
          port `out`: at $.a: expected a number above 2, got 1
  skipped off: is off
          for now

1 ok, 1 failed, 1 skipped
";
    assert_eq!(finished.stdout, expected);
    assert_eq!(finished.stderr, "error: 1 test failed\n");

    let absent = ["test", file.to_str().unwrap(), "--role", "agian", "--wait", "3"];
    let error = msgflo(&[&absent[..], &["--broker", broker.url()]].concat()).await.failed(4);
    assert!(error.contains("role `agian`") && error.contains("`again`"), "{error}");
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_tested_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |text: &str| {
        let file = folder.path().join("spec.yaml");
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    for (text, told) in [
        ("topic: [", "is not YAML"),
        ("", "has no suite"),
        ("name: x", "missing field `topic`"),
        ("topic: x\ncases: [{ name: a, inputs: { in: 1 } }]", "case `a`: missing field `expect`"),
        (
            "topic: x\ncases: [{ name: a, inputs: 1, expect: { out: { equals: 1 } } }]",
            "mappings from port",
        ),
        (
            "topic: x\ncases: [{ name: a, inputs: { in: 1 }, expect: { out: { eqals: 1 } } }]",
            "no `eqals`",
        ),
        (
            "topic: x\ncases: [{ name: a, inputs: { in: 1 }, expect: { out: { path: '$[', equals: 1 } } }]",
            "JSONPath",
        ),
        ("topic: x\ncases: [{ name: a, inputs: { in: 1 }, expect: { out: 1 } }]", "`equals: 1`"),
    ] {
        let error = msgflo(&["test", &wrong(text)]).await.failed(2);
        assert!(error.contains(told), "{told} in {error}");
    }
    let error = msgflo(&["test", "/nowhere.yaml"]).await.failed(2);
    assert!(error.contains("cannot read /nowhere.yaml"), "{error}");

    let spec = "topic: x\ncases: [{ name: a, inputs: { in: 1 }, expect: { out: { equals: 1 } } }]";
    let (file, broker) = (wrong(spec), Broker::rabbitmq());
    let start = |command: &'static str| {
        ["test", &file, "--broker", broker.url(), "--start", command].map(str::to_owned)
    };
    let run = async |command| {
        let arguments = start(command);
        msgflo(&arguments.each_ref().map(String::as_str)).await
    };
    let error = run("sh -c 'echo no port free >&2; exit 3'").await.failed(1);
    assert!(error.contains("no port free") && error.contains("exit status: 3"), "{error}");
    let error = run("/nowhere").await.failed(2);
    assert!(error.contains("--start '/nowhere'"), "{error}");
}
