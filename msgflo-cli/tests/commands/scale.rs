//! `msgflo scale`.

use serde_json::{Value, json};

use crate::program::{Finished, command, msgflo, msgflo_with_input, run};

const ROLES: &str = "\
'*': {boot: 5, pollinterval: 5, app: shop, dynosize: standard-1x}
emailsender: {queue: send-email, deadline: 180, minimum: 0, maximum: 5, concurrency: 10, processing: 0.3}
share: {max: 40, model: proportional}
";

async fn check(text: &str, options: &[&str]) -> Finished {
    msgflo_with_input(&[&["scale", "check", "-"], options].concat(), text.as_bytes()).await
}

/// Not by standard input, which it does not read if its arguments are wrong.
async fn explain(text: &str, options: &[&str]) -> Finished {
    let mut explain = command(&[&["scale", "explain"], options].concat());
    explain.env("GUV_CONFIG", text);
    run(explain).await
}

#[tokio::test]
async fn a_check_tells_what_each_role_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("autoscale.guv.yaml");
    std::fs::write(&file, ROLES).unwrap();
    let checked = msgflo(&["scale", "check", file.to_str().unwrap()]).await;
    assert_eq!(checked.stderr, "");
    let shown = checked.ok();
    let row = |role: &str| {
        let row = shown.lines().find(|line| line.starts_with(&format!("{role} ")));
        row.unwrap_or_else(|| panic!("{shown}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        row("emailsender"),
        "emailsender deadline send-email emailsender of shop 0 to 5 180 s 179.65 s 10000.00"
    );
    assert_eq!(row("share"), "share proportional share share of shop 1 to 40 60 s 48.37 s 240.00");
    // As guv has it: 38.368 s are available for jobs of 10 s.
    let steps = "share: 1 worker for an empty queue, 2 from 4 jobs on, 3 from 8 on, 20 from 73 on, \
                 40 from 150 on";
    assert!(shown.contains(steps), "{shown}");
    assert!(shown.contains("workers of size standard-1x: at least 1, at most 45"), "{shown}");
}

#[tokio::test]
async fn a_check_shows_all_errors_at_once_with_their_lines() {
    let text = "'*': {apikey: hunter22, procesing: 3}\na: {d: -1, max: 0.5}\nb: {d: 5}\nc: 7\n";
    let shown = check(text, &[]).await.failed(2);
    for (place, message) in [
        ("1:25", "error: unknown setting `procesing`"),
        ("2:8", "error: `d` is negative: -1 s"),
        ("2:17", "error: `max` is 0.5"),
        ("3:5", "error: role `b`: target -6.63 s is lower than processing time 10 s"),
        ("4:1", "error: role `c` is not a mapping of settings"),
    ] {
        let place = format!(" --> standard input:{place}\n");
        let found = shown.split("\n\n").any(|it| it.starts_with(message) && it.contains(&place));
        assert!(found, "{message} {place}\n{shown}");
    }
    assert!(
        shown.contains("did you mean `processing`?") && shown.ends_with("5 errors\n"),
        "{shown}"
    );
    assert!(!shown.contains("hunter22") && !shown.contains("error: error"), "{shown}");
}

/// As guv and its validator do it.
#[tokio::test]
async fn mistakes_are_errors_of_the_check_alone() {
    let impossible = "a: {p: 25, stddev: 12, d: 50, max: 9, colour: red}";
    let checked = check(impossible, &[]).await;
    assert!(checked.stdout.contains("25.01 s"), "{checked:?}");
    let shown = checked.failed(2);
    assert!(shown.contains("error: role `a`: target 22.08 s is lower than processing time 25 s"));
    assert!(shown.contains("error: unknown setting `colour`"), "{shown}");

    let options = ["--role", "a", "--jobs", "3", "--model", "proportional", "--json"];
    let explained = explain(impossible, &options).await;
    assert!(explained.stderr.contains("warning: role `a`: target 22.08 s"), "{explained:?}");
    assert!(explained.stderr.contains("warning: unknown setting `colour`"), "{explained:?}");
    let decision: Value = serde_json::from_str(&explained.ok()).unwrap();
    assert_eq!(decision["figures"]["target"], 25.01);
    assert!(decision["warnings"][0].as_str().unwrap().contains("22.08 s"), "{decision}");

    let known =
        check("a: {d: 70, colour: red, size: 3}", &["--allow-key", "colour"]).await.failed(2);
    assert!(!known.contains("colour`") && known.contains("unknown setting `size`"), "{known}");
    let options = ["--allow-key", "colour", "--allow-key", "size"];
    check("a: {d: 70, colour: red, size: 3}", &options).await.ok();
}

#[tokio::test]
async fn warnings_do_not_fail_a_check() {
    let checked = check("a: {min: 0}", &[]).await;
    assert!(checked.stderr.contains("warning: role `a`: a job that finds no worker is late"));
    assert!(checked.ok().contains("0 to 5"));
}

#[tokio::test]
async fn the_configuration_may_be_in_the_environment() {
    let with = async |config: &str| {
        let mut check = command(&["scale", "check"]);
        check.env("GUV_CONFIG", config).env("GUV_APP", "shop");
        run(check).await
    };
    assert!(with("share: {d: 70}").await.ok().contains("share of shop"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "fromfile: {d: 70}").unwrap();
    assert!(with(file.to_str().unwrap()).await.ok().contains("fromfile of shop"));
    assert!(with("share: {d: x}").await.failed(2).contains(" --> GUV_CONFIG:1:12\n"));
    assert!(with("").await.failed(2).contains("name its file, or set GUV_CONFIG"));
    let missing = msgflo(&["scale", "check", "/nowhere.yaml"]).await.failed(2);
    assert!(missing.starts_with("error: cannot read /nowhere.yaml: "), "{missing}");
}

#[tokio::test]
async fn a_decision_is_explained_with_every_figure() {
    let share = ["--role", "share", "--jobs", "40"];
    let text = explain(ROLES, &share).await.ok();
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "z 2.3263 quantile of the normal distribution at the percentile, 99",
        "target 48.3683 s deadline - z * stddev",
        "waiting_time 400 s ceil(jobs / concurrency) * processing: what one worker would take",
        "available_time 38.3683 s the longer of processing and target - processing",
        "raw_estimate 10.4253 workers waiting_time / available_time",
        "estimate: 11 workers",
        "next: 11 workers",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line}\n{text}");
    }

    let decide = async |options: &[&str]| -> Value {
        let options = [&share[..2], &["--json"], options].concat();
        serde_json::from_str(&explain(ROLES, &options).await.ok()).unwrap()
    };
    let unknown = decide(&["--jobs", "40"]).await;
    let keys: Vec<&String> = unknown.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 7, "{unknown}");
    assert_eq!(unknown["role"], "share");
    assert_eq!(unknown["model"], "proportional");
    assert_eq!(unknown["warnings"], json!([]));
    let outcome = |it: &Value| json!([it["estimate"], it["next"], it["workers"]]);
    assert_eq!(outcome(&unknown), json!([11, 11, 11]));
    let kept = decide(&["--jobs", "4", "--current", "7", "--history", "2,9,3"]).await;
    assert_eq!(outcome(&kept), json!([2, null, 7]));
    assert_eq!(kept["figures"]["history_maximum"], 9.0);
    let down = decide(&["--jobs", "4", "--current", "7", "--history", "2, 5"]).await;
    assert_eq!(outcome(&down), json!([2, 5, 5]));
    let up = decide(&["--jobs", "10000", "--current", "7"]).await;
    assert_eq!(outcome(&up), json!([40, 40, 40]));
    assert!(up["warnings"][0].as_str().unwrap().contains("the maximum is 40"), "{up}");
    let other =
        decide(&["--jobs", "4", "--model", "deadline", "--rate", "0.5", "--in-flight", "1"]);
    assert_eq!(other.await["model"], "deadline");
}

#[tokio::test]
async fn what_cannot_be_explained_is_refused() {
    let shown = explain(ROLES, &["--role", "shar", "--jobs", "4"]).await.failed(2);
    assert!(shown.contains("no role `shar`: the roles are `emailsender`, `share`"), "{shown}");
    let role = ["--role", "share"];
    for options in [
        &["--jobs", "-1"][..],
        &["--jobs", "1.5"],
        &["--jobs", "1", "--current", "many"],
        &["--jobs", "1", "--history", "1,x"],
        &["--jobs", "1", "--rate", "nan"],
        &["--jobs", "1", "--rate=-1"],
        &["--jobs", "1", "--model", "fastest"],
        &[],
    ] {
        explain(ROLES, &[&role[..], options].concat()).await.failed(2);
    }
    let shown = explain("share: {d: x}", &["--role", "share", "--jobs", "4"]).await.failed(2);
    assert!(shown.contains("GUV_CONFIG:1:12"), "{shown}");
}
