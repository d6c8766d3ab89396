//! What `#[derive(Participant)]` makes of a struct, run on the memory transport.

mod generics;
mod processing;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use msgflo::bytes::Bytes;
use msgflo::testing::Harness;
use msgflo::{Any, Inport, Json, Network, Outport, Participant, PortDefinition, Settings, memory};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[test]
fn misuse_is_explained_where_it_stands() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    photo: String,
    width: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
struct Resized {
    photo: String,
    width: u32,
    filter: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Failure {
    photo: String,
    reason: String,
}

#[derive(Default)]
enum Filter {
    #[default]
    Nearest,
    Lanczos3,
}

/// Resize an image
#[derive(Participant, Default)]
#[participant(component = "imageresize/ResizeImage", icon = "file-image-o")]
struct ResizeImage {
    #[inport(process = resize)]
    r#in: Inport<Json<Job>>,
    /// Images at their new size
    #[outport]
    out: Outport<Json<Resized>>,
    #[outport]
    error: Outport<Json<Failure>>,
    filter: Filter,
}

impl ResizeImage {
    async fn resize(&self, Json(job): Json<Job>) -> msgflo::Result<()> {
        let Job { photo, width } = job;
        if width == 0 {
            let reason = "no pixels".to_owned();
            return self.error.send(Json(Failure { photo, reason })).await;
        }
        let filter = match self.filter {
            Filter::Nearest => "nearest",
            Filter::Lanczos3 => "lanczos3",
        };
        self.out.send(Json(Resized { photo, width, filter: filter.into() })).await
    }
}

#[tokio::test]
async fn messages_go_through_the_method_to_the_outports() {
    let resize = ResizeImage { filter: Filter::Lanczos3, ..Default::default() };
    let mut harness = Harness::start(resize).await.unwrap();

    harness.send("in", Json(Job { photo: "a.jpg".into(), width: 320 })).await.unwrap();
    let Json(resized) = harness.receive::<Json<Resized>>("out").await.unwrap();
    assert_eq!(resized, Resized { photo: "a.jpg".into(), width: 320, filter: "lanczos3".into() });

    harness.send("in", Json(Job { photo: "b.jpg".into(), width: 0 })).await.unwrap();
    let Json(failure) = harness.receive::<Json<Failure>>("error").await.unwrap();
    assert_eq!(failure, Failure { photo: "b.jpg".into(), reason: "no pixels".into() });
    harness.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_struct_is_announced() {
    let network = Network::new(memory::connect(&"memory://announced".parse().unwrap()).unwrap());
    let handle = network.start("resize", ResizeImage::default()).await.unwrap();
    let mut announced = handle.definition().to_discovery_message()["payload"].take();
    assert!(announced["id"].take().as_str().unwrap().starts_with("resize-"));
    assert_eq!(
        announced,
        json!({
            "id": null,
            "role": "resize",
            "component": "imageresize/ResizeImage",
            "label": "Resize an image",
            "icon": "file-image-o",
            "inports": [{ "id": "in", "type": "object", "queue": "resize.IN" }],
            "outports": [
                {
                    "id": "out", "type": "object", "queue": "resize.OUT",
                    "description": "Images at their new size",
                },
                { "id": "error", "type": "object", "queue": "resize.ERROR" },
            ],
        })
    );
    network.shutdown().await.unwrap();
}

#[derive(Clone, PartialEq, prost::Message)]
struct Position {
    #[prost(double, tag = "1")]
    latitude: f64,
}

#[derive(Participant)]
struct Formats {
    #[outport]
    position: Outport<msgflo::Protobuf<Position>>,
    #[outport(type = "object")]
    xml: Outport<msgflo::Xml<Failure>>,
    #[outport]
    text: Outport<String>,
    #[outport]
    json: Outport<Json<u8>>,
}

#[test]
fn a_format_is_announced_that_the_type_does_not_tell() {
    let announced = Formats::component().instantiate("formats").unwrap();
    assert_eq!(
        serde_json::to_value(announced.outports).unwrap(),
        json!([
            { "id": "position", "type": "buffer", "queue": "formats.POSITION",
              "contentType": "application/x-protobuf", "messageType": "Position" },
            { "id": "xml", "type": "object", "queue": "formats.XML", "contentType": "application/xml" },
            { "id": "text", "type": "string", "queue": "formats.TEXT" },
            { "id": "json", "type": "int", "queue": "formats.JSON" },
        ])
    );
}

/// Everything that
/// can be said.
///
/// And more.
#[derive(Participant, Default)]
#[participant(component = "test/Everything")]
#[participant(icon = "cogs")]
struct Everything {
    #[inport(
        process = Self::take,
        id = "job",
        queue = "jobs/#ROLE",
        type = "any",
        description = "What to do",
        schema = r#"{ "type": "integer" }"#,
        persistent = false,
        concurrency = 4
    )]
    /// Not this
    first_job: Inport<Json<u32>>,
    #[inport(process = take, schema = "https://example.org/job.json")]
    /// One line,
    /// and another.
    ///
    /// A second paragraph.
    second_job: Inport<Json<u32>>,
    #[inport(process = take, hidden, concurrency = 1)]
    tick: Inport<Json<u32>>,
    #[outport(schema, hidden = false, persistent)]
    job: Outport<Json<Resized>>,
    #[outport(hidden = true)]
    log: Outport<String>,
    /** Bytes,
     * as they are
     */
    #[outport]
    bytes: Outport<Bytes>,
    #[outport]
    text: Outport<String>,
    #[outport]
    whatever: Outport<Any>,
    #[outport]
    yes: Outport<Json<bool>>,
    #[outport]
    measure: Outport<Json<f64>>,
    #[outport]
    list: Outport<Json<Vec<u8>>>,
}

impl Everything {
    async fn take(&self, _: Json<u32>) -> msgflo::Result<()> {
        self.log.send("taken".into()).await
    }
}

#[tokio::test]
async fn all_that_is_said_of_ports_is_announced() {
    let network = Network::new(memory::connect(&"memory://everything".parse().unwrap()).unwrap());
    let handle = network.start("every", Everything::default()).await.unwrap();
    let definition = handle.definition();
    assert_eq!(definition.label, "Everything that can be said.");
    assert_eq!(definition.component, "test/Everything");
    assert_eq!(definition.icon, "cogs");

    let [first, second] = &definition.inports[..] else { panic!("{:?}", definition.inports) };
    assert_eq!(
        serde_json::to_value(first).unwrap(),
        json!({
            "id": "job", "type": "any", "queue": "jobs/every", "description": "What to do",
            "schema": { "type": "integer" }, "persistent": false,
        })
    );
    assert_eq!(
        serde_json::to_value(second).unwrap(),
        json!({
            "id": "second_job", "type": "int", "queue": "every.SECOND_JOB",
            "description": "One line, and another.\n\nA second paragraph.",
            "schema": "https://example.org/job.json",
        })
    );

    let job = &definition.outports[0];
    let schema = job.schema.as_ref().unwrap();
    assert_eq!(schema["properties"]["photo"]["type"], "string");
    let types = |port: &PortDefinition| format!("{}: {}", port.id, port.port_type);
    assert_eq!(
        definition.outports.iter().map(types).collect::<Vec<_>>(),
        [
            "job: object",
            "bytes: buffer",
            "text: string",
            "whatever: any",
            "yes: boolean",
            "measure: number",
            "list: array"
        ]
    );
    assert_eq!(definition.outports[1].description.as_deref(), Some("Bytes, as they are"));
    network.shutdown().await.unwrap();
}

#[test]
fn a_component_knows_its_hidden_ports_and_their_concurrency() {
    let component = Everything::component();
    let inports: Vec<_> = component
        .inports
        .iter()
        .map(|port| (port.id.as_str(), port.hidden, port.persistent, port.concurrency))
        .collect();
    assert_eq!(
        inports,
        [
            ("job", false, false, Some(4)),
            ("second_job", false, true, None),
            ("tick", true, true, Some(1))
        ]
    );
    let hidden: Vec<_> = component.outports.iter().filter(|port| port.hidden).collect();
    assert_eq!(hidden.len(), 1);
    assert_eq!(hidden[0].id, "log");
}

#[derive(Participant)]
struct Unit;

/** Has state,
 * but no ports.
 */
#[derive(Participant)]
#[participant(label = "State only")]
#[expect(dead_code, reason = "only announced")]
struct r#NoPorts {
    state: std::collections::HashMap<String, u32>,
    r#type: u32,
}

#[tokio::test]
async fn a_participant_needs_no_ports_and_no_attributes() {
    let harness = Harness::start(Unit).await.unwrap();
    let definition = harness.definition();
    assert_eq!(definition.component, "msgflo/Unit");
    assert_eq!((definition.label.as_str(), definition.icon.as_str()), ("", "cog"));
    assert!(definition.inports.is_empty() && definition.outports.is_empty());
    harness.shutdown().await.unwrap();

    let component = NoPorts::component();
    assert_eq!(
        (component.name.as_str(), component.label.as_str()),
        ("msgflo/NoPorts", "State only")
    );
}

/// Formats and methods of every kind, and names that the generated code might take for its own.
#[derive(Participant, Default)]
struct Several {
    #[inport(process = add)]
    add: Inport<Json<u32>>,
    #[inport(process = Several::say)]
    say: Inport<String>,
    #[inport(process = pass_on)]
    payload: Inport<Bytes>,
    #[outport]
    ports: Outport<Json<u32>>,
    #[outport]
    participant: Outport<String>,
    // An inport and an outport may share an id, but not a queue.
    #[outport(id = "payload", queue = "#ROLE.PASSED_ON")]
    passed_on: Outport<Bytes>,
    sum: AtomicU32,
}

impl Several {
    async fn add(&self, Json(number): Json<u32>) -> msgflo::Result<()> {
        let sum = self.sum.fetch_add(number, Ordering::SeqCst) + number;
        self.ports.send(Json(sum)).await
    }

    async fn say(&self, text: String) -> msgflo::Result<()> {
        self.participant.send(format!("{text}!")).await
    }

    fn pass_on(&self, bytes: Bytes) -> impl Future<Output = msgflo::Result<()>> {
        self.passed_on.send(bytes)
    }
}

#[tokio::test]
async fn each_inport_has_its_own_method_and_format() {
    let mut harness = Harness::start(Several::default()).await.unwrap();
    for (number, sum) in [(1, 1), (2, 3), (3, 6)] {
        harness.send("add", Json(number)).await.unwrap();
        assert_eq!(harness.receive::<Json<u32>>("ports").await.unwrap(), Json(sum));
    }
    harness.send("say", "hello".to_owned()).await.unwrap();
    assert_eq!(harness.receive::<String>("participant").await.unwrap(), "hello!");
    harness.send("payload", Bytes::from_static(&[0xFF, 0])).await.unwrap();
    assert_eq!(harness.receive::<Bytes>("payload").await.unwrap(), [0xFF, 0][..]);
    assert_eq!(harness.participant().sum.load(Ordering::SeqCst), 6);
    harness.shutdown().await.unwrap();
}

/// A source that feeds itself.
#[derive(Participant, Default)]
struct Clock {
    #[inport(process = tick, hidden)]
    tick: Inport<Json<u32>>,
    #[outport]
    time: Outport<String>,
}

impl Clock {
    async fn tick(&self, Json(hour): Json<u32>) -> msgflo::Result<()> {
        if hour > 23 {
            return Err(msgflo::Error::message(format!("no day has hour {hour}")));
        }
        self.time.send(format!("{hour}:00")).await
    }
}

#[tokio::test]
async fn a_source_feeds_itself_by_a_hidden_inport() {
    let mut harness = Harness::start(Clock::default()).await.unwrap();
    assert!(harness.definition().inports.is_empty());
    harness.participant().tick.send(Json(7)).await.unwrap();
    assert_eq!(harness.receive::<String>("time").await.unwrap(), "7:00");
    let refused = harness.participant().tick.send(Json(24)).await.unwrap_err();
    assert_eq!(refused.to_string(), "no day has hour 24");
    harness.shutdown().await.unwrap();
}

/// Fails in every way that a method can.
#[derive(Participant, Default)]
struct Failing {
    #[inport(process = parse)]
    r#in: Inport<String>,
    #[inport(process = with_std_error, hidden)]
    std_error: Inport<String>,
    #[inport(process = with_boxed, hidden)]
    boxed: Inport<String>,
    #[inport(process = with_string, hidden)]
    string: Inport<String>,
    #[inport(process = with_text, hidden)]
    text: Inport<String>,
    #[outport]
    out: Outport<Json<u32>>,
}

impl Failing {
    async fn parse(&self, text: String) -> msgflo::Result<()> {
        match text.as_str() {
            "panic" => panic!("as it was told"),
            "panic late" => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                panic!("as it was told")
            }
            _ => self.out.send(Json(text.parse()?)).await,
        }
    }

    async fn with_std_error(&self, text: String) -> Result<(), std::num::ParseIntError> {
        text.parse::<u32>().map(drop)
    }

    async fn with_boxed(
        &self,
        text: String,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        text.parse::<u32>()?;
        Ok(())
    }

    async fn with_string(&self, text: String) -> Result<(), String> {
        Err(format!("not {text}"))
    }

    async fn with_text(&self, _: String) -> Result<(), &'static str> {
        Err("not at all")
    }
}

#[tokio::test]
async fn an_error_rejects_the_message() {
    let mut harness = Harness::start(Failing::default()).await.unwrap();
    harness.send("in", "many".to_owned()).await.unwrap();
    assert_eq!(harness.rejected::<String>("in").await.unwrap(), "many");
    harness.send("in", "2".to_owned()).await.unwrap();
    assert_eq!(harness.receive::<Json<u32>>("out").await.unwrap(), Json(2));
    harness.shutdown().await.unwrap();
}

#[tokio::test]
async fn methods_return_errors_of_any_kind() {
    let harness = Harness::start(Failing::default()).await.unwrap();
    let participant = harness.participant();
    for (inport, expected) in [
        (&participant.std_error, "invalid digit found in string"),
        (&participant.boxed, "invalid digit found in string"),
        (&participant.string, "not many"),
        (&participant.text, "not at all"),
    ] {
        let error = inport.send("many".into()).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    harness.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_panic_rejects_the_message_and_the_participant_lives_on() {
    let mut harness = Harness::start(Failing::default()).await.unwrap();
    for text in ["panic", "panic late"] {
        harness.send("in", text.to_owned()).await.unwrap();
        assert_eq!(harness.rejected::<String>("in").await.unwrap(), text);
    }
    harness.send("in", "3".to_owned()).await.unwrap();
    assert_eq!(harness.receive::<Json<u32>>("out").await.unwrap(), Json(3));
    harness.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_rejected() {
    let mut harness = Harness::start(Several::default()).await.unwrap();
    harness.send("add", "one".to_owned()).await.unwrap();
    assert_eq!(harness.rejected::<String>("add").await.unwrap(), "one");
    harness.send("add", Json(1)).await.unwrap();
    assert_eq!(harness.receive::<Json<u32>>("ports").await.unwrap(), Json(1));
    harness.shutdown().await.unwrap();
}

#[tokio::test]
async fn iips_come_before_any_message() {
    let settings = Settings {
        iips: vec![("add".into(), json!(40)), ("say".into(), json!("hello"))],
        ..Settings::default()
    };
    let mut harness = Harness::start_with(Several::default(), settings).await.unwrap();
    assert_eq!(harness.participant().sum.load(Ordering::SeqCst), 40);
    assert_eq!(harness.receive::<Json<u32>>("ports").await.unwrap(), Json(40));
    assert_eq!(harness.receive::<String>("participant").await.unwrap(), "hello!");
    harness.send("add", Json(2)).await.unwrap();
    assert_eq!(harness.receive::<Json<u32>>("ports").await.unwrap(), Json(42));
    harness.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_iip_that_cannot_be_used_refuses_the_start() {
    for (port, value, expected) in [
        ("subtract", json!(1), "no inport `subtract`"),
        ("add", json!("one"), "refused the IIP for its inport `add`"),
    ] {
        let settings = Settings { iips: vec![(port.into(), value)], ..Settings::default() };
        let refused = Harness::start_with(Several::default(), settings).await.err().unwrap();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

macro_rules! passing_on {
    ($name:ident, $component:literal, $payload:ty, $id:expr) => {
        #[derive(Participant, Default)]
        #[participant(component = $component)]
        struct $name {
            #[inport(process = pass_on, id = $id)]
            input: Inport<$payload>,
            #[outport]
            output: Outport<$payload>,
        }

        impl $name {
            async fn pass_on(&self, value: $payload) -> msgflo::Result<()> {
                self.output.send(value).await
            }
        }
    };
}

passing_on!(PassOn, "test/PassOn", Json<u32>, "given");

#[tokio::test]
async fn a_macro_can_write_a_participant() {
    let mut harness = Harness::start(PassOn::default()).await.unwrap();
    assert_eq!(harness.definition().component, "test/PassOn");
    harness.send("given", Json(1)).await.unwrap();
    assert_eq!(harness.receive::<Json<u32>>("output").await.unwrap(), Json(1));
    harness.shutdown().await.unwrap();
}
