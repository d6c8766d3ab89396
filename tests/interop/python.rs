//! Participants that use msgflo for Python.

use serde_json::{Value, json};

use crate::context::{Case, Context, cases};
use crate::process::Process;
use crate::programs;

pub const CASES: &[Case] = cases![a_python_participant_is_discovered_and_bound];

fn a_python_participant_is_discovered_and_bound(context: &Context) {
    let mut watcher = context.watch();
    // Its queues are not named by the convention: they are bound by what it announces, which on
    // MQTT only those hear who are there; the next time is half a minute later.
    let graph = "first(rust/Repeat) OUT -> IN snake(python/Repeat) OUT -> IN last(rust/Repeat)";
    let mut setup = context.start_setup(graph, &["--discover", "--timeout", "60"]);
    let python = programs::python("repeat.py", &["snake"], &context.url);
    let _python = Process::start_until_ready(&python);
    let snake = watcher.next_of("snake");
    assert_eq!((snake.component.as_str(), snake.icon.as_str()), ("python/Repeat", "file-word-o"));
    assert_eq!(snake.inports[0].queue.as_deref(), Some("snake/in"));
    assert_eq!(snake.outports[0].queue.as_deref(), Some("snake/out"));

    let _participants = [context.rust("first"), context.rust("last")];
    setup.wait_until_bound();
    let mut outputs = context.collect_from("last.OUT");
    context.send_message("first.IN", r#"{"from":["node","rust"]}"#);
    let output: Value = serde_json::from_str(&outputs.text()).unwrap();
    assert_eq!(output, json!({ "from": ["node", "rust"] }));
}
