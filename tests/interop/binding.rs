//! Edges between participants in Rust and in Node.js, made by msgflo's tools.

use std::os::unix::fs::symlink;
use std::path::Path;

use msgflo::{Any, Inport, Message, Outport, Participant, Result};
use serde_json::{Value, json};

use crate::broker::Kind;
use crate::context::{Case, Context, cases};
use crate::discovery::Coordinator;
use crate::process::{GUARD, Process};
use crate::programs;

pub const CASES: &[Case] = cases![
    messages_pass_through_a_graph_that_setup_has_bound,
    what_setup_has_bound_can_be_dumped: RabbitMq,
    messages_pass_through_edges_that_rust_has_bound,
    ports_with_the_same_queue_need_no_edge,
    setup_starts_rust_participants_and_binds_what_they_announce,
    a_coordinator_connects_participants_and_sends,
    payloads_pass_byte_for_byte,
];

const VALUES: &[&str] = &[
    r#"{"a":{"b":[1,2.5,null]},"c":"d"}"#,
    r#""Grüße 🎉 \"quoted\"\n""#,
    "42",
    "-0.125",
    "true",
    "[]",
    "null",
];

fn messages_pass_through_a_graph_that_setup_has_bound(context: &Context) {
    let _participants = [context.node("first"), context.rust("middle"), context.node("last")];
    let [mut outputs, mut others] = ["output.IN", "other.IN"].map(|queue| {
        context.declare(queue);
        context.collect(queue)
    });
    let _setup = context.set_up(
        "first(Repeat) OUT -> IN middle(rust/Repeat) OUT -> IN last(Repeat)\n\
         last OUT -> IN output(Output)\n\
         last OUT -> IN other(Output)\n",
    );
    for value in VALUES {
        context.send_message("first.IN", value);
        assert_eq!(outputs.text(), *value);
        assert_eq!(others.text(), *value);
    }
}

/// On MQTT, nothing would wait for msgflo-dump-message.
fn what_setup_has_bound_can_be_dumped(context: &Context) {
    let _rust = context.rust("rust");
    context.declare("dump.IN");
    let _setup = context.set_up("rust(rust/Repeat) OUT -> IN dump(Output)");
    for value in VALUES {
        context.send_message("rust.IN", value);
    }
    let amount = VALUES.len().to_string();
    let arguments = ["--broker", &context.url, "--queue", "dump.IN", "--amount", &amount];
    let dumped = Process::start(&programs::npm("msgflo-dump-message", &arguments)).succeed();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parse(&dumped), VALUES.iter().copied().map(parse).collect::<Value>());
}

fn messages_pass_through_edges_that_rust_has_bound(context: &Context) {
    let _participants = [context.rust("first"), context.node("middle"), context.rust("last")];
    context.bind("first.OUT", "middle.IN");
    context.bind("middle.OUT", "last.IN");
    let mut outputs = context.collect_from("last.OUT");
    for value in VALUES {
        context.send_message("first.IN", value);
        assert_eq!(outputs.text(), *value);
    }
}

/// Repeats straight to another's inport
#[derive(Participant, Default)]
#[participant(component = "test/Direct")]
struct Direct {
    #[inport(process = repeat)]
    r#in: Inport<Any>,
    #[outport(queue = "node.IN")]
    out: Outport<Any>,
}

impl Direct {
    async fn repeat(&self, any: Any) -> Result<()> {
        self.out.send(any).await
    }
}

fn ports_with_the_same_queue_need_no_edge(context: &Context) {
    context.start("rust", Direct::default());
    let _node = context.node("node");
    context.declare("node.OUT");
    let mut outputs = context.collect("node.OUT");
    for value in VALUES {
        context.send_message("rust.IN", value);
        assert_eq!(outputs.text(), *value);
    }
}

fn setup_starts_rust_participants_and_binds_what_they_announce(context: &Context) {
    let repeat = programs::rust_repeat(&[]).get_program().to_owned();
    let guard = context.file("guard", GUARD);
    let folder = guard.parent().unwrap();
    symlink(repeat, folder.join("repeat")).unwrap();
    symlink(programs::node_repeat(), folder.join("Repeat.coffee")).unwrap();
    let nodejs = programs::npm("msgflo-nodejs", &[]).get_args().next().unwrap().to_owned();
    symlink(Path::new(&nodejs).canonicalize().unwrap(), folder.join("msgflo-nodejs")).unwrap();
    // A command of a library is split at its blanks: no paths in it, as they may have some.
    let library = json!({ "msgflo": { "components": {
        "rust/Repeat": "sh guard ./repeat --role #ROLE",
        "Repeat": "sh guard node ./msgflo-nodejs --name #ROLE ./Repeat.coffee",
    }}});
    context.file("package.json", &library.to_string());
    context.file(
        "graph.fbp",
        "first(rust/Repeat) OUT -> IN second(Repeat) OUT -> IN third(rust/Repeat)",
    );

    let arguments = "graph.fbp --participants --discover --forever --timeout 60 --broker";
    let arguments: Vec<_> = arguments.split(' ').chain([context.url.as_str()]).collect();
    let setup = Process::start(programs::npm("msgflo-setup", &arguments).current_dir(folder));
    setup.find_line(|line| line.contains("--forever enabled").then_some(()));
    let mut outputs = context.collect_from("third.OUT");
    context.send_message("first.IN", r#"{"set":"up"}"#);
    assert_eq!(outputs.text(), r#"{"set":"up"}"#);
}

fn a_coordinator_connects_participants_and_sends(context: &Context) {
    let mut coordinator = Coordinator::start(context);
    let _participants = [context.node_participant("first", "repeat.js"), context.rust("second")];
    coordinator.wait_until_added(&["first", "second"]);
    let mut outputs = context.collect_from("second.OUT");
    coordinator.call(json!(["connect", "first", "out", "second", "in"]));
    coordinator.call(json!(["sendTo", "first", "in", { "through": "both" }]));
    assert_eq!(outputs.text(), r#"{"through":"both"}"#);
    coordinator.call(json!(["disconnect", "first", "out", "second", "in"]));
    coordinator.call(json!(["sendTo", "first", "in", "to nobody"]));
    coordinator.call(json!(["sendTo", "second", "in", "straight"]));
    assert_eq!(outputs.text(), r#""straight""#);
}

fn payloads_pass_byte_for_byte(context: &Context) {
    let _repeat = context.rust("repeat");
    let mut outputs = context.collect_from("repeat.OUT");
    let every_byte: Vec<u8> = (0..=255).collect();
    for message in [
        Message::new("{ \"a\" : 1.0,\n\"a\":2e0 } "),
        Message::new(every_byte).with_content_type("image/png"),
        Message::new(""),
        Message::new("not JSON").with_content_type("text/plain; charset=utf-8"),
        Message::new(vec![0xFF; 1 << 20]),
    ] {
        context.send("repeat.IN", message.clone());
        let output = outputs.message();
        assert!(output.payload == message.payload, "{:?}", output.content_type);
        // MQTT 3.1.1 has no place for it.
        if context.broker() == Kind::RabbitMq {
            assert_eq!(output.content_type, message.content_type);
        }
    }
}
