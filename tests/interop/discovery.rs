//! Everybody sees everybody: msgflo's coordinator, and watchers in Rust beside it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::context::{Case, Context, cases};
use crate::process::Process;
use crate::programs;

pub const CASES: &[Case] = cases![
    a_coordinator_and_watchers_see_each_others_participants,
    a_watcher_sees_foreign_participants,
    watchers_that_leave_at_any_moment_let_go_of_announcements: RabbitMq,
];

const NODE: &str = "repeat.js";

/// The coordinator of npm's msgflo.
pub struct Coordinator(Process);

impl Coordinator {
    pub fn start(context: &Context) -> Self {
        let script = programs::script("coordinator.js", &[&context.url]);
        let coordinator = Self(Process::start(&script));
        coordinator.wait_for("started", |_| true);
        coordinator
    }

    /// Waits until all these roles have been discovered; gives their definitions.
    pub fn wait_until_added(&self, roles: &[&str]) -> Vec<Value> {
        let mut added = vec![Value::Null; roles.len()];
        while added.contains(&Value::Null) {
            let definition = self.wait_for("added", |_| true);
            if let Some(index) = roles.iter().position(|role| definition["role"] == *role) {
                added[index] = definition;
            }
        }
        added
    }

    /// Waits until it hears of somebody again that it knows.
    pub fn wait_until_updated(&self, role: &str) {
        self.wait_for("updated", |definition| definition["role"] == role);
    }

    /// Calls a method, and waits until it is done.
    pub fn call(&mut self, method_and_arguments: Value) {
        self.0.tell(&method_and_arguments.to_string());
        self.wait_for(method_and_arguments[0].as_str().unwrap(), |_| true);
    }

    fn wait_for(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.0.find_line(|line| {
            let line: Value = serde_json::from_str(&line).unwrap();
            (line[0] == event && wanted(&line[1])).then(|| line[1].clone())
        })
    }
}

fn a_coordinator_and_watchers_see_each_others_participants(context: &Context) {
    let mut early = context.watch();
    let coordinator = Coordinator::start(context);
    let mut second = context.watch();
    let _participants = [context.rust("rust"), context.node_participant("node", NODE)];

    let mut seen = coordinator.wait_until_added(&["rust", "node"]).swap_remove(0);
    // The coordinator's own notes.
    seen.as_object_mut().unwrap().remove("extra");
    let id = seen["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("rust-"), "{id}");
    assert_eq!(
        seen,
        json!({
            "id": id,
            "role": "rust",
            "component": "rust/Repeat",
            "label": "Repeat what comes in",
            "icon": "repeat",
            "inports": [
                { "id": "in", "type": "any", "queue": "rust.IN", "description": "Anything" },
            ],
            "outports": [{
                "id": "out", "type": "any", "queue": "rust.OUT", "description": "The same again",
            }],
        })
    );

    for watcher in [&mut early, &mut second, &mut context.watch()] {
        let node = watcher.next_of("node");
        assert_eq!((node.component.as_str(), node.icon.as_str()), ("node/Repeat", "retweet"));
        assert_eq!(node.inports[0].queue.as_deref(), Some("node.IN"));
        assert_eq!(node.outports[0].queue.as_deref(), Some("node.OUT"));
        // A key that only msgflo-nodejs has.
        assert_eq!(node.inports[0].other["hidden"], false);
        assert_eq!(watcher.next_of("rust").id, id);
    }

    // The coordinator misses nobody while watchers watch, nor does the one the other.
    for _ in 0..3 {
        coordinator.wait_until_updated("node");
        coordinator.wait_until_updated("rust");
        early.next_of("node");
    }
    let _later = [context.node_participant("later-node", NODE), context.rust("later-rust")];
    coordinator.wait_until_added(&["later-node", "later-rust"]);
    second.next_of("later-node");
    second.next_of("later-rust");

    // Nor once the watcher is gone that has passed on announcements to the other.
    drop(early);
    let _last = context.node_participant("last", NODE);
    coordinator.wait_until_added(&["last"]);
    second.next_of("last");
    coordinator.wait_until_updated("rust");
}

fn a_watcher_sees_foreign_participants(context: &Context) {
    let mut watcher = context.watch();
    let definition = programs::participant("led.yaml").display().to_string();
    let arguments = "--forever true --interval 2 --role lamp --broker";
    let arguments = arguments.split(' ').chain([context.url.as_str(), &definition]);
    let arguments: Vec<_> = arguments.collect();
    let _lamp = Process::start(&programs::npm("msgflo-register-foreign", &arguments));
    let lamp = watcher.next_of("lamp");
    assert_eq!((lamp.id.as_str(), lamp.component.as_str()), ("lamp", "c-base/led"));
    assert_eq!(lamp.inports[0].queue.as_deref(), Some("led/lamp/on"));
    assert_eq!(lamp.inports[0].port_type, "boolean");
    assert_eq!(lamp.inports[0].other["unit"], "lamps");
    assert!(lamp.outports.is_empty());
}

fn watchers_that_leave_at_any_moment_let_go_of_announcements(context: &Context) {
    for moment in 0..100 {
        let watcher = context.watch();
        std::thread::sleep(Duration::from_micros(moment * 200));
        drop(watcher);
    }
    context.wait_for_consumers("fbp", 0);
}
