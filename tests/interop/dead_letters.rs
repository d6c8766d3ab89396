//! What becomes of messages that a participant rejects, and a `msgflo/RoundRobin` node with dead
//! letters between Rust and Node.js. On MQTT, msgflo knows neither rejecting nor dead letters.

use msgflo::{Any, AnyValue, Error, Inport, Outport, Participant, Result};

use crate::context::{Case, Context, cases};

pub const CASES: &[Case] = cases![
    what_rust_rejects_is_kept,
    what_rust_rejects_goes_where_the_graph_says: RabbitMq,
    what_node_rejects_goes_to_a_rust_participant: RabbitMq,
];

/// Rejects what is not an object
#[derive(Participant, Default)]
#[participant(component = "test/Strict")]
struct Strict {
    #[inport(process = check)]
    r#in: Inport<Any>,
    #[outport]
    out: Outport<Any>,
}

impl Strict {
    async fn check(&self, any: Any) -> Result<()> {
        match any.value() {
            AnyValue::Json(value) if value.is_object() => self.out.send(any).await,
            _ => Err(Error::message("not an object")),
        }
    }
}

fn what_rust_rejects_is_kept(context: &Context) {
    let _source = context.node("source");
    context.start("worker", Strict::default());
    let _setup = context.set_up("source(Repeat) OUT -> IN worker(test/Strict)");
    let mut accepted = context.collect_from("worker.OUT");
    let mut kept = context.collect("dead-worker.IN");
    for value in [r#""bad""#, r#"{"good":1}"#, "7"] {
        context.send_message("source.IN", value);
    }
    assert_eq!(accepted.text(), r#"{"good":1}"#);
    assert_eq!(kept.text(), r#""bad""#);
    assert_eq!(kept.text(), "7");
}

fn graph(worker: &str, failed: &str) -> String {
    format!(
        "source(Repeat) OUT -> IN jobs(msgflo/RoundRobin) OUT -> IN worker({worker})\n\
         jobs DEADLETTER -> IN failed({failed})\n"
    )
}

fn what_rust_rejects_goes_where_the_graph_says(context: &Context) {
    let _participants = [context.node("source"), context.node("failed")];
    context.start("worker", Strict::default());
    let _setup = context.set_up(&graph("test/Strict", "Repeat"));
    let mut accepted = context.collect_from("worker.OUT");
    let mut rejected = context.collect_from("failed.OUT");
    // Ours, which is there without any graph.
    let mut kept = context.collect("dead-worker.IN");

    for value in [r#""bad""#, r#"{"good":1}"#, "7"] {
        context.send_message("source.IN", value);
    }
    assert_eq!(accepted.text(), r#"{"good":1}"#);
    for value in [r#""bad""#, "7"] {
        assert_eq!(rejected.text(), value);
        assert_eq!(kept.text(), value);
    }
}

fn what_node_rejects_goes_to_a_rust_participant(context: &Context) {
    let _participants = [
        context.rust("source"),
        context.node_participant("worker", "picky.js"),
        context.rust("failed"),
    ];
    let _setup = context.set_up(&graph("node/Picky", "rust/Repeat"));
    let mut rejected = context.collect_from("failed.OUT");
    context.send_message("source.IN", r#"{"any":"thing"}"#);
    assert_eq!(rejected.text(), r#"{"any":"thing"}"#);
}
