//! One network of everything: the image service in Rust, an unchanged participant in Node.js, and a
//! foreign one; set up from one graph, watched, drawn, and torn down.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use msgflo::transport::Queue;
use msgflo_test_broker::{RabbitMq, free_port};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::nodejs;
use crate::program::PATIENCE;
use crate::project::Project;
use crate::terminal::Terminal;

const GRAPH: &str = "\
web(imageresize/HttpApi) RESIZE -> IN resize(imageresize/ResizeImage) OUT -> IN store(imageresize/StoreResult)
resize ERROR -> IN store
resize OUT -> IN copy(Repeat) OUT -> SHOW display(test/Display)
";
const DISPLAY: &str = "
component: test/Display
label: A display that shows what becomes of images
inports: { show: { queue: display/show, type: object } }
";
pub const PHOTO: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/imageresize/tests/photos/flower.jpg");

/// The service's program, built if it is not.
pub fn imageresize() -> PathBuf {
    // This test is target/PROFILE/deps/NAME-HASH.
    let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let mut build = Command::new(env!("CARGO"));
    // With the features that all tests are built with, nothing is compiled twice.
    build.args(["build", "--quiet", "--workspace", "--all-features", "--bin", "imageresize"]);
    build.arg("--manifest-path");
    build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).stdin(Stdio::null());
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "imageresize does not build");
    profile.join("imageresize")
}

#[tokio::test]
async fn it_is_set_up_watched_drawn_and_torn_down() {
    let broker = RabbitMq::with_management().unwrap();
    let url = format!("{}?management={}", broker.url(), broker.management_url());
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let program = imageresize();
    let role = |role: &str, more: &str| {
        format!("'{}' {role} --role #ROLE --data data {more}", program.display())
    };
    let project = Project::new(json!({
        "imageresize/HttpApi": role("web", &format!("--listen {address}")),
        "imageresize/ResizeImage": role("resize", ""),
        "imageresize/StoreResult": role("store", ""),
        "Repeat": nodejs::repeat(),
    }))
    .with("network.fbp", GRAPH)
    .with("components/Display.yml", DISPLAY);
    let network = msgflo::connect(&url).await.unwrap();
    let shows = Queue::inport("display/show");
    network.transport().declare(&shows).await.unwrap();
    let mut display = network.transport().consume("display/show", 1).await.unwrap();

    // Set up.
    let setup =
        ["setup", "network.fbp", "--broker", &url, "--participants", "--discover", "--forever"];
    let mut setup = project.start(&setup);
    setup.line_with("the network is set up").await;

    // Watched.
    let mut terminal = Terminal::new(140, 40);
    let mut watch = terminal.run(&["watch", "--broker", &url]);
    for role in ["web", "resize", "store", "copy", "display"] {
        terminal.shows(role).await;
    }
    terminal.press("q");
    assert!(terminal.ended(&mut watch).await.success());
    let ps = project.msgflo(&["ps", "--broker", &url, "--wait", "5", "--json"]).await.ok();
    let ps: Value = serde_json::from_str(&ps).unwrap();
    let roles: Vec<_> = ps["roles"].as_array().unwrap().iter().map(|role| &role["role"]).collect();
    assert_eq!(roles, ["copy", "display", "resize", "store", "web"]);

    // It works: a photo goes through Rust, Node.js and what knows nothing of MsgFlo.
    let form = ["-sf", "-F", &format!("image=@{PHOTO}"), "-F", "width=64"].map(str::to_owned);
    let mut curl = tokio::process::Command::new("curl");
    curl.args(form).arg(format!("http://{address}/jobs"));
    let job: Value = serde_json::from_slice(&curl.output().await.unwrap().stdout).unwrap();
    let image = &job["images"][0]["id"];
    loop {
        let shown = timeout(PATIENCE, display.next()).await.expect("a report").unwrap().unwrap();
        let report: Value = serde_json::from_slice(&shown.message.payload).unwrap();
        shown.acknowledge();
        assert_eq!(&report["image"], image);
        if report["state"] == "done" {
            assert_eq!(report["width"], 64);
            break;
        }
    }

    // Drawn, as it was written and as it runs.
    let show = ["graph", "show", "network.fbp", "--format", "mermaid"];
    let written = project.msgflo(&show).await.ok();
    let show =
        ["graph", "show", "--running", "--broker", &url, "--wait", "5", "--format", "mermaid"];
    let running = project.msgflo(&show).await.ok();
    for drawing in [&written, &running] {
        assert_eq!(drawing.matches("-->").count(), 5, "{drawing}");
    }

    // Torn down.
    let (status, errors) = setup.interrupt().await;
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(std::net::TcpStream::connect(&address).is_err(), "web goes on");
    for queue in ["resize.IN", "store.IN", "copy.IN"] {
        let left = async {
            // The broker tells of no end.
            while network.statistics(queue).await.unwrap().consumers > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, left).await.unwrap_or_else(|_| panic!("{queue} has consumers"));
    }
    network.shutdown().await.unwrap();
}
