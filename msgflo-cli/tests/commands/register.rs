//! `msgflo register`.

use msgflo::Definition;
use msgflo::transport::Announcements;
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use crate::brokers::Broker;
use crate::program::{PATIENCE, Running};
use crate::project::Project;

const LAMP: &str = "
component: home/Lamp
label: a lamp
inports: { light: { queue: '/home/#ROLE/set', type: boolean } }
outports:
  - { id: state, queue: '/home/#ROLE/state', type: boolean }
";

fn lamp() -> Project {
    Project::new(json!({})).with("lamp.yml", LAMP)
}

/// The next announcement of a role; on RabbitMQ, one can come twice.
async fn announced(announcements: &mut Announcements, role: &str) -> Definition {
    loop {
        let next = timeout(PATIENCE, announcements.next()).await.expect("an announcement");
        let definition = next.unwrap().unwrap();
        if definition.role == role {
            return definition;
        }
    }
}

#[tokio::test]
async fn foreign_participants_are_announced_until_it_is_stopped() {
    let project = lamp();
    let file = project.path().join("lamp.yml");
    let [kitchen, hall] = ["kitchen", "hall"].map(|role| format!("{role}:{}", file.display()));
    for broker in Broker::all().await {
        let network = broker.connect().await;
        let mut announcements = network.transport().watch().await.unwrap();
        let roles = ["--role", &*kitchen, "--role", &*hall];
        let forever = ["--forever", "--interval", "0.2"];
        let arguments = [&["register", "--broker", broker.url()][..], &roles, &forever].concat();
        let mut register = Running::start(&arguments);
        assert_eq!(register.line().await, "announced kitchen (home/Lamp)");
        assert_eq!(register.line().await, "announced hall (home/Lamp)");
        let kitchen = announced(&mut announcements, "kitchen").await;
        assert_eq!((&*kitchen.id, &*kitchen.label), ("kitchen", "a lamp"));
        assert_eq!(kitchen.inports[0].queue.as_deref(), Some("/home/kitchen/set"));
        let hall = announced(&mut announcements, "hall").await;
        assert_eq!(hall.outports[0].queue.as_deref(), Some("/home/hall/state"));
        for role in ["kitchen", "hall"].repeat(3) {
            announced(&mut announcements, role).await;
        }
        let (status, stderr) = register.interrupt().await;
        assert_eq!((status.code(), &*stderr), (Some(0), ""));
        network.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn one_role_is_announced_once_and_is_found_later() {
    let (project, broker) = (lamp(), Broker::rabbitmq());
    let arguments = ["register", "--role", "kitchen", "lamp.yml", "--broker", broker.url()];
    let told = project.msgflo(&arguments).await.ok();
    assert_eq!(told, "announced kitchen (home/Lamp)\n");
    let network = broker.connect().await;
    let mut announcements = network.transport().watch().await.unwrap();
    announced(&mut announcements, "kitchen").await;
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn it_is_known_as_msgflo_register_foreign() {
    let (project, broker) = (lamp(), Broker::mosquitto());
    let network = broker.connect().await;
    let mut announcements = network.transport().watch().await.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_msgflo-register-foreign"));
    command.args(["--role", "kitchen", "lamp.yml", "--forever=true"]).kill_on_drop(true);
    command.env("MSGFLO_BROKER", broker.url()).current_dir(project.path());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut register = Running::of(command);
    register.line_with("announced kitchen").await;
    announced(&mut announcements, "kitchen").await;
    assert_eq!(register.interrupt().await.0.code(), Some(0));
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_is_announced() {
    let project = lamp()
        .with("tabs.yml", "component: X\ninports: {{\n")
        .with("noport.yml", "component: X\ninports: { in: { type: any } }\n");
    let wrong = async |arguments: &[&str], told: &[&str]| {
        let error = project.msgflo(&[&["register"], arguments].concat()).await.failed(2);
        for told in told {
            assert!(error.contains(told), "{error}");
        }
    };
    wrong(&[], &["nothing to announce", "--role ROLE:FILE"]).await;
    wrong(&["--role", "a"], &["`--role a` names no file", "--role a:FILE.yml"]).await;
    wrong(&["--role", "a:none.yml"], &["cannot read none.yml"]).await;
    wrong(&["--role", "a:tabs.yml"], &["not YAML", "tabs.yml:"]).await;
    wrong(&["--role", "a:noport.yml"], &["port `in` in `inports` has no `queue`"]).await;
    wrong(&["lamp.yml"], &["names no role", "--role"]).await;
    let twice = ["--role", "a:lamp.yml", "--role", "a:lamp.yml"];
    wrong(&twice, &["role `a` is given twice"]).await;
    wrong(&["--role", "a:lamp.yml", "--interval", "0"], &["is not a number of seconds"]).await;
}
