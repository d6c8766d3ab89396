//! What only MQTT does so: topics that anybody can publish to, and subscribers that share nothing.

use std::collections::BTreeMap;

use msgflo::Message;
use serde_json::Value;

use crate::context::{Case, Context, cases};
use crate::process::Process;
use crate::programs;

pub const CASES: &[Case] = cases![
    a_node_worker_gets_every_message_of_its_role_and_rust_workers_share_them: Mosquitto,
    python_needs_no_edge_where_topics_are_the_same: Mosquitto,
    setup_rewrites_what_it_forwards_and_adds_to_edges_of_ours: Mosquitto,
    payloads_pass_byte_for_byte_from_and_to_any_client: Mosquitto,
];

const MESSAGES: u64 = 200;

fn a_node_worker_gets_every_message_of_its_role_and_rust_workers_share_them(context: &Context) {
    let _workers = [context.rust("repeat"), context.node("repeat"), context.rust("repeat")];
    let mut outputs = context.collect_from("repeat.OUT");
    for number in 0..MESSAGES {
        context.send("repeat.IN", Message::new(format!(r#"{{"number": {number}}}"#)));
    }
    // How often each was handled by Rust, and by Node.js.
    let mut handled = BTreeMap::<u64, [u32; 2]>::new();
    for _ in 0..2 * MESSAGES {
        let output = outputs.text();
        let number = serde_json::from_str::<Value>(&output).unwrap()["number"].as_u64().unwrap();
        // Node.js writes JSON anew, without the space.
        handled.entry(number).or_default()[usize::from(!output.contains(' '))] += 1;
    }
    assert!(handled.values().all(|times| *times == [1, 1]), "{handled:?}");
}

fn python_needs_no_edge_where_topics_are_the_same(context: &Context) {
    let mut watcher = context.watch();
    let python = programs::python("repeat.py", &["snake", "rust.OUT"], &context.url);
    let _python = Process::start_until_ready(&python);
    // It is subscribed when it announces itself.
    watcher.next_of("snake");
    let _rust = context.rust("rust");
    context.declare("snake/out");
    let mut outputs = context.collect("snake/out");
    for number in 0..MESSAGES {
        context.send("rust.IN", Message::new(number.to_string()));
    }
    for number in 0..MESSAGES {
        assert_eq!(outputs.text(), number.to_string());
    }
}

/// What README.md warns of.
fn setup_rewrites_what_it_forwards_and_adds_to_edges_of_ours(context: &Context) {
    let _rust = context.rust("rust");
    context.declare("end.IN");
    let mut outputs = context.collect("end.IN");
    let _setup = context.set_up("rust(rust/Repeat) OUT -> IN end(Output)");
    context.send("rust.IN", Message::new("no JSON"));
    assert_eq!(outputs.text(), r#""no JSON""#);
    context.bind("rust.OUT", "end.IN");
    context.send("rust.IN", Message::new("twice"));
    let mut both = [outputs.text(), outputs.text()];
    both.sort();
    assert_eq!(both, [r#""twice""#, "twice"]);
}

fn payloads_pass_byte_for_byte_from_and_to_any_client(context: &Context) {
    let _rust = context.rust("rust");
    let arguments = [context.url.as_str(), "rust.IN", "rust.OUT"];
    let mut client = Process::start_until_ready(&programs::script("mqtt-client.js", &arguments));
    let every_byte: String = (0..=255).map(|byte| format!("{byte:02x}")).collect();
    for payload in ["7b20226122203a20312e302c0a202262223a326530207d20", "ff", &every_byte, ""] {
        client.tell(payload);
        assert_eq!(client.line(), payload);
    }
}
