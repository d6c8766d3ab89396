use std::collections::BTreeMap;

use msgflo_guv::backend::Backend;
use msgflo_guv::backend::keda::{Keda, PORT};
use msgflo_guv::config::Role;
use serde_json::{Value, json};

use crate::node::{HERE, Peer, node, run};

/// The manifests in a file for each kind, held against the published schemas.
fn manifests(file: &str) -> BTreeMap<String, Value> {
    let path = format!("{}/../docs/autoscaling/{file}", env!("CARGO_MANIFEST_DIR"));
    let shown = run(node("manifests.js").arg(path));
    let mut shown: Value = serde_json::from_str(&shown).unwrap();
    let manifests = shown[0].as_array_mut().unwrap().drain(..);
    manifests.map(|manifest| (manifest["kind"].as_str().unwrap().into(), manifest)).collect()
}

fn container(manifests: &BTreeMap<String, Value>) -> &Value {
    &manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn keda_finds_the_role_of_its_scaled_object() {
    let guv = manifests("keda/guv.yaml");
    let scaled = &manifests("keda/scaledobject.yaml")["ScaledObject"];
    let trigger = &scaled["spec"]["triggers"][0];
    let metadata = &trigger["metadata"];

    // KEDA, the service, the pod and the program mean the same port.
    let service = &guv["Service"];
    let address = format!("{}:{PORT}", service["metadata"]["name"].as_str().unwrap());
    assert_eq!(metadata["scalerAddress"], address);
    assert_eq!(service["spec"]["ports"][0]["port"], PORT);
    let ports = container(&guv)["ports"].as_array().unwrap();
    let named = |port: &&Value| port["name"] == service["spec"]["ports"][0]["targetPort"];
    assert_eq!(ports.iter().find(named).unwrap()["containerPort"], PORT);
    let arguments = container(&guv)["args"].as_array().unwrap();
    assert!(arguments.contains(&json!(format!("0.0.0.0:{PORT}"))), "{arguments:?}");
    let labels = &guv["Deployment"]["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&service["spec"]["selector"], labels);

    // The role is one of the file, within the same bounds.
    let name = metadata["role"].as_str().unwrap();
    let role = &guv["ConfigMap"]["parsed"]["guv.yaml"][name];
    assert_eq!(scaled["spec"]["minReplicaCount"], role["minimum"]);
    assert_eq!(scaled["spec"]["maxReplicaCount"], role["maximum"]);
    assert_eq!(trigger["metricType"], "AverageValue");

    // What KEDA sends for it is understood.
    let role = Role::new(name);
    let keda = Keda::start("127.0.0.1:0".parse().unwrap(), &[&role]).unwrap();
    keda.scale(&[(&role, 3)]).await.remove(0).unwrap();
    let mut peer = Peer::start("keda.js", &[HERE, &keda.address().to_string()]);
    peer.next();
    let object = json!({ "name": "another", "namespace": "default", "scalerMetadata": metadata });
    let active = peer.ask(json!({ "call": "IsActive", "request": object }));
    assert_eq!(active, json!({ "ok": { "result": true } }));
}

#[test]
fn the_service_account_may_do_what_the_backend_does() {
    let guv = manifests("kubernetes/guv.yaml");
    let rbac = manifests("kubernetes/rbac.yaml");
    let account = &rbac["ServiceAccount"]["metadata"]["name"];
    assert_eq!(&guv["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"], account);
    let binding = &rbac["RoleBinding"];
    assert_eq!(&binding["subjects"][0]["name"], account);
    assert_eq!(binding["roleRef"]["name"], rbac["Role"]["metadata"]["name"]);
    let rules = json!([{
        "apiGroups": ["apps"],
        "resources": ["deployments/scale", "statefulsets/scale", "replicasets/scale"],
        "verbs": ["get", "patch"],
    }]);
    assert_eq!(rbac["Role"]["rules"], rules);
    assert!(container(&guv)["args"].as_array().unwrap().contains(&json!("kubernetes")));
}
