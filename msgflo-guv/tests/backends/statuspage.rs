use std::time::{Duration, SystemTime};

use msgflo_guv::config::Role;
use msgflo_guv::statuspage::Statuspage;
use serde_json::{Value, json};

use crate::node::Peer;

fn role() -> Role {
    let mut role = Role::new("resize");
    role.statuspage = Some("page".into());
    role.metric = Some("waiting jobs".into());
    role
}

#[test]
fn a_point_is_of_the_published_form() {
    let statuspage = Statuspage::new("secret".into());
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500_000_000_700);
    let point = statuspage.point(&role(), 42, at).unwrap();
    assert_eq!(
        point.url.as_str(),
        "https://api.statuspage.io/v1/pages/page/metrics/waiting%20jobs/data"
    );
    assert_eq!(point.body, json!({ "data": { "timestamp": 1_500_000_000, "value": 42 } }));
    let mut other = role();
    other.statuspage = None;
    assert_eq!(statuspage.point(&other, 42, at), None);
    let everywhere = statuspage.with_page("common");
    assert!(everywhere.point(&other, 42, at).unwrap().url.path().contains("/pages/common/"));
    other.metric = None;
    assert_eq!(everywhere.point(&other, 42, at), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_posted_and_a_failure_is_told() {
    let mut peer = Peer::start("recorder.js", &[]);
    let url = format!("http://127.0.0.1:{}/v1", peer.next()["port"]);
    let statuspage = Statuspage::new("secret".into()).with_url(url.parse().unwrap());
    statuspage.post(&role(), 7).await.unwrap();
    statuspage.post(&Role::new("unseen"), 7).await.unwrap();
    let requests = peer.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(request["method"], "POST");
    assert_eq!(request["path"], "/v1/pages/page/metrics/waiting%20jobs/data");
    assert_eq!(request["headers"]["authorization"], "OAuth secret");
    assert_eq!(request["headers"]["content-type"], "application/json");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["data"]["value"], 7);
    assert!(body["data"]["timestamp"].is_u64());

    for (status, part) in [(401, "STATUSPAGE_API_TOKEN"), (404, "`metric`"), (420, "pollinterval")]
    {
        peer.ask(json!({ "next": [{ "status": status, "body": "{\"error\":\"no\"}" }] }));
        let error = statuspage.post(&role(), 7).await.unwrap_err().to_string();
        for part in [&status.to_string(), part, "role `resize`", "{\"error\":\"no\"}"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("secret"), "{error}");
    }
    drop(peer);
    // Nothing but a warning comes of it.
    statuspage.report(&role(), 7).await;
}
