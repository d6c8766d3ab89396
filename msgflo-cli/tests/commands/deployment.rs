//! `msgflo procfile`, `msgflo compose` and `msgflo k8s`.

use serde_json::{Value, json};

use crate::project::Project;

const GRAPH: &str = "# @name Images
web(test/Web) RESIZE -> IN resize_it(test/Resize) OUT -> IN jobs(msgflo/RoundRobin) OUT -> IN lamp(Lamp)
'$5, \"please\"' -> CONFIG web
";

fn images() -> Project {
    Project::new(json!({
        "test/Web": "node web.js --name #ROLE --iips #IIPS",
        "test/Resize": "resize --role #ROLE --home '$(HOME)'",
    }))
    .with("images.fbp", GRAPH)
    .with("components/Lamp.yml", "{ component: Lamp, inports: { in: { queue: lamp } } }")
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

#[tokio::test]
async fn a_procfile_has_a_line_for_each_role() {
    let project = images();
    let arguments = ["procfile", "images.fbp", "--include", "clock: true"];
    let lines = project.msgflo(&arguments).await.ok();
    let web = r#"web: node web.js --name web --iips '{"config":"$5, \"please\""}'"#;
    let expected = format!(
        "{web}\nresize_it: resize --role resize_it --home '$(HOME)'\n\
         lamp: msgflo register --forever --role lamp:components/Lamp.yml\nclock: true\n"
    );
    assert_eq!(lines, expected);
    let lines = project.msgflo(&[&arguments[..2], &["--ignore", "web,lamp"]].concat()).await.ok();
    assert_eq!(lines, "resize_it: resize --role resize_it --home '$(HOME)'\n");
}

#[tokio::test]
async fn compose_runs_a_broker_the_roles_and_what_connects_them() {
    let project = images();
    let compose = async |broker: &str| {
        let arguments = ["compose", "images.fbp", "--image", "me/images:1", "--broker", broker];
        let yaml = project.msgflo(&arguments).await.ok();
        documents(&yaml).remove(0)
    };
    let file = compose("amqp://u:secret@somewhere").await;
    assert!(!file.to_string().contains("secret"), "{file}");
    assert_eq!(file["name"], "images");
    let services = &file["services"];
    let names: Vec<_> = services.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(services["broker"]["image"], "rabbitmq:4");
    assert!(services["broker"]["healthcheck"]["test"].is_array());
    let url = "amqp://msgflo:${MSGFLO_BROKER_PASSWORD}@broker";
    for role in ["web", "resize-it", "lamp", "setup"] {
        let service = &services[role];
        assert_eq!(service["image"], "me/images:1");
        assert_eq!(service["environment"]["MSGFLO_BROKER"], url);
        assert_eq!(service["depends_on"]["broker"]["condition"], "service_healthy");
    }
    // Compose puts variables in, unless they have two `$`.
    assert_eq!(services["web"]["command"][5], r#"{"config":"$$5, \"please\""}"#);
    let resize = json!(["resize", "--role", "resize_it", "--home", "$$(HOME)"]);
    assert_eq!(services["resize-it"]["command"], resize);
    assert_eq!(services["lamp"]["command"][0], "msgflo");
    let graph = &services["setup"]["configs"][0];
    assert_eq!(graph["target"], services["setup"]["command"][2]);
    assert_eq!(file["configs"]["graph"]["content"], GRAPH.replace('$', "$$"));
    // What the command of `web` hands over is not sent by setup too.
    let setup = services["setup"]["command"].as_array().unwrap();
    assert_eq!(setup[setup.len() - 2..], [json!("--ignore"), json!("web")]);

    let file = compose("mqtt://").await;
    assert_eq!(file["services"]["web"]["environment"]["MSGFLO_BROKER"], "mqtt://broker");
    let settings = file["configs"]["mosquitto"]["content"].as_str().unwrap();
    assert!(settings.contains("listener 1883\n") && settings.contains("max_queued_messages 0\n"));
    let file = compose("zmq://").await;
    assert_eq!(file["services"]["web"]["environment"]["MSGFLO_BROKER"], "zmq://broker:5555");
    let hub = file["services"]["broker"]["command"].as_array().unwrap();
    assert_eq!(hub[hub.len() - 1], "zmq://0.0.0.0:5555?hub=auto");
}

#[tokio::test]
async fn compose_builds_an_image_if_it_has_none() {
    let yaml = images().msgflo(&["compose", "images.fbp"]).await.ok();
    let web = &documents(&yaml)[0]["services"]["web"];
    assert_eq!((&web["image"], &web["build"]), (&json!("images"), &json!(".")));
}

#[tokio::test]
async fn k8s_has_a_deployment_for_each_role_and_the_url_in_a_secret() {
    let replicas = ["--replicas", "2", "--replicas", "web=5"];
    let arguments = ["k8s", "images.fbp", "--image", "me/images:1", "--broker", "mqtt://any"];
    let yaml = images().msgflo(&[&arguments[..], &replicas].concat()).await.ok();
    let documents = documents(&yaml);
    let kinds: Vec<_> = documents
        .iter()
        .map(|document| {
            (document["kind"].as_str().unwrap(), document["metadata"]["name"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("Deployment", "web"),
        ("Deployment", "resize-it"),
        ("Deployment", "lamp"),
        ("ConfigMap", "images-setup"),
        ("Deployment", "images-setup"),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(documents[3]["data"]["graph.fbp"], GRAPH);
    let deployments: Vec<_> = documents.iter().filter(|it| it["kind"] == "Deployment").collect();
    let numbers: Vec<_> = deployments.iter().map(|it| it["spec"]["replicas"].clone()).collect();
    assert_eq!(numbers, [5, 2, 2, 1]);
    for deployment in deployments {
        assert_eq!(deployment["apiVersion"], "apps/v1");
        let spec = &deployment["spec"];
        assert_eq!(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]);
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "me/images:1");
        let secret = &container["env"][0]["valueFrom"]["secretKeyRef"];
        assert_eq!(*secret, json!({ "name": "msgflo-broker", "key": "url" }));
        for probe in ["readinessProbe", "livenessProbe"] {
            // 1883, in the kernel's words.
            assert_eq!(container[probe]["exec"]["command"][2], ":075B 01 ");
        }
    }
    let args = &documents[1]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(*args, json!(["resize", "--role", "resize_it", "--home", "$$(HOME)"]));
}

#[tokio::test]
async fn what_cannot_be_deployed_is_told() {
    let project = images()
        .with("unknown.fbp", "a(test/Webb) OUT -> IN b(test/Web)")
        .with("same.json", r#"{ "processes": { "a b": { "component": "test/Web" }, "A-B": { "component": "test/Web" } } }"#)
        .with("empty.fbp", "");
    let wrong = async |arguments: &[&str], told: &str| {
        let error = project.msgflo(arguments).await.failed(2);
        assert!(error.contains(told), "{error}");
    };
    for command in ["procfile", "compose", "k8s"] {
        wrong(&[command, "unknown.fbp"], "did you mean `test/Web`?").await;
        wrong(&[command, "none.fbp"], "cannot read none.fbp").await;
        wrong(&[command, "empty.fbp"], "nothing to deploy").await;
    }
    wrong(&["procfile", "same.json"], "role `a b` cannot stand in a Procfile").await;
    wrong(&["compose", "same.json"], "role `A-B` would be called `a-b`").await;
    wrong(&["compose", "images.fbp", "--broker", "http://x"], "no broker service for `http://`")
        .await;
    wrong(&["k8s", "images.fbp", "--broker", "zmq://any"], "the broker's port").await;
    wrong(&["k8s", "images.fbp", "--replicas", "web"], "`web` is not a number").await;
    wrong(&["k8s", "images.fbp", "--replicas", "wb=2"], "no such role").await;
}
