//! Definitions of foreign participants.

use msgflo_graph::{Error, Foreign};
use serde_json::json;

#[test]
fn ports_come_as_mappings_and_as_lists() {
    let mapping = "
component: c-base/siri
label: c-base siri data rescue probe
icon: phone
inports:
  openurl: { queue: siri/open, type: string }
  secret: { hidden: true }
outports:
  state: { queue: '/siri/#ROLE/#ROLE', type: boolean, description: whether it is on, unit: '1', options: { a: [1, 2.5] } }
";
    // As lightbulb.yaml of the npm package has it.
    let list = "
component: 'c-base/siri'
label: 'c-base siri data rescue probe'
icon: phone
role: 'mybulb'
inports:
-
  id: openurl
  type: 'string'
  queue: 'siri/open'
outports:
- id: 'state'
  type: 'boolean'
  description: 'whether it is on'
  queue: '/siri/#ROLE/#ROLE'
  unit: '1'
  options:
    a: [1, 2.5]
";
    let expected = json!({
        "id": "a", "role": "a", "component": "c-base/siri", "label": "c-base siri data rescue probe",
        "icon": "phone",
        "inports": [{ "id": "openurl", "type": "string", "queue": "siri/open" }],
        "outports": [{
            "id": "state", "type": "boolean", "queue": "/siri/a/a", "description": "whether it is on",
            "unit": "1", "options": { "a": [1, 2.5] },
        }],
    });
    let (mapping, list) = (Foreign::from_yaml(mapping).unwrap(), Foreign::from_yaml(list).unwrap());
    assert_eq!(mapping.definition("a").to_discovery_message()["payload"], expected);
    assert_eq!(list.definition("a").to_discovery_message()["payload"], expected);
    assert_eq!((mapping.role(), list.role()), (None, Some("mybulb")));
}

#[test]
fn little_is_needed_and_unknown_keys_stay() {
    let foreign =
        Foreign::from_yaml("component: A\nid: 42\nversion: 3\ninports:\noutports: []\n").unwrap();
    let definition = foreign.definition("a");
    assert_eq!((definition.id.as_str(), definition.label.as_str()), ("42", ""));
    assert_eq!(definition.other["version"], 3);
    assert!(definition.inports.is_empty() && definition.outports.is_empty());

    let foreign = Foreign::from_yaml("component: A\ninports: { in: { queue: q } }").unwrap();
    assert_eq!(foreign.definition("a").inports[0].port_type, "any");
}

#[test]
fn errors_tell_the_place_and_what_to_write() {
    let cases = [
        ("", "definition:1:1", "component: project/Name"),
        ("label: x\n", "definition:1:1", "component: project/Name"),
        ("component: [A]", "definition:1:12", "`component` is not a text"),
        (
            "component: A\ninports:\n  a: { type: any }\n",
            "definition:3:6",
            "port `a` in `inports` has no `queue`",
        ),
        ("component: A\ninports:\n  a: b/c\n", "definition:3:6", "write `a: { queue: b/c }`"),
        ("component: A\noutports:\n- queue: b\n", "definition:3:3", "write `id: name`"),
        (
            "component: A\noutports:\n- { id: a, queue: b }\n- { id: a, queue: c }",
            "definition:4:3",
            "twice",
        ),
        ("component: A\ninports: 3", "definition:2:10", "is not a mapping of ports"),
        ("component: A\nlabel: [", "definition:2", "not YAML"),
        ("component: A\nlabel: \"x", "definition:2", "not YAML"),
        ("component: A\ncomponent: B", "definition:2", "component"),
    ];
    for (text, place, message) in cases {
        let error = Foreign::from_yaml(text).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(place) && shown.contains(message), "{text:?}:\n{shown}");
        assert!(matches!(error, Error::Text(_)));
    }
    let error = Foreign::read("/nowhere/thing.yml").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/thing.yml: "), "{error}");
}

#[test]
fn depth_does_no_harm() {
    for piece in ["[", "{a: ", "- ", "a:\n "] {
        let _ = Foreign::from_yaml(&piece.repeat(20_000));
    }
    let laughs: String =
        (1..30).map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)).collect();
    assert!(Foreign::from_yaml(&format!("a0: &a0 x\n{laughs}")).is_err());
}
