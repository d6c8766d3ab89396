//! What is planned for a graph, and what is said of it.

use msgflo_core::Definition;
use msgflo_graph::{Announced, Graph, Plan, PlanOptions, Problem, Severity};
use serde_json::{Value, json};

const IMAGES: &str = "
# @name images
web(imageresize/HttpApi) RESIZE -> JOB resize(imageresize/ResizeImage) OUT -> IN store(Store)
resize ERROR -> IN store
'8081' -> PORT web
INPORT=resize.JOB:JOB
OUTPORT=store.Done:RESULT
";

fn plan(fbp: &str) -> (Plan, Vec<String>) {
    plan_with(fbp, Vec::new(), PlanOptions::default())
}

fn plan_with(fbp: &str, announced: Vec<Value>, options: PlanOptions) -> (Plan, Vec<String>) {
    let announced: Vec<Definition> = announced
        .into_iter()
        .map(|definition| serde_json::from_value(definition).unwrap())
        .collect();
    let graph = Graph::from_fbp(fbp).unwrap();
    let (plan, problems) = Plan::new(&graph, &announced.into_iter().collect(), &options);
    (plan, problems.iter().map(Problem::to_string).collect())
}

fn edges(plan: &Plan) -> Vec<String> {
    plan.edges.iter().map(ToString::to_string).collect()
}

fn roles(plan: &Plan) -> Vec<&str> {
    plan.roles.iter().map(|role| role.name.as_str()).collect()
}

/// A definition with ports as `name:type:queue`.
fn definition(role: &str, component: &str, inports: &[&str], outports: &[&str]) -> Value {
    let ports = |ports: &[&str]| -> Vec<Value> {
        ports
            .iter()
            .map(|port| {
                let parts: Vec<&str> = port.split(':').collect();
                json!({ "id": parts[0], "type": parts[1], "queue": parts[2] })
            })
            .collect()
    };
    json!({ "id": role, "role": role, "component": component, "inports": ports(inports), "outports": ports(outports) })
}

#[test]
fn queues_follow_the_convention_where_nothing_is_announced() {
    let (plan, problems) = plan(IMAGES);
    assert_eq!(
        edges(&plan),
        ["web.RESIZE -> resize.JOB", "resize.OUT -> store.IN", "resize.ERROR -> store.IN"]
    );
    assert_eq!(roles(&plan), ["web", "resize", "store"]);
    assert_eq!(plan.roles[1].component, "imageresize/ResizeImage");
    assert_eq!(plan.unannounced, ["web", "resize", "store"]);
    let value = &plan.initial_values[0];
    assert_eq!((value.role.as_str(), value.port.as_str()), ("web", "port"));
    assert_eq!((value.queue.as_deref(), &value.value), (Some("web.PORT"), &json!("8081")));
    assert_eq!(plan.inports["job"].queue, "resize.JOB");
    assert_eq!(plan.outports["result"].queue, "store.DONE");
    assert_eq!(problems, [""; 0]);
}

#[test]
fn announced_queues_are_used_whatever_the_case() {
    let announced = vec![
        definition("web", "imageresize/HttpApi", &[], &["Resize:object:/web/resize"]),
        definition("resize", "ResizeImage", &["job:any:jobs"], &["out:object:o", "error:object:e"]),
    ];
    let (plan, problems) = plan_with(IMAGES, announced, PlanOptions::default());
    assert_eq!(edges(&plan), ["/web/resize -> jobs", "o -> store.IN", "e -> store.IN"]);
    assert_eq!(plan.edges[0].source.port, "Resize");
    assert_eq!(plan.unannounced, ["store"]);
    assert_eq!(plan.initial_values[0].queue, None);
    assert_eq!(problems, ["note: web announces no port `port`: if it has one, then a hidden one"]);
}

#[test]
fn wrong_ports_are_told_with_the_right_ones() {
    let announced = || {
        vec![
            definition("web", "HttpApi", &["answer:any:a"], &["resize:object:r"]),
            definition(
                "resize",
                "ResizeImage",
                &["job:any:jobs"],
                &["out:object:o", "error:any:e"],
            ),
            json!({ "id": "store", "role": "store", "component": "Store", "inports": [{ "id": "in", "type": "any" }] }),
        ]
    };
    let check = |connection: &str, problem: &str| {
        let fbp = format!("web(HttpApi), resize(ResizeImage), store(Store)\n{connection}");
        let (plan, problems) = plan_with(&fbp, announced(), PlanOptions::default());
        assert_eq!(problems, [problem]);
        assert!(plan.edges.is_empty());
    };
    check("web RESIZE -> JBO resize", "error: no port `jbo` on resize: did you mean `job`?");
    check(
        "web PICTURES -> JOB resize",
        "error: no port `pictures` on web: its outports are resize",
    );
    check(
        "web RESIZE -> ERROR resize",
        "error: no port `error` on resize: it is an outport, not an inport",
    );
    check("store OUT -> JOB resize", "error: no port `out` on store: it has no outports");
    check("resize OUT -> IN store", "error: port `in` on store is hidden: it has no queue");
    check("'x' -> JBO resize", "warning: no port `jbo` on resize: did you mean `job`?");
    check("INPORT=resize.JBO:IN", "error: no port `jbo` on resize: did you mean `job`?");
}

#[test]
fn types_are_compared() {
    let check = |sent: &str, taken: &str, fine: bool| {
        let announced = vec![
            definition("a", "A", &[], &[&format!("out:{sent}:x")]),
            definition("b", "B", &[&format!("in:{taken}:y")], &[]),
        ];
        let (plan, problems) = plan_with("a(A) OUT -> IN b(B)", announced, PlanOptions::default());
        let expected = format!("warning: `a OUT -> IN b`: {sent} is sent, and {taken} is taken");
        assert_eq!(problems, if fine { vec![] } else { vec![expected] });
        assert_eq!(plan.edges.len(), 1);
    };
    for (sent, taken) in
        [("any", "int"), ("int", "any"), ("int", "number"), ("", "string"), ("object", "Object")]
    {
        check(sent, taken, true);
    }
    for (sent, taken) in [("number", "int"), ("string", "object"), ("buffer", "string")] {
        check(sent, taken, false);
    }

    let value = |value: &str, taken: &str| {
        let announced = vec![definition("b", "B", &[&format!("in:{taken}:y")], &[])];
        plan_with(&format!("b(B), {value} -> IN b"), announced, PlanOptions::default()).1
    };
    assert_eq!(value("8081", "number"), [""; 0]);
    assert_eq!(value("[1]", "array"), [""; 0]);
    assert_eq!(value("'x'", "buffer"), [""; 0]);
    assert_eq!(
        value("'8081'", "int"),
        [
            "warning: `\"8081\" -> IN b`: string is sent, and int is taken: write 8081 without quotes"
        ]
    );
    assert_eq!(value("{}", "array"), ["warning: `{} -> IN b`: object is sent, and array is taken"]);
}

#[test]
fn round_robins_have_a_dead_letter_queue() {
    // imgflo-server.fbp of the npm package.
    let fbp = "
imgflo_api(imgflo-server/HttpApi) NEWJOB -> IN imgflo_jobs(msgflo/RoundRobin) OUT -> JOB imgflo_worker(imgflo-server/ProcessImage)
imgflo_worker JOBRESULT -> JOBRESULT imgflo_api
imgflo_jobs DEADLETTER -> IN drop(Drop)
'ignored' -> IIP imgflo_api
";
    let (plan, problems) = plan(fbp);
    assert_eq!(edges(&plan), ["imgflo_worker.JOBRESULT -> imgflo_api.JOBRESULT"]);
    let [round_robin] = plan.round_robins.as_slice() else { panic!("{:?}", plan.round_robins) };
    assert_eq!(round_robin.node, "imgflo_jobs");
    assert_eq!(round_robin.to_string(), "imgflo_api.NEWJOB -> imgflo_worker.JOB, failed: drop.IN");
    assert_eq!(roles(&plan), ["imgflo_api", "imgflo_worker", "drop"]);
    assert_eq!(plan.unannounced, ["imgflo_api", "imgflo_worker", "drop"]);
    assert_eq!(
        problems,
        [
            "note: imgflo_worker -> imgflo_api -> imgflo_worker is a cycle; that is legal, if its messages come to an end"
        ]
    );
}

#[test]
fn junctions_that_are_not_complete_or_more_than_that() {
    let (planned, problems) = plan("a(A) -> j(msgflo/RoundRobin) -> b(B), j -> c(C), 'x' -> j");
    assert_eq!(planned.round_robins.len(), 2);
    assert!(problems[0].contains("a value leads to `j`"), "{problems:?}");
    assert!(problems[1].contains("`j` leads to b, c: each gets every message"), "{problems:?}");

    let (planned, problems) = plan("j(msgflo/RoundRobin) -> b(B), j DEADLETTER -> IN d(D)");
    assert_eq!(planned.round_robins[0].to_string(), "b.IN, failed: d.IN");
    assert_eq!(problems, [""; 0]);

    let (planned, problems) = plan("a(A) -> j(msgflo/RoundRobin), k(msgflo/RoundRobin) -> a");
    assert!(planned.round_robins.is_empty());
    assert_eq!(problems.len(), 2);

    let (planned, problems) = plan("a(A) OTHER -> IM j(msgflo/RoundRobin) OOT -> IN b(B)");
    assert_eq!(planned.round_robins.len(), 1);
    assert!(
        problems[0].contains("no port `im` on j") && problems[1].contains("no port `oot` on j")
    );

    let (planned, problems) = plan("a(A) -> j(msgflo/RoundRobin) -> k(msgflo/RoundRobin) -> b(B)");
    assert!(planned.round_robins.is_empty());
    assert!(problems[0].starts_with("error: `j` leads to `k`"), "{problems:?}");

    let (planned, problems) =
        plan("a(A) -> p(msgflo/PubSub) -> b(B), c(C) -> IN p OUT -> d(D), c -> p");
    assert_eq!(
        edges(&planned),
        ["a.OUT -> b.IN", "a.OUT -> d.IN", "c.OUT -> b.IN", "c.OUT -> d.IN"]
    );
    assert_eq!(
        problems,
        ["warning: `c OUT -> IN b` is there twice", "warning: `c OUT -> IN d` is there twice"]
    );
}

#[test]
fn roles_are_chosen() {
    let options = |only: Option<&[&str]>, ignore: &[&str]| PlanOptions {
        only: only.map(|only| only.iter().map(|role| (*role).to_owned()).collect()),
        ignore: ignore.iter().map(|role| (*role).to_owned()).collect(),
    };
    let (plan, _) = plan_with(IMAGES, vec![], options(Some(&["store", "web"]), &[]));
    assert_eq!(roles(&plan), ["store", "web"]);
    assert_eq!(plan.edges.len(), 3);
    let (plan, problems) = plan_with(IMAGES, vec![], options(None, &["web", "wbe"]));
    assert_eq!(roles(&plan), ["resize", "store"]);
    assert_eq!(
        problems,
        ["warning: ignore `wbe`: the graph has no such role: did you mean `web`?"]
    );
    let (plan, problems) = plan_with(IMAGES, vec![], options(Some(&["wbe"]), &[]));
    assert!(plan.roles.is_empty());
    assert_eq!(problems, ["error: only `wbe`: the graph has no such role: did you mean `web`?"]);
}

#[test]
fn doubtful_edges_are_told() {
    let (planned, problems) = plan("a(A) OUT -> IN b(B), a Out -> In b, b OUT -> IN b, c(C)");
    assert_eq!(edges(&planned), ["a.OUT -> b.IN", "b.OUT -> b.IN"]);
    assert_eq!(
        problems,
        [
            "warning: `a OUT -> IN b` is there twice",
            "warning: `b OUT -> IN b` leads from a role to itself"
        ]
    );

    let (_, problems) = plan("a(A) -> b(B) -> c(C) -> a, c -> b, d(D) -> a");
    let cycles = problems.iter().filter(|problem| problem.starts_with("note: ")).count();
    assert_eq!(cycles, 2, "{problems:?}");
    assert!(problems[0].starts_with("note: a -> b -> c -> a is a cycle"), "{problems:?}");

    // Of the reference, which reads it without a word.
    let (planned, problems) =
        plan("web(A) OUT IN resize(B)\nx(X) -> y(Y)\nx -> y -> x\nx -> 'v' -> y");
    assert_eq!(planned.edges.len(), 2);
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(
        problems[0].starts_with("warning: line 1: `IN` is connected to nothing"),
        "{problems:?}"
    );
    assert!(
        problems[1].starts_with("warning: line 3: `y` is in the middle of a chain"),
        "{problems:?}"
    );
    assert!(problems[2].starts_with("warning: line 4: `'v'` is a value"), "{problems:?}");

    let announced = vec![
        definition("a", "A", &[], &["out:any:q"]),
        definition("b", "other/Thing", &["in:any:q"], &[]),
    ];
    let (plan, problems) = plan_with("a(x/A) -> b(B)", announced, PlanOptions::default());
    assert!(plan.edges.is_empty());
    assert_eq!(
        problems,
        [
            "note: `a OUT -> IN b`: both have queue `q`, and need no edge",
            "warning: role `b` is run by `other/Thing`, and the graph says `B`"
        ]
    );
}

#[test]
fn roles_that_json_does_not_have_are_told() {
    let graph = Graph::from_json(
        r#"{ "processes": { "resize": { "component": "A" } }, "connections": [
            { "src": { "process": "resiez", "port": "out" }, "tgt": { "process": "resize", "port": "in" } },
            { "data": 1, "tgt": { "process": "nothing", "port": "in" } } ],
            "inports": { "x": { "process": "rezise", "port": "in" } } }"#,
    )
    .unwrap();
    let (plan, problems) = Plan::new(&graph, &Announced::default(), &PlanOptions::default());
    assert!(plan.edges.is_empty() && plan.initial_values.is_empty());
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "port `out` of `resiez`: the graph has no such role: did you mean `resize`?",
            "port `in` of `nothing`: the graph has no such role",
            "port `in` of `rezise`: the graph has no such role: did you mean `resize`?",
        ]
    );
    assert!(problems.iter().all(|problem| problem.severity == Severity::Error));
}

#[test]
fn large_graphs_are_planned() {
    let chain: String = (0..20_000).map(|n| format!("n{n}(C) OUT -> IN n{}(C)\n", n + 1)).collect();
    let (plan, problems) = plan(&format!("{chain}n20000 -> n0"));
    assert_eq!(plan.edges.len(), 20_001);
    assert_eq!(problems.len(), 1);
}
