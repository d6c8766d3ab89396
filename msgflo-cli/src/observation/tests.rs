use msgflo::transport::Edge;
use msgflo::{Component, Port};

use super::*;

/// `ID is a worker of ROLE` with an inport, an outport, and an outport that is hidden.
pub fn worker(id: &str, role: &str) -> Definition {
    let mut definition = Component::new(&format!("test/{role}"))
        .label("Does what it is told")
        .inport(Port::new("in", "object"))
        .outport(Port::new("out", "string"))
        .instantiate(role)
        .unwrap();
    definition.id = id.into();
    definition.inports[0].description = Some("What is to be done".into());
    definition
}

/// A chain of roles, each bound to the next.
pub fn chain(roles: usize, now: Instant) -> Observation {
    let mut observation = Observation::default();
    let name = |number: usize| format!("role{number:02}");
    for number in 0..roles {
        observation.hear(worker(&format!("id{number}"), &name(number)), now);
    }
    let edge = |number| edge(&format!("{}.OUT", name(number)), &format!("{}.IN", name(number + 1)));
    let bindings = Bindings::Known((0..roles.saturating_sub(1)).map(edge).collect());
    observation.take(Answers { bindings, queues: Vec::new() }, now);
    observation
}

fn edge(source: &str, target: &str) -> Edge {
    Edge { source: source.into(), target: target.into() }
}

pub fn waiting(waiting: u64, consumers: u64) -> QueueStatistics {
    QueueStatistics { waiting, consumers, ..QueueStatistics::default() }
}

fn queues(queues: Vec<(&str, QueueStatistics)>) -> Answers {
    let queues = queues.into_iter().map(|(name, found)| (name.into(), found, Some(0))).collect();
    Answers { bindings: Bindings::Unknown("it does not tell".into()), queues }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn workers_of_a_role_are_counted_and_two_components_are_told_apart() {
    let now = Instant::now();
    let mut observation = Observation::default();
    for id in ["a", "b"] {
        observation.hear(worker(id, "resize"), now);
    }
    observation.hear(Definition { component: "Other".into(), ..worker("c", "resize") }, now);
    observation.hear(worker("d", "fetch"), now);
    let roles = observation.roles();
    let told = roles
        .iter()
        .map(|role| (role.name(), role.definition.component.as_str(), role.workers.len()));
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [("fetch", "test/fetch", 1), ("resize", "Other", 1), ("resize", "test/resize", 2)]
    );
    assert_eq!(observation.inport_queues(), ["fetch.IN", "resize.IN"]);
}

#[test]
fn who_is_silent_is_late_and_then_gone() {
    let start = Instant::now();
    let mut observation = Observation::default();
    let (id, role) = ("a".to_owned(), "resize".to_owned());
    let joined = observation.hear(worker("a", "resize"), start);
    assert_eq!(joined, Some(Change::Joined { id: id.clone(), role: role.clone() }));
    assert_eq!(observation.look_at_clock(start + seconds(59)), []);
    let late = Change::Late { id: id.clone(), role: role.clone() };
    assert_eq!(observation.look_at_clock(start + seconds(61)), [late]);
    assert_eq!(observation.look_at_clock(start + seconds(62)), []);
    assert_eq!(observation.roles()[0].present(start + seconds(62)), 0);
    let returned = observation.hear(worker("a", "resize"), start + seconds(70));
    assert_eq!(returned, Some(Change::Returned { id: id.clone(), role: role.clone() }));
    assert_eq!(observation.hear(worker("a", "resize"), start + seconds(71)), None);
    let other = Definition { label: "Another".into(), ..worker("a", "resize") };
    let redefined = observation.hear(other, start + seconds(72));
    assert_eq!(redefined, Some(Change::Redefined { id: id.clone(), role: role.clone() }));
    let gone = Change::Gone { id, role };
    assert_eq!(observation.look_at_clock(start + seconds(673)), [gone]);
    assert_eq!(observation.len(), 0);
}

#[test]
fn growth_comes_from_two_readings_and_consumers_that_end_are_told() {
    let start = Instant::now();
    let mut observation = Observation::default();
    assert_eq!(observation.take(queues(vec![("q", waiting(10, 2))]), start), []);
    assert_eq!(observation.reading("q").unwrap().growth, None);
    let changes = observation.take(queues(vec![("q", waiting(4, 1))]), start + seconds(2));
    assert_eq!(observation.reading("q").unwrap().growth, Some(-3.0));
    assert_eq!(changes, [Change::Consumers { queue: "q".into(), before: 2, now: 1 }]);
    observation.take(queues(vec![]), start + seconds(4));
    assert_eq!(observation.reading("q"), None);
}

#[test]
fn edges_name_ports_where_they_are_known() {
    let now = Instant::now();
    let mut observation = chain(2, now);
    let mut sharing = worker("s", "sharing");
    sharing.outports[0].queue = Some("role00.IN".into());
    observation.hear(sharing, now);
    let edges =
        vec![edge("role00.OUT", "role01.IN"), edge("role00.OUT", "other"), edge("other", "other")];
    observation.take(Answers { bindings: Bindings::Known(edges), queues: Vec::new() }, now);
    let edges = observation.edges().unwrap();
    let edges: Vec<_> = edges.iter().map(|edge| observation.describe(edge)).collect();
    assert_eq!(
        edges,
        ["sharing out -> in role00", "role00 out -> `other`", "role00 out -> in role01"]
    );
    observation.take(queues(vec![]), now);
    assert_eq!(observation.edges(), Err("it does not tell"));
}
