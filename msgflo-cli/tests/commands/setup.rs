//! `msgflo setup`.

use std::process::Stdio;
use std::time::Duration;

use msgflo::transport::{Deliveries, Direction, Queue, Target};
use msgflo::{Any, Inport, Message, Network, Participant, Settings};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::nodejs;
use crate::program::{PATIENCE, Running, run};
use crate::project::{Project, repeat};

async fn declare(network: &Network, name: &str, direction: Direction) {
    let queue = Queue::new(name, direction);
    network.transport().declare(&queue).await.unwrap();
}

async fn consume(network: &Network, queue: &str) -> Deliveries {
    declare(network, queue, Direction::In).await;
    network.transport().consume(queue, 1).await.unwrap()
}

async fn send(network: &Network, queue: &str, text: &str) {
    let message = Message::new(text.to_owned());
    network.transport().publish(Target::Inport(queue), message).await.unwrap();
}

async fn next(deliveries: &mut Deliveries) -> String {
    let delivery = timeout(PATIENCE, deliveries.next()).await.expect("a message");
    let delivery = delivery.unwrap().unwrap();
    let text = String::from_utf8(delivery.message.payload.to_vec()).unwrap();
    delivery.acknowledge();
    text
}

#[tokio::test]
async fn ports_are_connected_and_values_sent_as_often_as_it_is_run() {
    let project = Project::new(json!({})).with(
        "graph.fbp",
        "first(A) OUT -> IN second(B)\nfirst OUT -> IN third(B)\n{ \"width\": 640 } -> CONFIG second",
    );
    for broker in Broker::all().await {
        let network = broker.connect().await;
        declare(&network, "first.OUT", Direction::Out).await;
        let mut second = consume(&network, "second.IN").await;
        let mut third = consume(&network, "third.IN").await;
        let mut config = consume(&network, "second.CONFIG").await;
        let setup = ["setup", "graph.fbp", "--broker", broker.url()];
        let told = project.msgflo(&setup).await.ok();
        let expected = "bound first.OUT -> second.IN\nbound first.OUT -> third.IN\n\
                        sent {\"width\":640} to second.CONFIG\n";
        assert_eq!(told, expected);
        assert_eq!(next(&mut config).await, r#"{"width":640}"#);
        assert_eq!(project.msgflo(&setup).await.ok(), expected);
        for text in ["1", "2"] {
            let message = Message::new(text);
            network.transport().publish(Target::Outport("first.OUT"), message).await.unwrap();
        }
        // Each once.
        for deliveries in [&mut second, &mut third] {
            assert_eq!([next(deliveries).await, next(deliveries).await], ["1", "2"]);
        }
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn participants_are_started_connected_restarted_and_stopped() {
    let note = "sh -c 'echo $$ >> pids; exec \"$0\" \"$@\"'";
    let project =
        Project::new(json!({ "Repeat": repeat(), "Noted": format!("{note} {}", repeat()) }))
            .with("graph.fbp", "first(Repeat) OUT -> IN second(Noted) OUT -> IN last(Other)");
    for broker in Broker::all().await {
        let network = broker.connect().await;
        let mut last = consume(&network, "last.IN").await;
        let arguments = ["setup", "graph.fbp", "--participants", "--ignore", "last", "--forever"];
        let forward = ["--forward", "stdout,stderr", "--broker", broker.url()];
        let mut setup = project.start(&[&arguments[..], &forward].concat());
        let mut ready = [setup.line().await, setup.line().await];
        ready.sort();
        assert!(ready[0].starts_with("first: first (rust/Repeat) is ready on"), "{ready:?}");
        assert!(ready[1].starts_with("second: second (rust/Repeat) is ready on"), "{ready:?}");
        assert!(setup.line().await.starts_with("started first (Repeat), process "));
        setup.line_with("the network is set up").await;
        send(&network, "first.IN", "1").await;
        assert_eq!(next(&mut last).await, "1");

        let pid = |project: &Project| project.read("pids").lines().last().unwrap().to_owned();
        let first_pid = pid(&project);
        kill("-KILL", &first_pid);
        setup.line_with("second: second (rust/Repeat) is ready on").await;
        let second_pid = pid(&project);
        assert_ne!(first_pid, second_pid);
        send(&network, "first.IN", "2").await;
        assert_eq!(next(&mut last).await, "2");

        let (status, stderr) = setup.interrupt().await;
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert!(stderr.contains("warning: second was ended by signal: 9"), "{stderr}");
        assert!(!is_running(&second_pid));
        network.shutdown().await.unwrap();
    }
}

fn kill(signal: &str, pid: &str) -> bool {
    let killed = std::process::Command::new("kill").args([signal, pid]).output().unwrap();
    killed.status.success()
}

fn is_running(pid: &str) -> bool {
    kill("-0", pid)
}

#[tokio::test]
async fn without_forever_participants_go_on() {
    let (project, broker) = (Project::new(json!({ "Repeat": repeat() })), Broker::rabbitmq());
    let project = project.with("graph.fbp", "first(Repeat) OUT -> IN last(Other)");
    let network = broker.connect().await;
    let mut last = consume(&network, "last.IN").await;
    let arguments = ["setup", "graph.fbp", "--participants", "--only", "first", "--json"];
    let mut setup = project.command(&[&arguments[..], &["--broker", broker.url()]].concat());
    // What it logs when nobody reads that any more, does it no harm.
    setup.env("RUST_LOG", "trace");
    let told: Value = serde_json::from_str(&run(setup).await.ok()).unwrap();
    assert_eq!(told["steps"][0]["role"], "first");
    assert_eq!(
        told["steps"][1],
        json!({ "step": "bind", "source": "first.OUT", "target": "last.IN" })
    );
    send(&network, "first.IN", "1").await;
    assert_eq!(next(&mut last).await, "1");
    assert!(kill("-TERM", &told["steps"][0]["process"].to_string()));
    network.shutdown().await.unwrap();
}

/// Takes nothing
#[derive(Participant, Default)]
#[participant(component = "test/Picky")]
struct Picky {
    #[inport(process = refuse)]
    r#in: Inport<Any>,
}

impl Picky {
    async fn refuse(&self, _: Any) -> msgflo::Result<()> {
        Err(msgflo::Error::message("no"))
    }
}

#[tokio::test]
async fn what_fails_behind_a_round_robin_goes_where_the_graph_says() {
    let project = Project::new(json!({})).with(
        "graph.fbp",
        "source(A) OUT -> IN jobs(msgflo/RoundRobin) OUT -> IN picky(Picky)\n\
         jobs DEADLETTER -> IN failed(Failed)",
    );
    for broker in Broker::all().await {
        let network = broker.connect().await;
        declare(&network, "source.OUT", Direction::Out).await;
        network.start("picky", Picky::default()).await.unwrap();
        let mut failed = consume(&network, "failed.IN").await;
        let arguments = ["setup", "graph.fbp", "--forever", "--broker", broker.url()];
        let mut setup = project.start(&arguments);
        assert_eq!(setup.line().await, "bound source.OUT -> picky.IN");
        assert_eq!(setup.line().await, "bound dead-picky.IN -> failed.IN");
        setup.line_with("the network is set up").await;
        let message = Message::new("hard");
        network.transport().publish(Target::Outport("source.OUT"), message).await.unwrap();
        assert_eq!(next(&mut failed).await, "hard");
        assert_eq!(setup.interrupt().await.0.code(), Some(0));
        network.shutdown().await.unwrap();
    }
}

/// Receives where it says
#[derive(Participant, Default)]
#[participant(component = "test/Elsewhere")]
struct Elsewhere {
    #[inport(process = take, queue = "somewhere/else")]
    job: Inport<Any>,
}

impl Elsewhere {
    async fn take(&self, _: Any) -> msgflo::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn announced_queues_are_used_and_what_is_not_announced_is_told() {
    let project = Project::new(json!({}))
        .with("lamp.yml", "{ component: Lamp, outports: { state: { queue: lamp/state } } }")
        .with("graph.fbp", "lamp(Lamp) STATE -> JOB worker(Elsewhere)")
        .with("typo.fbp", "lamp(Lamp) STATE -> JBO worker(Elsewhere)")
        .with("more.fbp", "lamp(Lamp) STATE -> JOB worker(Elsewhere) DONE -> IN absent(Gone)");
    for broker in Broker::all().await {
        let network = broker.connect().await;
        declare(&network, "lamp/state", Direction::Out).await;
        let often = Settings { discovery_period: Duration::from_secs(1), ..Default::default() };
        network.start_with("worker", Elsewhere::default(), often).await.unwrap();
        let register = ["register", "--role", "lamp:lamp.yml", "--forever", "--interval", "0.5"];
        let mut register = project.start(&[&register[..], &["--broker", broker.url()]].concat());
        register.line().await;
        let setup = async |graph, timeout| {
            let arguments = ["setup", graph, "--discover", "--timeout", timeout];
            project.msgflo(&[&arguments[..], &["--broker", broker.url()]].concat()).await
        };
        let told = setup("graph.fbp", "60").await.ok();
        assert_eq!(told, "bound lamp/state -> somewhere/else\n");
        let error = setup("typo.fbp", "60").await.failed(2);
        assert!(error.contains("no port `jbo` on worker: did you mean `job`?"), "{error}");
        let error = setup("more.fbp", "5").await.failed(4);
        assert!(
            error.contains("not announced within 5 s: absent (Gone) with port `in`"),
            "{error}"
        );
        register.interrupt().await;
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_participant_that_dies_at_start_is_shown() {
    let dies = "sh -c 'echo the camera is gone >&2; exit 3'";
    let project = Project::new(json!({ "Repeat": repeat(), "Dies": dies, "Silent": "sleep 60",
                                       "None": "no-such-program --role #ROLE" }))
    .with("dies.fbp", "first(Repeat) OUT -> IN second(Dies)")
    .with("silent.fbp", "first(Silent) OUT -> IN second(Repeat)")
    .with("none.fbp", "first(None) OUT -> IN second(Repeat)");
    let broker = Broker::mosquitto();
    let setup = async |graph, timeout| {
        let arguments = ["setup", graph, "--participants", "--timeout", timeout];
        project.msgflo(&[&arguments[..], &["--broker", broker.url()]].concat()).await
    };
    let error = setup("dies.fbp", "60").await.failed(1);
    assert!(error.contains("second (`sh -c") && error.contains("exit code 3"), "{error}");
    assert!(error.contains("the camera is gone"), "{error}");
    let error = setup("silent.fbp", "2").await.failed(4);
    assert!(error.contains("first (`sleep 60`) has printed no line"), "{error}");
    let error = setup("none.fbp", "60").await.failed(1);
    assert!(error.contains("cannot start first by `no-such-program --role first`"), "{error}");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let project = Project::new(json!({ "Repeat": "touch started" }))
        .with("graph.fbp", "first(Repeat) OUT -> IN second(Repeat)\n1 -> IN first");
    let broker = Broker::rabbitmq();
    let network = broker.connect().await;
    let arguments = ["setup", "graph.fbp", "--participants", "--dry-run", "--broker", broker.url()];
    let told = project.msgflo(&arguments).await.ok();
    let expected = "would start first (Repeat): touch started\n\
                    would start second (Repeat): touch started\n\
                    would bind first.OUT -> second.IN\nwould send 1 to first.IN\n";
    assert_eq!(told, expected);
    assert!(!project.path().join("started").exists());
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn values_that_a_command_hands_over_are_not_sent_too() {
    let project =
        Project::new(json!({ "Iips": "sh -c 'echo \"$0\" > iips; echo ready; sleep 60' #IIPS" }))
            .with("graph.fbp", "'it is' -> CONFIG first(Iips)");
    let broker = Broker::mosquitto();
    let arguments = ["setup", "graph.fbp", "--participants", "--forever", "--broker", broker.url()];
    let mut setup = project.start(&arguments);
    assert!(setup.line().await.starts_with("started first"));
    assert!(setup.line().await.contains("the network is set up"));
    assert_eq!(project.read("iips"), "{\"config\":\"it is\"}\n");
    assert_eq!(setup.interrupt().await.0.code(), Some(0));
}

#[tokio::test]
async fn bad_input_is_told_before_anything_is_touched() {
    let project = Project::new(json!({ "test/Resize": "true" }))
        .with("unknown.fbp", "a(test/Resise) OUT -> IN b(test/Resize)")
        .with("wrong.fbp", "a(A) OUT --> IN b(B)")
        .with("self.fbp", "a(A) OUT -> IN a\na OUT -> IN a")
        .with("cycle.fbp", "a(A) OUT -> IN b(B) OUT -> IN a")
        .with("broken/package.json", "{ \"msgflo\": { \"components\": 1 } }");
    let nobody = ["--broker", "amqp://u:secret@127.0.0.1:1", "--connect-timeout", "0.2"];
    let setup = async |arguments: &[&str], code| {
        project.msgflo(&[&["setup"], arguments, &nobody[..]].concat()).await.failed(code)
    };
    let error = setup(&["unknown.fbp", "--participants"], 2).await;
    assert!(error.contains("`test/Resise` for role `a`: did you mean `test/Resize`?"), "{error}");
    let error = setup(&["none.fbp"], 2).await;
    assert!(error.contains("cannot read none.fbp"), "{error}");
    let error = setup(&["wrong.fbp"], 2).await;
    assert!(error.starts_with("error: expected `->` or a port\n --> wrong.fbp:1:10\n"), "{error}");
    let broken = ["self.fbp", "--participants", "--library", "broken/package.json"];
    let error = setup(&broken, 2).await;
    assert!(error.contains("broken/package.json:1:"), "{error}");
    let error = setup(&["self.fbp", "--only", "c"], 2).await;
    assert!(error.contains("only `c`: the graph has no such role"), "{error}");
    let error = setup(&["self.fbp"], 3).await;
    assert!(error.contains("leads from a role to itself"), "{error}");
    assert!(error.contains("twice"), "{error}");
    assert!(error.contains("cannot connect to amqp://u@127.0.0.1:1"), "{error}");
    let error = setup(&["cycle.fbp"], 3).await;
    assert!(error.contains("a -> b -> a is a cycle"), "{error}");
}

#[tokio::test]
async fn edges_that_the_graph_has_no_more_are_removed() {
    let project = Project::new(json!({}))
        .with("old.fbp", "a(A) OUT -> IN b(B)\na OUT -> IN c(C)")
        .with("new.fbp", "a(A) OUT -> IN b(B)\nc(C)")
        .with("spy.fbp", "a(A) OUT -> IN spy(S)");
    for broker in [Broker::mosquitto(), Broker::zmq().await] {
        let network = broker.connect().await;
        declare(&network, "a.OUT", Direction::Out).await;
        let mut inports = Vec::new();
        for name in ["b.IN", "c.IN", "spy.IN"] {
            inports.push(consume(&network, name).await);
        }
        let setup = async |arguments: &[&str]| {
            let broker = ["setup", "--broker", broker.url()];
            project.msgflo(&[&broker[..], arguments].concat()).await.ok()
        };
        setup(&["old.fbp"]).await;
        setup(&["spy.fbp"]).await;
        let told = setup(&["new.fbp", "--remove-extra", "--dry-run"]).await;
        assert_eq!(told, "there already: a.OUT -> b.IN\nwould unbind a.OUT -> c.IN\n");
        let told = setup(&["new.fbp", "--remove-extra"]).await;
        assert_eq!(told, "there already: a.OUT -> b.IN\nunbound a.OUT -> c.IN\n");
        let told = setup(&["old.fbp", "--dry-run", "--json"]).await;
        let told: Value = serde_json::from_str(&told).unwrap();
        let there = told["steps"].as_array().unwrap().iter().map(|step| step["there"].clone());
        assert_eq!(there.collect::<Vec<_>>(), [json!(true), json!(false)]);
        let message = Message::new("1");
        network.transport().publish(Target::Outport("a.OUT"), message).await.unwrap();
        send(&network, "c.IN", "2").await;
        let mut received = Vec::new();
        for inport in &mut inports {
            received.push(next(inport).await);
        }
        assert_eq!(received, ["1", "2", "1"]);
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn msgflo_setup_mixes_languages_and_foreign_participants() {
    let project = Project::new(json!({ "rust/Repeat": repeat(), "Repeat": nodejs::repeat() }))
        .with("components/Lamp.yml", "{ component: Lamp, inports: { on: { queue: lamp/on } } }")
        .with("graph.fbp", "rust(rust/Repeat) OUT -> IN node(Repeat) OUT -> ON lamp(test/Lamp)");
    for broker in [Broker::rabbitmq(), Broker::mosquitto()] {
        let network = broker.connect().await;
        let mut lamp = consume(&network, "lamp/on").await;
        let mut setup = tokio::process::Command::new(env!("CARGO_BIN_EXE_msgflo-setup"));
        setup.args(["graph.fbp", "--participants", "--discover", "--forever", "--timeout", "60"]);
        setup.env("MSGFLO_BROKER", broker.url()).current_dir(project.path()).kill_on_drop(true);
        setup.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut setup = Running::of(setup);
        assert_eq!(setup.line_with("node.OUT").await, "bound node.OUT -> lamp/on");
        setup.line_with("the network is set up").await;
        send(&network, "rust.IN", r#"{"from":"rust"}"#).await;
        assert_eq!(next(&mut lamp).await, r#"{"from":"rust"}"#);
        assert_eq!(setup.interrupt().await.0.code(), Some(0));
        network.shutdown().await.unwrap();
    }
}
