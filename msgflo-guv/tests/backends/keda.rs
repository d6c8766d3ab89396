use std::io::Write;
use std::net::TcpStream;

use msgflo_guv::backend::Backend;
use msgflo_guv::backend::keda::Keda;
use msgflo_guv::config::Role;
use serde_json::{Value, json};

use crate::node::{HERE, Peer};

/// A server for two roles, and a client that is made of the protocol's definition.
async fn keda() -> (Keda, Peer, Role) {
    let (resize, mail) = (Role::new("resize"), Role::new("send.mail"));
    let keda = Keda::start("127.0.0.1:0".parse().unwrap(), &[&resize, &mail]).unwrap();
    let peer = Peer::start("keda.js", &[HERE, &keda.address().to_string()]);
    assert_eq!(peer.next(), json!({ "ready": true }));
    (keda, peer, resize)
}

fn object(name: &str) -> Value {
    json!({ "name": name, "namespace": "jobs", "scalerMetadata": { "scalerAddress": "guv:6570" } })
}

async fn want(keda: &Keda, role: &Role, workers: u32) {
    keda.scale(&[(role, workers)]).await.remove(0).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_has_the_wanted_workers_and_the_target_one() {
    let (keda, mut peer, resize) = keda().await;
    want(&keda, &resize, 7).await;
    let request = object("resize");
    let spec = peer.ask(json!({ "call": "GetMetricSpec", "request": request }));
    let metric = json!({ "metricName": "resize", "targetSize": 1, "targetSizeFloat": 1 });
    assert_eq!(spec, json!({ "ok": { "metricSpecs": [metric] } }));
    for workers in [7, 0, u32::MAX] {
        want(&keda, &resize, workers).await;
        let request = json!({ "scaledObjectRef": object("resize"), "metricName": "resize" });
        let values = peer.ask(json!({ "call": "GetMetrics", "request": request }));
        let value = &values["ok"]["metricValues"][0];
        assert_eq!(value["metricName"], "resize");
        assert_eq!(value["metricValue"], workers);
        assert_eq!(value["metricValueFloat"].as_f64(), Some(workers.into()));
        let active = peer.ask(json!({ "call": "IsActive", "request": object("resize") }));
        assert_eq!(active, json!({ "ok": { "result": workers > 0 } }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_names_the_role() {
    let (keda, mut peer, _) = keda().await;
    want(&keda, &Role::new("send.mail"), 2).await;
    let mut request = object("mail-workers");
    request["scalerMetadata"]["role"] = json!("send.mail");
    let active = peer.ask(json!({ "call": "IsActive", "request": request }));
    assert_eq!(active, json!({ "ok": { "result": true } }));
    // A metric's name is a part of a URL's path.
    let spec = peer.ask(json!({ "call": "GetMetricSpec", "request": request }));
    assert_eq!(spec["ok"]["metricSpecs"][0]["metricName"], "send-mail");
    let request = json!({ "scaledObjectRef": request, "metricName": "send-mail" });
    let values = peer.ask(json!({ "call": "GetMetrics", "request": request }));
    assert_eq!(values["ok"]["metricValues"][0]["metricValueFloat"].as_f64(), Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_of_a_role_before_something_was_decided() {
    let (keda, mut peer, resize) = keda().await;
    assert_eq!(keda.workers(&[&resize]).await.remove(0).unwrap(), None);
    let unavailable = |answer: Value| {
        assert_eq!(answer["code"], "UNAVAILABLE");
        let details = answer["details"].as_str().unwrap();
        assert!(details.contains("nothing was decided for role `resize` yet"), "{details}");
    };
    let request = object("resize");
    unavailable(peer.ask(json!({ "call": "IsActive", "request": request })));
    let metrics = json!({ "scaledObjectRef": request, "metricName": "resize" });
    unavailable(peer.ask(json!({ "call": "GetMetrics", "request": metrics })));
    // The autoscaler is made with this, and waits then.
    let spec = peer.ask(json!({ "call": "GetMetricSpec", "request": request }));
    assert_eq!(spec["ok"]["metricSpecs"][0]["metricName"], "resize");
    want(&keda, &resize, 3).await;
    assert_eq!(keda.workers(&[&resize]).await.remove(0).unwrap(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_not_is_told() {
    let (_keda, mut peer, _) = keda().await;
    for call in ["IsActive", "GetMetricSpec"] {
        let answer = peer.ask(json!({ "call": call, "request": object("rezise") }));
        assert_eq!(answer["code"], "NOT_FOUND");
        let details = answer["details"].as_str().unwrap();
        for part in ["no role `rezise`", "resize, send.mail", "set `role`"] {
            assert!(details.contains(part), "{details}");
        }
    }
    let request = json!({ "scaledObjectRef": object("resize"), "metricName": "jobs" });
    let answer = peer.ask(json!({ "call": "GetMetrics", "request": request }));
    assert_eq!(answer["code"], "NOT_FOUND", "{answer}");
    let answer = peer.ask(json!({ "call": "GetMetrics", "request": { "metricName": "resize" } }));
    assert_eq!(answer["code"], "INVALID_ARGUMENT", "{answer}");
    let started = peer.ask(json!({ "stream": "StreamMetricSpec", "request": object("resize") }));
    assert_eq!(started, json!({ "started": true }));
    assert_eq!(peer.next()["stream"]["code"], "UNIMPLEMENTED");
    peer.ask(json!({ "stream": "StreamIsActive", "request": object("rezise") }));
    assert_eq!(peer.next()["stream"]["code"], "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_every_change_and_ends_with_the_server() {
    let (keda, mut peer, resize) = keda().await;
    // Before anything is decided, it waits.
    let started = peer.ask(json!({ "stream": "StreamIsActive", "request": object("resize") }));
    assert_eq!(started, json!({ "started": true }));
    let active = |active: bool| json!({ "stream": { "result": active } });
    want(&keda, &resize, 0).await;
    assert_eq!(peer.next(), active(false));
    want(&keda, &resize, 1).await;
    assert_eq!(peer.next(), active(true));
    // More workers, or another role's, are no change.
    want(&keda, &resize, 5).await;
    want(&keda, &Role::new("send.mail"), 1).await;
    want(&keda, &resize, 0).await;
    assert_eq!(peer.next(), active(false));
    // It comes at once if it is known.
    let mut late = Peer::start("keda.js", &[HERE, &keda.address().to_string()]);
    late.next();
    late.ask(json!({ "stream": "StreamIsActive", "request": object("resize") }));
    assert_eq!(late.next(), active(false));

    keda.stop().await.unwrap();
    assert_eq!(peer.next(), json!({ "stream": "end" }));
    assert_eq!(late.next(), json!({ "stream": "end" }));
    assert!(TcpStream::connect(keda.address()).is_err());
    let stopped = keda.scale(&[(&resize, 1)]).await.remove(0).unwrap_err().to_string();
    assert!(stopped.contains("stopped"), "{stopped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_dropped_ends() {
    let (keda, mut peer, resize) = keda().await;
    want(&keda, &resize, 1).await;
    peer.ask(json!({ "stream": "StreamIsActive", "request": object("resize") }));
    assert_eq!(peer.next(), json!({ "stream": { "result": true } }));
    drop(keda);
    assert_eq!(peer.next(), json!({ "stream": "end" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_an_error() {
    let (keda, _peer, resize) = keda().await;
    let error = Keda::start(keda.address(), &[&resize]).unwrap_err().to_string();
    assert!(error.contains(&keda.address().to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_does_not_end_the_server() {
    let (keda, mut peer, resize) = keda().await;
    want(&keda, &resize, 1).await;
    for nonsense in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 100_000], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0"]
    {
        let mut connection = TcpStream::connect(keda.address()).unwrap();
        // It may hang up before it has read everything.
        let _ = connection.write_all(nonsense);
    }
    let long = object(&"resize".repeat(1_000_000));
    let answer = peer.ask(json!({ "call": "IsActive", "request": long }));
    assert_eq!(answer["code"], "OUT_OF_RANGE", "{answer}");
    let active = peer.ask(json!({ "call": "IsActive", "request": object("resize") }));
    assert_eq!(active, json!({ "ok": { "result": true } }));
}
