//! `msgflo docs`.

use std::time::Duration;

use msgflo::{Definition, Network};
use serde_json::{Value, json};

use crate::asyncapi;
use crate::brokers::Broker;
use crate::images;
use crate::program::msgflo;

/// Participants announce themselves twice a second; the machine may be busy.
const WAIT: [&str; 2] = ["--wait", "5"];

/// What a peer may announce: names that are no identifiers, and schemas that are none.
fn peculiar() -> Definition {
    serde_json::from_value(json!({
        "id": "siri", "role": "c-base/siri", "component": "c-base/Siri",
        "inports": [
            { "id": "open url", "type": "string", "queue": "/siri/#1/open", "schema": "https://example.org/url" },
            { "id": "hidden", "type": "bang" },
            { "id": "strange", "type": "bang", "queue": "siri.STRANGE", "schema": { "type": "any", "$id": "x" } },
        ],
        "outports": [
            { "id": "ö", "type": "int", "queue": "siri/ö", "schema": 7 },
            { "id": "ok", "type": "boolean", "queue": "siri/o", "schema": true },
            { "id": "position", "type": "buffer", "queue": "siri/p", "contentType": "application/x-protobuf", "messageType": "Position" },
        ],
    }))
    .unwrap()
}

async fn keep_announcing(network: Network, definition: Definition) {
    let mut often = tokio::time::interval(Duration::from_millis(500));
    loop {
        often.tick().await;
        network.transport().announce(&definition, Duration::from_secs(1)).await.unwrap();
    }
}

#[tokio::test]
async fn the_document_is_valid_and_has_every_port() {
    let broker = Broker::rabbitmq();
    let network = broker.connect().await;
    images::start(&network).await;
    let peer = tokio::spawn(keep_announcing(network.clone(), peculiar()));

    let docs = [&["docs", "--broker", broker.url()], &WAIT[..]].concat();
    let text = msgflo(&[&docs[..], &["--title", "Images & more"]].concat()).await.ok();
    assert_eq!(asyncapi::errors(&text).await, "");
    assert!(!text.contains("guest"), "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(document["info"]["title"], "Images & more");
    assert_eq!(document["servers"]["broker"]["protocol"], "amqp");
    let host = document["servers"]["broker"]["host"].as_str().unwrap();
    assert!(broker.url().contains(&format!("@{host}/")), "{host}");

    let find = |start: &Value| {
        let reference = start["$ref"].as_str().unwrap_or_else(|| panic!("no reference: {start}"));
        let found = document.pointer(reference.trim_start_matches('#'));
        found.unwrap_or_else(|| panic!("nothing at {reference}"))
    };
    let jobs = &document["operations"]["resize.jobs"];
    assert_eq!(jobs["action"], "receive");
    assert_eq!(jobs["description"], "What is to be resized");
    assert_eq!(find(&jobs["channel"])["address"], "images/jobs");
    let sent = &document["operations"]["web.jobs"];
    assert_eq!(sent["action"], "send");
    let schema = find(&find(find(&sent["messages"][0]))["payload"]);
    assert_eq!(schema["type"], "object");
    // The schema's reference into itself still holds.
    assert_eq!(find(&schema["properties"]["size"])["minimum"], 1);
    let image = find(find(&document["operations"]["resize.image"]["messages"][0]));
    assert_eq!(image["contentType"], "application/octet-stream");
    let position = &document["components"]["messages"]["c-base_siri.position"];
    assert_eq!(position["contentType"], "application/x-protobuf");
    assert_eq!(position["name"], "Position");

    let operations = document["operations"].as_object().unwrap().values();
    let addresses: Vec<_> =
        operations.map(|it| find(&it["channel"])["address"].as_str().unwrap()).collect();
    for queue in ["/siri/#1/open", "siri.STRANGE", "siri/ö", "siri/o", "web.JOBS", "resize.IMAGE"]
    {
        assert!(addresses.contains(&queue), "no {queue} in {addresses:?}");
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asyncapi.yaml");
    let output = ["--title", "Images & more", "--output", file.to_str().unwrap()];
    assert_eq!(msgflo(&[&docs[..], &output].concat()).await.ok(), "");
    let yaml = std::fs::read_to_string(&file).unwrap();
    assert!(yaml.starts_with("asyncapi: "), "{yaml}");
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), document);
    peer.abort();
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_schema_finds_mistakes() {
    let document = json!({ "asyncapi": "3.0.0", "info": { "title": "x" }, "channels": { "a": { "adress": "q" } } });
    let errors = asyncapi::errors(&document.to_string()).await;
    assert!(errors.contains("must have required property 'version'"), "{errors}");
    assert!(errors.contains("adress"), "{errors}");
}

#[tokio::test]
async fn a_document_of_nothing_is_not_written() {
    let broker = Broker::rabbitmq();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asyncapi.json");
    std::fs::write(&file, "what was there").unwrap();
    let docs =
        ["docs", "--broker", broker.url(), "--wait", "0.5", "--output", file.to_str().unwrap()];
    let error = msgflo(&docs).await.failed(4);
    assert!(error.contains("nobody has announced itself on amqp://guest@"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "what was there");
}
