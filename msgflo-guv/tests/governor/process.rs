//! The process backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use msgflo_guv::backend::Backend;
use msgflo_guv::backend::process::{Command, Process};
use msgflo_guv::config::Role;
use tokio::time::timeout;

use crate::workplace::{PATIENCE, Workplace, until};

fn resize() -> Role {
    Role::new("resize")
}

fn backend(command: Command) -> (Process, Arc<Mutex<Vec<String>>>) {
    let deaths = Arc::new(Mutex::new(Vec::new()));
    let told = deaths.clone();
    let on_death = move |role: &str, how: &str| told.lock().unwrap().push(format!("{role}: {how}"));
    (Process::new(HashMap::from([("resize".into(), command)]), on_death), deaths)
}

async fn scale(backend: &Process, count: u32) -> msgflo::Result<()> {
    backend.scale(&[(&resize(), count)]).await.pop().unwrap()
}

async fn workers(backend: &Process) -> u32 {
    backend.workers(&[&resize()]).await.pop().unwrap().unwrap().unwrap()
}

async fn none_left(backend: &Process) {
    until(|| backend.processes() == 0, || "processes go on".into()).await;
}

#[tokio::test]
async fn the_youngest_are_stopped_and_finish_what_they_are_at() {
    let place = Workplace::new();
    let (backend, deaths) = backend(place.command());
    scale(&backend, 1).await.unwrap();
    place.until("started", 1).await;
    scale(&backend, 2).await.unwrap();
    let second = place.until("started", 2).await;
    assert_eq!(workers(&backend).await, 2);

    scale(&backend, 1).await.unwrap();
    // It does not count any more, and is at its last job.
    assert_eq!((workers(&backend).await, backend.processes()), (1, 2));
    let asked = place.until("asked", 1).await;
    assert_eq!(asked.split(' ').nth(1), second.split(' ').nth(1));
    assert_eq!(place.count("finished"), 0);
    // Another is needed meanwhile.
    scale(&backend, 2).await.unwrap();
    place.until("started", 3).await;
    assert_eq!((workers(&backend).await, backend.processes()), (2, 3));

    place.go();
    place.until("finished", 1).await;
    timeout(PATIENCE, backend.stop()).await.unwrap();
    assert_eq!((place.count("finished"), backend.processes()), (3, 0));
    assert_eq!(*deaths.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn stopping_waits_and_killing_does_not() {
    let place = Workplace::new();
    let (backend, deaths) = backend(place.command());
    scale(&backend, 2).await.unwrap();
    place.until("started", 2).await;
    let stopped = async {
        backend.stop().await;
        panic!("they are at their last jobs");
    };
    tokio::select! {
        () = stopped => {}
        _ = place.until("asked", 2) => {}
    }
    timeout(PATIENCE, backend.kill()).await.unwrap();
    assert_eq!((place.count("finished"), backend.processes()), (0, 0));
    assert_eq!(*deaths.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_a_shell_has_started_is_waited_for() {
    let place = Workplace::new();
    let line = format!("WIDTH=640; {} $WIDTH; echo after", place.line());
    let (backend, _) = backend(Command::new("resize", &line, None).unwrap());
    scale(&backend, 1).await.unwrap();
    assert!(place.until("started", 1).await.ends_with(" 640"));
    scale(&backend, 0).await.unwrap();
    place.until("asked", 1).await;
    assert_eq!((workers(&backend).await, backend.processes()), (0, 1));
    place.go();
    none_left(&backend).await;
    assert_eq!(place.count("finished"), 1);
}

#[tokio::test]
async fn a_dropped_backend_leaves_nobody_behind() {
    let place = Workplace::new();
    let (backend, _) = backend(place.command());
    scale(&backend, 2).await.unwrap();
    place.until("started", 2).await;
    drop(backend);
    place.go();
    place.until("finished", 2).await;
}

#[tokio::test]
async fn a_worker_that_dies_is_reported_and_missed() {
    let place = Workplace::new();
    let (backend, deaths) = backend(place.command());
    scale(&backend, 2).await.unwrap();
    place.until("started", 2).await;
    let last = place.until("started", 2).await;
    let id = last.split(' ').nth(1).unwrap();
    let kill = std::process::Command::new("kill").args(["-9", id]).status().unwrap();
    assert!(kill.success());
    until(|| !deaths.lock().unwrap().is_empty(), || "nobody died".into()).await;
    let told = deaths.lock().unwrap().pop().unwrap();
    assert!(told.starts_with(&format!("resize: worker {id} was ended by signal: 9")), "{told}");
    assert_eq!(workers(&backend).await, 1);
    // One may always die.
    scale(&backend, 2).await.unwrap();
    place.until("started", 3).await;
    place.go();
    backend.stop().await;
}

#[tokio::test]
async fn workers_that_die_at_once_are_not_started_again_and_again() {
    let (backend, deaths) = backend(Command::new("resize", "sh -c 'exit 3'", None).unwrap());
    let mut starts = 0;
    let refused = loop {
        match scale(&backend, 1).await {
            Ok(()) => starts += 1,
            Err(error) => break error.to_string(),
        }
        none_left(&backend).await;
        assert!(starts < 10);
    };
    assert!(starts > 1, "one may always die");
    assert_eq!(deaths.lock().unwrap().len(), starts);
    for part in ["exit code 3", "in a row", "the next is started in"] {
        assert!(refused.contains(part), "{refused}");
    }
    // Fewer are not held up.
    scale(&backend, 0).await.unwrap();
}

#[tokio::test]
async fn a_command_that_is_not_there_is_an_error() {
    let command = Command::new("resize", "no-such-program --role #ROLE", None).unwrap();
    let (backend, _) = backend(command);
    let error = scale(&backend, 1).await.unwrap_err().to_string();
    assert!(error.contains("`no-such-program --role resize`"), "{error}");
    assert_eq!((workers(&backend).await, backend.processes()), (0, 0));
    let other = Role::new("other");
    let error = backend.scale(&[(&other, 1)]).await.pop().unwrap().unwrap_err().to_string();
    assert!(error.contains("`other`"), "{error}");
}

#[tokio::test]
async fn workers_know_the_broker() {
    let place = Workplace::new();
    let line = format!("{} $MSGFLO_BROKER", place.line());
    let url = "amqp://guest:secret@localhost/";
    let (backend, _) = backend(Command::new("resize", &line, Some(url)).unwrap());
    scale(&backend, 1).await.unwrap();
    assert!(place.until("started", 1).await.ends_with(url));
    place.go();
    backend.stop().await;
}
