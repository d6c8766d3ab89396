//! Participants that use msgflo for Python.

use crate::context::{Case, Context, cases};
use crate::process::Process;
use crate::programs;

pub const CASES: &[Case] = cases![a_python_participant_is_discovered_and_bound];

fn a_python_participant_is_discovered_and_bound(context: &Context) {
    let mut watcher = context.watch();
    let python = programs::python("repeat.py", &["snake"], &context.url);
    let _python = Process::start_until_ready(&python);
    let snake = watcher.next_of("snake");
    assert_eq!((snake.component.as_str(), snake.icon.as_str()), ("python/Repeat", "file-word-o"));
    assert_eq!(snake.inports[0].queue.as_deref(), Some("snake/in"));
    assert_eq!(snake.outports[0].queue.as_deref(), Some("snake/out"));

    // Its queues are not named by the convention: they are bound by what it announces.
    let _participants = [context.rust("first"), context.rust("last")];
    let graph = context.file(
        "graph.fbp",
        "first(rust/Repeat) OUT -> IN snake(python/Repeat) OUT -> IN last(rust/Repeat)",
    );
    let graph = graph.to_str().unwrap();
    let arguments = [graph, "--discover", "--timeout", "60", "--broker", &context.url];
    Process::start(&programs::npm("msgflo-setup", &arguments)).succeed();
    let mut outputs = context.collect_from("last.OUT");
    context.send_message("first.IN", r#"{"from":["node","rust"]}"#);
    // Python writes JSON with blanks.
    assert_eq!(outputs.text(), r#"{"from": ["node", "rust"]}"#);
}
