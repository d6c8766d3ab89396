//! Workers in Rust and in Node.js share the work of one role, on RabbitMQ.

use std::collections::HashSet;

use msgflo::Message;
use serde_json::Value;

use crate::context::{Case, Context, cases};

pub const CASES: &[Case] = cases![workers_in_rust_and_node_share_a_queue: RabbitMq];

const MESSAGES: u64 = 200;

fn workers_in_rust_and_node_share_a_queue(context: &Context) {
    let rust = context.rust("repeat");
    let _node = context.node("repeat");
    context.wait_for_consumers("repeat.IN", 2);
    let mut outputs = context.collect_from("repeat.OUT");

    for number in 0..MESSAGES {
        context.send("repeat.IN", Message::new(format!(r#"{{"number": {number}}}"#)));
    }

    let (mut numbers, mut by_rust, mut by_node) = (HashSet::new(), 0, 0);
    for _ in 0..MESSAGES {
        let output = outputs.text();
        let number = serde_json::from_str::<Value>(&output).unwrap()["number"].as_u64().unwrap();
        assert!(numbers.insert(number), "{number} was handled twice");
        // Node.js writes JSON anew, without the space.
        *(if output.contains(' ') { &mut by_rust } else { &mut by_node }) += 1;
    }
    assert!(by_rust > 0 && by_node > 0, "Rust handled {by_rust}, Node.js {by_node}");

    // What the one has not acknowledged when it goes, would come to the other before this.
    assert!(rust.terminate().status.success());
    context.send("repeat.IN", Message::new(r#""last""#));
    assert_eq!(outputs.text(), r#""last""#);
}
