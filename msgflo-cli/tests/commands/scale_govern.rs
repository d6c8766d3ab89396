//! `msgflo scale`: the governor.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use msgflo::Message;
use msgflo::transport::{Queue, Target};
use msgflo_guv::config::{Configuration, Environment};
use msgflo_test_broker::free_port;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::brokers::Broker;
use crate::network::{PHOTO, imageresize};
use crate::program::{PATIENCE, run};
use crate::project::Project;

/// Two jobs need a worker; what was needed before is not remembered.
const CONFIGURATION: &str = "\
resize:
  {queue: resize.IN, worker: image-worker, model: proportional, minimum: 0, maximum: 3,
   processing: 1, deadline: 10, target: 3, pollinterval: 0.1, history: 0.1}
";

/// Says that it works, for whom, and what became of it.
const WORKER: &str = "\
trap 'echo asked >> log; while [ -e log ] && [ ! -e go ]; do sleep 0.02; done; echo finished >> log; exit 0' TERM
echo a line on standard output
echo started $1 $MSGFLO_BROKER >> log
while [ -e log ]; do sleep 0.02; done
";

fn project() -> Project {
    Project::new(json!({}))
        .with("images.guv.yaml", CONFIGURATION)
        .with("worker.sh", WORKER)
        .with("Procfile", "web: no such program\nimage-worker: sh worker.sh #ROLE\n")
        .with("log", "")
}

impl Project {
    /// Returns when the workers have said it so often.
    async fn logged(&self, what: &str, count: usize) {
        let logged = async {
            while self.read("log").matches(what).count() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = timeout(PATIENCE, logged).await;
        assert!(waited.is_ok(), "{count} {what} in {}", self.read("log"));
    }
}

async fn with_jobs(broker: &Broker, count: usize) {
    let network = broker.connect().await;
    let queue = Queue::inport("resize.IN");
    network.transport().declare(&queue).await.unwrap();
    for _ in 0..count {
        let target = Target::Inport("resize.IN");
        network.transport().publish(target, Message::new("a job")).await.unwrap();
    }
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn workers_of_a_procfile_are_started_and_end_with_it() {
    let (project, broker) = (project(), Broker::rabbitmq());
    with_jobs(&broker, 4).await;
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let mut arguments = vec!["scale", "images.guv.yaml", "--broker", broker.url()];
    arguments.extend(["--metrics", &address, "--record", "decisions.csv"]);
    let mut scale = project.start(&arguments);
    assert_eq!(scale.line().await, "resize: 0 -> 2 workers (4 jobs waiting; estimate 2)");
    project.logged(&format!("started resize {}", broker.url()), 2).await;

    // The counter and the file follow the line.
    let told = async {
        loop {
            let mut curl = tokio::process::Command::new("curl");
            let scrape = curl.args(["-sf", &format!("http://{address}/metrics")]).output().await;
            let scrape = String::from_utf8(scrape.unwrap().stdout).unwrap();
            if scrape.contains("msgflo_guv_actual_workers{role=\"resize\"} 2.0\n") {
                return scrape;
            }
        }
    };
    let scrape = timeout(PATIENCE, told).await.unwrap();
    let up = "msgflo_guv_changes_total{role=\"resize\",direction=\"up\"} 1\n";
    assert!(scrape.contains(up), "{scrape}");
    let record = project.read("decisions.csv");
    let lines: Vec<_> = record.lines().collect();
    assert_eq!(
        lines[0],
        "time,role,waiting,in_flight,arrivals,processing,workers,booting,estimate,next"
    );
    let cells: Vec<_> = lines[1].split(',').collect();
    assert_eq!((cells[1], cells[2], cells[6], cells[8], cells[9]), ("resize", "4", "0", "2", "2"));

    // Stopped, it waits for them.
    let stopped = tokio::spawn(scale.interrupt());
    project.logged("asked", 2).await;
    assert_eq!(project.read("log").matches("finished").count(), 0);
    let project = project.with("go", "");
    let (status, errors) = stopped.await.unwrap();
    assert_eq!(status.code(), Some(0), "{errors}");
    assert_eq!(project.read("log").matches("finished").count(), 2);
    assert!(errors.contains("note: 2 workers finish what they are at"), "{errors}");
    assert_eq!(errors.matches("a line on standard output").count(), 2, "{errors}");
}

#[tokio::test]
async fn stopped_a_second_time_it_cuts_its_workers() {
    let (project, broker) = (project(), Broker::rabbitmq());
    with_jobs(&broker, 4).await;
    let mut scale = project.command(&["scale", "images.guv.yaml", "--broker", broker.url()]);
    let scale = scale.spawn().unwrap();
    let id = Pid::from_raw(scale.id().unwrap().cast_signed()).unwrap();
    project.logged("started", 2).await;
    kill_process(id, Signal::TERM).unwrap();
    project.logged("asked", 2).await;
    kill_process(id, Signal::TERM).unwrap();
    // Their standard error is the same, so that this waits for them too.
    let output = timeout(PATIENCE, scale.wait_with_output()).await.unwrap().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("will be delivered again"), "{errors}");
    assert_eq!(project.read("log").matches("finished").count(), 0);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let (project, broker) = (project(), Broker::rabbitmq());
    let arguments = ["scale", "images.guv.yaml", "--dry-run", "--broker", broker.url()];
    let once = [&arguments[..], &["--once"]].concat();
    // There is no queue yet.
    let errors = project.msgflo(&once).await.failed(1);
    assert!(errors.contains("`resize.IN`"), "{errors}");
    with_jobs(&broker, 4).await;
    let would = "resize: would be 0 -> 2 workers (4 jobs waiting; estimate 2)\n";
    assert_eq!(project.msgflo(&once).await.ok(), would);

    let mut scale = project.start(&arguments);
    assert_eq!(scale.line().await, would.trim_end());
    with_jobs(&broker, 2).await;
    // Not a line with every poll.
    assert_eq!(scale.line().await, "resize: would be 0 -> 3 workers (6 jobs waiting; estimate 3)");
    let (status, _) = scale.interrupt().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(project.read("log"), "");
}

#[tokio::test]
async fn what_cannot_work_is_told_at_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let project = project().with("broken", "no Procfile\n").with("empty", "");
    let nobody = format!("amqp://guest:secret@127.0.0.1:{}/", free_port().unwrap());
    for (arguments, code, text) in [
        (&[][..], 2, "GUV_CONFIG"),
        (&["no-such.yaml"], 2, "no-such.yaml"),
        (
            &["images.guv.yaml", "--procfile", "empty"],
            2,
            "a line `image-worker: COMMAND` into empty",
        ),
        (&["images.guv.yaml", "--procfile", "broken"], 2, "line 1"),
        (&["images.guv.yaml", "--procfile", "missing"], 2, "missing"),
        (&["images.guv.yaml", "--command", "other=work"], 2, "there is no such role"),
        (&["images.guv.yaml", "--command", "resize='"], 2, "`resize`"),
        (&["images.guv.yaml", "--once"], 2, "--dry-run"),
        (&["images.guv.yaml", "--metrics", &taken], 2, "in use"),
        (&["images.guv.yaml", "--record", "no/such/folder.csv"], 2, "no/such/folder.csv"),
        (&["images.guv.yaml", "--broker", "//guest:secret@"], 2, "`resize`"),
        (&["images.guv.yaml", "--broker", "guest:secret@"], 2, "no transport for guest://"),
        (&["images.guv.yaml", "--backend", "kubernetes"], 2, "kubernetes"),
        (
            &[
                "images.guv.yaml",
                "--once",
                "--dry-run",
                "--connect-timeout",
                "0.1",
                "--broker",
                &nobody,
            ],
            3,
            "cannot connect",
        ),
    ] {
        let errors = project.msgflo(&[&["scale"], arguments].concat()).await.failed(code);
        assert!(errors.to_lowercase().contains(&text.to_lowercase()), "{arguments:?}: {errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}

#[tokio::test]
async fn a_broker_that_is_away_is_a_warning() {
    let project = project();
    let nobody = format!("amqp://guest:secret@127.0.0.1:{}/", free_port().unwrap());
    let mut scale = project.command(&["scale", "images.guv.yaml"]);
    scale.env("GUV_BROKER", &nobody);
    let mut scale = scale.spawn().unwrap();
    let mut warned = tokio::io::BufReader::new(scale.stderr.take().unwrap());
    let mut warning = String::new();
    let read = tokio::io::AsyncBufReadExt::read_line(&mut warned, &mut warning);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(warning.starts_with("warning: resize: cannot connect to amqp://guest@"), "{warning}");
    assert!(warning.contains("until then, it keeps 0 workers"), "{warning}");
    scale.kill().await.unwrap();
}

/// As long as a machine may take that has other things to do, and a build without optimisation. By these
/// figures, one worker would do 9 images within the deadline.
const BURST: &str = "\
resize:
  {queue: resize.IN, minimum: 0, maximum: 3, concurrency: 1, processing: 6, boot: 1,
   deadline: 60, pollinterval: 0.5, history: 3}
";

#[tokio::test]
async fn a_burst_of_photos_is_done_in_time_and_its_workers_go_again() {
    let broker = Broker::rabbitmq();
    let (program, images) = (imageresize().display().to_string(), 24);
    let project = Project::new(json!({})).with("images.guv.yaml", BURST);
    // As `msgflo scale` reads it.
    let environment = Environment::default();
    let configuration = Configuration::parse("images.guv.yaml", BURST, &environment).unwrap();
    let deadline = configuration.role("resize").unwrap().deadline;
    let start = |arguments: &[&str]| {
        let mut role = tokio::process::Command::new(&program);
        role.args(arguments).args(["--data", "data"]).env("MSGFLO_BROKER", broker.url());
        role.current_dir(project.path()).stdout(std::process::Stdio::piped()).kill_on_drop(true);
        crate::program::Running::of(role)
    };
    let mut store = start(&["store"]);
    let mut web = start(&["web", "--listen", "127.0.0.1:0"]);
    store.line_with("ready").await;
    let ready = web.line_with("ready").await;
    let url = ready.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    // What workers tell, seen beside `store`.
    let network = broker.connect().await;
    let queue = Queue::inport("witness");
    network.transport().declare(&queue).await.unwrap();
    for outport in ["resize.OUT", "resize.ERROR"] {
        network.bind(outport, "witness").await.unwrap();
    }

    let command = format!("resize='{program}' resize --role #ROLE --concurrency 1 --data data");
    let arguments = ["--broker", broker.url(), "--command", &command];
    let mut scale = project.start(&[&["scale", "images.guv.yaml"], &arguments[..]].concat());
    let photo = format!("image=@{PHOTO}");
    let files = vec![["-F", photo.as_str()]; images].concat();
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["-sf", "-F", "width=64"]).args(files).arg(format!("{url}/jobs"));
    let taken = curl.output().await.unwrap().stdout;
    let job: Value = serde_json::from_slice(&taken).unwrap();

    // 0 -> n -> 0.
    let mut counts = vec![0];
    while counts.len() == 1 || counts.last() != Some(&0) {
        let line = scale.line_with(" -> ").await;
        let count = line.split(" -> ").nth(1).unwrap().split(' ').next().unwrap();
        counts.push(count.parse::<u32>().unwrap());
    }
    assert!((2..=3).contains(counts.iter().max().unwrap()), "{counts:?}");
    let nobody_is_left = async {
        while network.statistics("resize.IN").await.unwrap().consumers > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, nobody_is_left).await.unwrap();

    // Every one, in time.
    let job = format!("{url}/jobs/{}", job["id"].as_str().unwrap());
    let finished = async {
        loop {
            let mut curl = tokio::process::Command::new("curl");
            let answer = curl.args(["-sf", &job]).output().await.unwrap().stdout;
            let job: Value = serde_json::from_slice(&answer).unwrap();
            if job["finished"].is_string() {
                return job;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let job = timeout(PATIENCE, finished).await.unwrap();
    let all = job["images"].as_array().unwrap();
    assert_eq!(all.len(), images);
    for image in all {
        assert_eq!(image["state"], "done", "{image}");
        let took = seconds(&image["finished"]) - seconds(&image["created"]);
        assert!(took <= deadline, "{took} s: {image}");
    }

    // Each once.
    let mut reports = network.transport().consume("witness", 100).await.unwrap();
    let mut done: HashMap<String, u32> = HashMap::new();
    for _ in 0..2 * images {
        let report = timeout(PATIENCE, reports.next()).await.expect("a report").unwrap().unwrap();
        let told: Value = serde_json::from_slice(&report.message.payload).unwrap();
        if told["state"] == "done" {
            *done.entry(told["image"].as_str().unwrap().into()).or_default() += 1;
        }
        report.acknowledge();
    }
    assert_eq!(done.len(), images);
    assert!(done.values().all(|count| *count == 1), "{done:?}");
    assert_eq!(network.statistics("witness").await.unwrap().waiting, 0);
    assert_eq!(network.statistics("dead-resize.IN").await.unwrap().waiting, 0);

    let (status, errors) = scale.interrupt().await;
    assert_eq!(status.code(), Some(0), "{errors}");
    network.shutdown().await.unwrap();
}

fn seconds(time: &Value) -> f64 {
    let time = humantime::parse_rfc3339(time.as_str().unwrap()).unwrap();
    time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test]
async fn the_example_s_configuration_is_sound() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/imageresize/images.guv.yaml");
    let check = run(crate::program::command(&["scale", "check", file.to_str().unwrap()])).await;
    assert_eq!(check.stderr, "");
    assert!(check.ok().contains("0 to 4"));
}
