use std::time::Instant;

use super::*;
use crate::docs::server;
use crate::observation::tests::{chain, worker};

fn documented(observation: &Observation) -> Value {
    document("Test", "1.0.0", &server::describe("zmq://hub:9000").unwrap(), observation)
}

#[test]
fn ports_are_operations_on_the_channels_of_their_queues() {
    let document = documented(&chain(2, Instant::now()));
    let operation = &document["operations"]["role01.in"];
    assert_eq!(operation["action"], "receive");
    assert_eq!(operation["channel"]["$ref"], "#/channels/role01.IN");
    assert_eq!(operation["messages"][0]["$ref"], "#/channels/role01.IN/messages/role01.in");
    assert_eq!(operation["description"], "What is to be done");
    assert_eq!(document["operations"]["role00.out"]["action"], "send");
    let channel = &document["channels"]["role01.IN"];
    assert_eq!(channel["address"], "role01.IN");
    assert_eq!(channel["description"], "Edge: role00 out -> in role01");
    assert_eq!(channel["x-edges"], json!([{ "source": "role00.OUT", "target": "role01.IN" }]));
}

#[test]
fn a_message_tells_its_format_and_what_it_is_called_there() {
    let mut worker = worker("a", "map");
    let position =
        msgflo::Port::new("position", "buffer").format("application/x-protobuf", Some("Position"));
    let ports = [position, msgflo::Port::new("photo", "buffer")];
    let component =
        ports.into_iter().fold(msgflo::Component::new("Map"), |map, port| map.inport(port));
    worker.inports = component.instantiate("map").unwrap().inports;
    let mut observation = Observation::default();
    observation.hear(worker, Instant::now());
    let messages = &documented(&observation)["components"]["messages"];
    assert_eq!(messages["map.position"]["contentType"], "application/x-protobuf");
    assert_eq!(messages["map.position"]["name"], "Position");
    assert_eq!(messages["map.photo"]["contentType"], "application/octet-stream");
    assert_eq!(messages["map.photo"]["name"], Value::Null);
    assert_eq!(messages["map.out"]["contentType"], Value::Null);
}

#[test]
fn awkward_names_become_ids_and_stay_apart() {
    let now = Instant::now();
    let mut observation = Observation::default();
    for (id, role) in [("a", "ro/le"), ("b", "ro~le"), ("c", "rôle")] {
        observation.hear(worker(id, role), now);
    }
    let document = documented(&observation);
    let addresses = document["channels"].as_object().unwrap();
    let addresses: HashSet<_> =
        addresses.values().map(|it| it["address"].as_str().unwrap()).collect();
    for queue in ["ro/le.IN", "ro~le.IN", "rôle.IN", "ro/le.OUT", "ro~le.OUT", "rôle.OUT"] {
        assert!(addresses.contains(queue), "{addresses:?}");
    }
    assert_eq!(document["operations"].as_object().unwrap().len(), 6);
    // Every reference finds something.
    for operation in document["operations"].as_object().unwrap().values() {
        let message = operation["messages"][0]["$ref"].as_str().unwrap();
        let message = document.pointer(&message[1..]).unwrap()["$ref"].as_str().unwrap();
        let payload = document.pointer(&message[1..]).unwrap()["payload"]["$ref"].as_str().unwrap();
        assert!(document.pointer(&payload[1..]).is_some(), "{payload}");
    }
}
