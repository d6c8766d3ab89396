use std::time::Duration;

use msgflo_guv::backend::Backend;
use msgflo_guv::backend::heroku::Heroku;
use msgflo_guv::config::Role;
use serde_json::{Value, json};

use crate::node::Peer;

const KEY: &str = "01234567-secret";

/// Heroku with two apps, and somebody who has a key to it.
fn heroku() -> (Peer, Heroku) {
    let mut peer = Peer::start("heroku.js", &[]);
    let url = format!("http://127.0.0.1:{}", peer.next()["port"]);
    peer.ask(json!({ "key": KEY, "apps": {
        "photos": [{ "type": "resize", "quantity": 2 }, { "type": "send-mail", "quantity": 0 }],
        "sounds": [{ "type": "resize", "quantity": 3, "limit": 10 }],
    } }));
    (peer, Heroku::new(Some(KEY.into())).with_url(url.parse().unwrap()))
}

fn role(name: &str, app: &str) -> Role {
    let mut role = Role::new(name);
    role.app = Some(app.into());
    role
}

fn error<T: std::fmt::Debug>(result: &msgflo::Result<T>) -> String {
    let error = result.as_ref().unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_for_each_app_tells_how_many_dynos_there_are() {
    let (mut peer, heroku) = heroku();
    let mut mail = role("mail", "photos");
    mail.worker = "send-mail".into();
    let (photos, sounds) = (role("resize", "photos"), role("resize", "sounds"));
    let workers = heroku.workers(&[&photos, &sounds, &mail]).await;
    let workers: Vec<_> = workers.into_iter().map(Result::unwrap).collect();
    assert_eq!(workers, [Some(2), Some(3), Some(0)]);
    let mut paths: Vec<_> = peer.requests().iter().map(|request| request["path"].clone()).collect();
    paths.sort_by_key(Value::to_string);
    assert_eq!(paths, ["/apps/photos/formation", "/apps/sounds/formation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formation_of_several_pages_is_read_to_its_end() {
    let (mut peer, heroku) = heroku();
    let types = (0..5).map(|n| json!({ "type": format!("t{n}"), "quantity": n }));
    peer.ask(json!({ "pages": 2, "apps": { "photos": types.collect::<Vec<_>>() } }));
    let last = role("t4", "photos");
    assert_eq!(heroku.workers(&[&last]).await.remove(0).unwrap(), Some(4));
    assert_eq!(peer.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_for_each_app_scales_all_roles() {
    let (mut peer, heroku) = heroku();
    let mut mail = role("send-mail", "photos");
    mail.dynosize = Some("performance-m".into());
    let (photos, sounds) = (role("resize", "photos"), role("resize", "sounds"));
    for result in heroku.scale(&[(&photos, 7), (&mail, 1), (&sounds, 0)]).await {
        result.unwrap();
    }
    let mut requests = peer.requests();
    requests.sort_by_key(|request| request["path"].to_string());
    let bodies: Vec<_> = requests.iter().map(|request| &request["body"]["updates"]).collect();
    // The size of a dyno is left as it is unless the file gives it.
    let resize = json!({ "type": "resize", "quantity": 7 });
    let mail = json!({ "type": "send-mail", "quantity": 1, "size": "performance-m" });
    assert_eq!(bodies, [&json!([resize, mail]), &json!([{ "type": "resize", "quantity": 0 }])]);
    assert_eq!(heroku.workers(&[&photos]).await.remove(0).unwrap(), Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_be_scaled_does_not_keep_the_others_from_it() {
    let (mut peer, heroku) = heroku();
    let (good, bad) = (role("resize", "photos"), role("rezise", "photos"));
    let results = heroku.scale(&[(&bad, 1), (&good, 4)]).await;
    let unknown = error(&results[0]);
    assert!(unknown.contains("no process type `rezise` in Heroku app `photos`"), "{unknown}");
    assert!(unknown.contains("`resize`, `send-mail`"), "{unknown}");
    assert!(results[1].is_ok(), "{results:?}");
    assert_eq!(peer.ask(json!({}))["apps"]["photos"][0]["quantity"], 4);
    let unknown = error(&heroku.workers(&[&bad]).await.remove(0));
    assert!(unknown.contains("`resize`, `send-mail`"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_heroku_refuses_is_told() {
    let (mut peer, heroku) = heroku();
    let sounds = role("resize", "sounds");
    let limit = error(&heroku.scale(&[(&sounds, 11)]).await.remove(0));
    for part in
        ["app `sounds`", "422 (invalid_params)", "Cannot update to more than 10", "`maximum`"]
    {
        assert!(limit.contains(part), "{limit}");
    }
    let nowhere = error(&heroku.workers(&[&role("resize", "nowhere")]).await.remove(0));
    assert!(nowhere.contains("404 (not_found): Couldn't find that app; is `nowhere`"), "{nowhere}");
    let refused = |status: u16, id: &str, headers: Value| {
        let body = json!({ "id": id, "message": "Heroku says no." });
        json!({ "next": [{ "status": status, "headers": headers, "body": body }] })
    };
    for (status, id, headers, parts) in [
        (403, "forbidden", json!({}), ["403 (forbidden)", "permission"]),
        (402, "delinquent", json!({}), ["402 (delinquent)", "paid"]),
        (429, "rate_limit", json!({ "Retry-After": "42" }), ["429 (rate_limit)", "in 42 s"]),
        (429, "rate_limit", json!({}), ["429 (rate_limit)", "`pollinterval`"]),
        (503, "unavailable", json!({}), ["503 (unavailable)", "tried again"]),
    ] {
        for scales in [false, true] {
            peer.ask(refused(status, id, headers.clone()));
            let told = match scales {
                true => error(&heroku.scale(&[(&sounds, 1)]).await.remove(0)),
                false => error(&heroku.workers(&[&sounds]).await.remove(0)),
            };
            for part in parts.iter().chain(&["Heroku says no", "app `sounds`", "http://127.0.0.1"])
            {
                assert!(told.contains(part), "{told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_those_of_the_roles_and_are_not_shown() {
    let (mut peer, heroku) = heroku();
    let mut photos = role("resize", "photos");
    photos.apikey = Some("another-secret".into());
    let wrong = error(&heroku.workers(&[&photos]).await.remove(0));
    assert!(wrong.contains("401 (unauthorized)") && wrong.contains("HEROKU_API_KEY"), "{wrong}");
    assert_eq!(peer.requests()[0]["headers"]["authorization"], "Bearer another-secret");
    assert!(!format!("{heroku:?} {photos:?}").contains("secret\""));
    assert!(!format!("{heroku:?} {photos:?}").contains(KEY));

    // Nothing is asked without a key, or an app.
    let keyless = Heroku::new(None);
    let missing = error(&keyless.workers(&[&role("resize", "photos")]).await.remove(0));
    assert!(missing.contains("set HEROKU_API_KEY"), "{missing}");
    let missing = error(&heroku.scale(&[(&Role::new("resize"), 1)]).await.remove(0));
    assert!(missing.contains("role `resize` has no Heroku app; set `app`"), "{missing}");

    // A key goes to no other server.
    let elsewhere = json!({ "Location": "http://127.0.0.1:1/" });
    peer.ask(json!({ "next": [{ "status": 302, "headers": elsewhere, "body": "" }] }));
    let redirected = error(&heroku.workers(&[&role("resize", "photos")]).await.remove(0));
    assert!(redirected.contains("302"), "{redirected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_heroku_made_otherwise_is_an_error() {
    let (mut peer, heroku) = heroku();
    peer.ask(json!({ "apps": { "photos": [
        { "type": "resize", "quantity": 2, "stuck": 3 }, { "type": "send-mail", "quantity": 0 },
    ] } }));
    let (stuck, mail) = (role("resize", "photos"), role("send-mail", "photos"));
    let results = heroku.scale(&[(&stuck, 5), (&mail, 1)]).await;
    let told = error(&results[0]);
    assert!(told.contains("asked for 5 dynos of `resize`") && told.contains("are 3"), "{told}");
    assert!(results[1].is_ok(), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_or_never_come_are_errors() {
    let (mut peer, heroku) = heroku();
    let photos = role("resize", "photos");
    for body in ["<html>", "[]x", "{}", "[{\"type\":\"resize\",\"quantity\":-1}]"] {
        peer.ask(json!({ "next": [{ "status": 200, "body": body }] }));
        let told = error(&heroku.workers(&[&photos]).await.remove(0));
        assert!(told.contains("not understood"), "{told}");
    }
    peer.ask(json!({ "next": [{ "status": 502, "body": "<html>\n<b>Bad Gateway</b>" }] }));
    let told = error(&heroku.workers(&[&photos]).await.remove(0));
    assert!(told.contains("502") && told.contains("<html> <b>Bad Gateway</b>"), "{told}");

    peer.ask(json!({ "next": [{ "silent": true }, { "silent": true }] }));
    let hasty = heroku.clone().with_timeout(Duration::from_millis(300));
    let told = error(&hasty.workers(&[&photos]).await.remove(0));
    assert!(told.contains("no answer within 0.3 s"), "{told}");
    let told = error(&hasty.scale(&[(&photos, 1)]).await.remove(0));
    assert!(told.contains("no answer within 0.3 s"), "{told}");

    drop(peer);
    let told = error(&heroku.workers(&[&photos]).await.remove(0));
    assert!(told.contains("cannot read the formation of app `photos`"), "{told}");
}
