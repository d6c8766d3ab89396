//! What docs/network.md shows can be read, and nothing is wrong with it.

use std::fs;

use msgflo_graph::{Announced, Foreign, Graph, Library, Plan, PlanOptions, Severity};

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let page = fs::read_to_string("../docs/network.md").unwrap();
    let fence = format!("```{language}\n");
    let blocks =
        page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

fn plan(text: &str, announced: &Announced) -> Plan {
    let graph = Graph::from_fbp(text).unwrap_or_else(|error| panic!("{error}"));
    let (plan, problems) = Plan::new(&graph, announced, &PlanOptions::default());
    let wrong = |severity| severity > Severity::Note;
    assert!(problems.iter().all(|it| !wrong(it.severity)), "{text}{problems:?}");
    plan
}

#[test]
fn graphs_mean_what_the_page_says() {
    let plans: Vec<Plan> =
        blocks("fbp").iter().map(|text| plan(text, &Announced::default())).collect();
    let edges = |plan: &Plan| plan.edges.iter().map(ToString::to_string).collect::<Vec<_>>();
    let [images, defaults, values, dead_letters, rarer, wildcards] = &plans[..] else {
        panic!("the page has {} graphs", plans.len())
    };
    assert_eq!(
        edges(images),
        ["web.RESIZE -> resize.IN", "resize.OUT -> store.IN", "resize.ERROR -> store.IN"]
    );
    assert_eq!(
        edges(defaults),
        ["read.RESULT -> check.IN", "check.RESULT -> pack.BILL", "check.ERROR -> report.IN"]
    );
    let told: Vec<String> = values.initial_values.iter().map(|it| it.value.to_string()).collect();
    assert_eq!(told, [r#""Ada's photos""#, r#"{"width":320,"formats":["png","webp"]}"#, "-2.5"]);
    assert_eq!(
        dead_letters.round_robins[0].to_string(),
        "web.RESIZE -> resize.IN, failed: report.IN"
    );
    assert_eq!(rarer.inports["jobs"].queue, "resize.IN");
    assert_eq!(edges(rarer), ["resize.ERROR -> _office_Report_1.IN"]);
    assert_eq!(wildcards.roles.len(), 3);
}

#[test]
fn what_the_page_warns_of_is_told() {
    let text = "a(A) -> c(C), b(B) -> c\na -> b -> c";
    let graph = Graph::from_fbp(text).unwrap();
    let (_, problems) = Plan::new(&graph, &Announced::default(), &PlanOptions::default());
    assert!(problems[0].message.contains("the arrow before it is ignored"), "{problems:?}");
    let error = Graph::from_fbp("a(A) -> b(B)\ntrue -> ON a").unwrap_err();
    assert!(error.to_string().contains("`true` has no component"), "{error}");
}

#[test]
fn foreign_participants_are_as_the_page_says() {
    let foreign: Vec<Foreign> =
        blocks("yaml").iter().map(|text| Foreign::from_yaml(text).unwrap()).collect();
    let [lamp, button, sensor] = &foreign[..] else { panic!("the page has {}", foreign.len()) };
    let lamp = lamp.definition("hall");
    assert_eq!(lamp.id, "hall");
    assert_eq!(lamp.inports[0].queue.as_deref(), Some("office/hall/set"));
    assert_eq!(lamp.outports[0].queue.as_deref(), Some("hall/state"));
    assert_eq!(button.definition("button").outports[0].port_type, "boolean");
    let announced = ["roof", "cellar"].map(|role| sensor.definition(role)).into_iter().collect();
    let plan = plan(blocks("fbp").last().unwrap(), &announced);
    assert_eq!(plan.edges[0].to_string(), "sensors/roof/celsius -> watch.READING");
    assert_eq!(plan.edges[1].to_string(), "sensors/cellar/celsius -> watch.READING");
}

#[test]
fn commands_are_found_as_the_page_says() {
    let library = Library::from_json(&blocks("json")[0]).unwrap();
    let values = [("to".to_owned(), "ada".into())].into_iter().collect();
    let report = library.command("Report", "night", &values).unwrap();
    assert_eq!(report.line, r#"report --role night --iip 'to="ada"'"#);
    assert_eq!(
        library.command("office/Copy", "copy", &Default::default()).unwrap().line,
        "msgflo-nodejs --name copy Copy.coffee"
    );
}
