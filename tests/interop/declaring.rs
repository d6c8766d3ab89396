//! Queues are declared on RabbitMQ as msgflo-nodejs declares them, whoever comes first.

use msgflo::{Any, Inport, Message, Outport, Participant, Result};

use crate::context::{Case, Context, cases};
use crate::process::Process;
use crate::programs;

pub const CASES: &[Case] = cases![
    rust_and_node_declare_alike: RabbitMq,
    rust_and_node_declare_alike_what_is_not_persistent: RabbitMq,
    a_queue_with_other_arguments_ends_the_program_and_is_named: RabbitMq,
];

/// Repeats, and leaves nothing behind
#[derive(Participant, Default)]
#[participant(component = "test/Passing")]
struct Passing {
    #[inport(process = repeat, persistent = false)]
    r#in: Inport<Any>,
    #[outport(persistent = false)]
    out: Outport<Any>,
}

impl Passing {
    async fn repeat(&self, any: Any) -> Result<()> {
        self.out.send(any).await
    }
}

/// Sends as many messages as there are workers, so that each gets one.
fn both_work(context: &Context, role: &str, workers: &mut [Process]) {
    context.wait_for_consumers(&format!("{role}.IN"), 2);
    let (queue, outport) = (format!("{role}.IN"), format!("{role}.OUT"));
    let mut outputs = context.collect_from(&outport);
    for _ in 0..2 {
        context.send(&queue, Message::new("1"));
    }
    for _ in 0..2 {
        assert_eq!(outputs.text(), "1");
    }
    workers.iter_mut().for_each(Process::assert_running);
}

fn rust_and_node_declare_alike(context: &Context) {
    let mut workers = [context.rust("rust-first"), context.node("rust-first")];
    both_work(context, "rust-first", &mut workers);
    let mut workers = [context.node("node-first"), context.rust("node-first")];
    both_work(context, "node-first", &mut workers);
}

fn rust_and_node_declare_alike_what_is_not_persistent(context: &Context) {
    context.start("rust-first", Passing::default());
    let node = context.node_participant("rust-first", "passing.js");
    both_work(context, "rust-first", &mut [node]);
    let node = context.node_participant("node-first", "passing.js");
    context.wait_for_consumers("node-first.IN", 1);
    context.start("node-first", Passing::default());
    both_work(context, "node-first", &mut [node]);
}

fn a_queue_with_other_arguments_ends_the_program_and_is_named(context: &Context) {
    // Python declares its queues neither durable nor with dead letters.
    let python = programs::python("repeat.py", &["other", "taken.IN"], &context.url);
    let mut python = Process::start_until_ready(&python);
    let rust = programs::rust_repeat(&["--role", "taken", "--broker", &context.url]);
    let ended = Process::start(&rust).end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    for part in ["cannot use queue `taken.IN`", "arg 'durable'", "declared by another program"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    python.assert_running();
}
