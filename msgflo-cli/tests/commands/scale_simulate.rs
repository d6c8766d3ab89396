//! `msgflo scale simulate` and `msgflo scale plot`.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{Finished, command, run};

const CONFIGURATION: &str = "resize: {processing: 2, deadline: 20, boot: 5, pollinterval: 5}\n";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("guv.yaml"), CONFIGURATION).unwrap();
    folder
}

async fn msgflo(folder: &Path, arguments: &[&str]) -> Finished {
    let mut msgflo = command(arguments);
    msgflo.current_dir(folder);
    run(msgflo).await
}

async fn simulate(folder: &Path, arguments: &[&str]) -> Finished {
    msgflo(folder, &[&["scale", "simulate", "guv.yaml"], arguments].concat()).await
}

#[tokio::test]
async fn every_policy_is_simulated_with_the_same_jobs_and_the_same_seed_does_it_again() {
    let folder = folder();
    let arguments = ["--pattern", "burst", "--job-times", "normal", "--duration", "7200"];
    let table = simulate(folder.path(), &arguments).await.ok();
    let rows: Vec<_> = table.lines().skip(1).collect();
    assert_eq!(rows.len(), 6, "{table}");
    for (row, policy) in
        rows.iter().zip(["deadline", "proportional", "keda", "cpu", "fixed", "fixed"])
    {
        let start = format!("resize  burst    normal     {policy}");
        assert!(row.starts_with(&start), "{row}");
    }
    assert!(rows[0].ends_with("yes"), "{table}");
    assert_eq!(simulate(folder.path(), &arguments).await.ok(), table);
    let other = simulate(folder.path(), &[&arguments[..], &["--seed", "2"]].concat()).await.ok();
    assert_ne!(other, table);
    // All patterns and job times, if none are chosen.
    let all = simulate(folder.path(), &["--jobs", "500"]).await.ok();
    assert_eq!(all.lines().count(), 1 + 4 * 3 * 6, "{all}");
}

#[tokio::test]
async fn a_trace_is_simulated_and_written_as_csv_and_svg() {
    let folder = folder();
    let mut trace = "processing, arrival\n".to_owned();
    // 40 jobs a minute apart, each of 3 s, the last first: each begins at once, with one worker.
    (0..40).rev().for_each(|job| trace += &format!("3, {}\n", 1_700_000_000 + job * 60));
    fs::write(folder.path().join("jobs.csv"), trace).unwrap();
    simulate(
        folder.path(),
        &["--trace", "jobs.csv", "--csv", "outcome.csv", "--plot", "outcome.svg"],
    )
    .await
    .ok();
    let outcome = fs::read_to_string(folder.path().join("outcome.csv")).unwrap();
    let mut rows = outcome.lines();
    assert_eq!(
        rows.next(),
        Some(
            "role,pattern,job_times,policy,jobs,in_deadline_percent,p50_seconds,p99_seconds,\
             worker_hours,scale_changes,meets"
        )
    );
    let deadline: Vec<_> = rows.next().unwrap().split(',').collect();
    assert_eq!(deadline[..6], ["resize", "trace", "trace", "deadline", "40", "100"]);
    assert!((deadline[6].parse::<f64>().unwrap() - 3.0).abs() < 0.001, "{deadline:?}");
    assert_eq!(deadline[9..], ["0", "yes"]);
    let picture = fs::read_to_string(folder.path().join("outcome.svg")).unwrap();
    assert!(picture.starts_with("<svg"), "{picture}");
    assert!(picture.contains("resize: trace, trace job times"), "{picture}");
}

#[tokio::test]
async fn what_cannot_be_simulated_is_refused_with_the_reason() {
    let folder = folder();
    let refusal = async |arguments: &[&str]| simulate(folder.path(), arguments).await.failed(2);
    let unknown = refusal(&["--role", "rezise"]).await;
    assert!(unknown.contains("no role `rezise`") && unknown.contains("`resize`"), "{unknown}");
    let many = refusal(&["--plot", "plot.svg"]).await;
    assert!(many.contains("these are 12"), "{many}");
    let long = refusal(&["--duration", "1000000000"]).await;
    assert!(long.contains("is the most"), "{long}");
    fs::write(folder.path().join("words.csv"), "arrival\n1\n2\nsoon\n").unwrap();
    let words = refusal(&["--trace", "words.csv"]).await;
    assert!(words.contains("words.csv, line 4: `arrival` is `soon`"), "{words}");
    fs::write(folder.path().join("heads.csv"), "1,2\n3,4\n").unwrap();
    let heads = refusal(&["--trace", "heads.csv"]).await;
    assert!(heads.contains("no column `arrival`"), "{heads}");
    let missing = refusal(&["--trace", "missing.csv"]).await;
    assert!(missing.contains("missing.csv"), "{missing}");
    fs::write(folder.path().join("guv.yaml"), "rest: {minimum: 0, maximum: 0}\n").unwrap();
    let rest = refusal(&[]).await;
    assert!(rest.contains("maximum of 0"), "{rest}");
}

#[tokio::test]
async fn a_record_is_drawn() {
    let folder = folder();
    let record = "time,role,waiting,in_flight,arrivals,processing,workers,booting,estimate,next\n\
                  1700000000.0,resize,12,0,,,0,0,3,3\n\
                  1700000005.0,resize,,,,,3,0,,\n\
                  1700000010.0,resize,4,3,0.5,2.0,3,0,3,\n";
    fs::write(folder.path().join("record.csv"), record).unwrap();
    let plot = ["scale", "plot", "record.csv", "--title", "Photos"];
    let picture = msgflo(folder.path(), &plot).await.ok();
    assert!(picture.starts_with("<svg") && picture.contains("Photos"), "{picture}");
    assert!(picture.contains("resize") && picture.contains("seconds"), "{picture}");
    fs::write(folder.path().join("record.csv"), "time,what\n1,2\n").unwrap();
    let other = msgflo(folder.path(), &["scale", "plot", "record.csv"]).await.failed(2);
    assert!(other.contains("no column `waiting`"), "{other}");
}
