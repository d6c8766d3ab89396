//! What the grammar's rules make of the text: the actions of the reference's grammar.

use std::collections::HashMap;
use std::ops::Range;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::error::did_you_mean;
use crate::graph::LooseEnds;
use crate::nearest::nearest;
use crate::{Connection, Endpoint, Error, Export, Graph, Result, Source};

/// What is known so far.
///
/// It stays when the parser goes back and tries another alternative, as in the reference.
#[derive(Debug)]
pub(super) struct Builder {
    graph: Graph,
    default_inport: String,
    default_outport: String,
    /// Where the nodes got their components.
    places: HashMap<String, Range<usize>>,
    /// Names of nodes without a name, by where they stand.
    anonymous: HashMap<usize, String>,
    /// How many of them have each component.
    numbers: HashMap<String, usize>,
    /// Where they get their nodes. Of several with one name, the last counts.
    inport_nodes: IndexMap<String, Name>,
    outport_nodes: IndexMap<String, Name>,
    chains: Vec<Vec<Element>>,
    /// The furthest place at which something was expected.
    furthest: usize,
    expected: Vec<&'static str>,
    /// What a line could begin with there: told only if nothing else is expected.
    expected_first: Vec<&'static str>,
    failure: Option<(usize, String)>,
}

/// One link of a chain: `IN node OUT`, or a part of it.
#[derive(Debug)]
pub(super) struct Element {
    pub target: Option<End>,
    pub source: Option<Feed>,
}

/// What stands before an arrow.
#[derive(Debug)]
pub(super) enum Feed {
    Port(End),
    Value(Value, Range<usize>),
}

/// A port of a node, and where it is told of.
#[derive(Debug)]
pub(super) struct End {
    endpoint: Endpoint,
    /// Whether the port is written, or the default.
    written: bool,
    place: Range<usize>,
}

/// A node's name, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub name: String,
    pub place: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Port {
    pub name: String,
    pub index: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Component {
    pub name: String,
    pub metadata: Option<String>,
}

impl Builder {
    pub fn new(case_sensitive: bool) -> Self {
        Self {
            graph: Graph { case_sensitive, ..Graph::default() },
            default_inport: "IN".into(),
            default_outport: "OUT".into(),
            places: HashMap::new(),
            anonymous: HashMap::new(),
            numbers: HashMap::new(),
            inport_nodes: IndexMap::new(),
            outport_nodes: IndexMap::new(),
            chains: Vec::new(),
            furthest: 0,
            expected: Vec::new(),
            expected_first: Vec::new(),
            failure: None,
        }
    }

    pub fn add_node(&mut self, name: &Name, component: Component) {
        let process = self.graph.processes.entry(name.name.clone()).or_default();
        self.places.entry(name.name.clone()).or_insert_with(|| name.place.clone());
        if !component.name.is_empty() {
            process.component = component.name;
        }
        if let Some(text) = component.metadata {
            process.metadata = metadata(&text);
        }
    }

    pub fn add_anonymous_node(&mut self, component: Component, place: Range<usize>) -> Name {
        if let Some(name) = self.anonymous.get(&place.start) {
            return Name { name: name.clone(), place };
        }
        let kind = first_run_replaced(&component.name);
        let number = self.numbers.entry(kind.clone()).or_default();
        *number += 1;
        let name = Name { name: format!("_{kind}_{number}"), place: place.clone() };
        self.anonymous.insert(place.start, name.name.clone());
        self.add_node(&name, component);
        name
    }

    pub fn inport(&self, node: &Name, port: Option<Port>) -> End {
        self.end(node, port, &self.default_inport)
    }

    pub fn outport(&self, node: &Name, port: Option<Port>) -> End {
        self.end(node, port, &self.default_outport)
    }

    fn end(&self, node: &Name, port: Option<Port>, default: &str) -> End {
        let written = port.is_some();
        let port = port.unwrap_or_else(|| Port { name: default.to_owned(), index: None });
        End {
            endpoint: Endpoint {
                process: node.name.clone(),
                port: self.cased(port.name),
                index: port.index,
            },
            written,
            place: node.place.clone(),
        }
    }

    pub fn export(&mut self, inport: bool, name: String, node: Name, port: String) {
        let (name, port) = (self.cased(name), self.cased(port));
        let export = Export { process: node.name.clone(), port, metadata: Map::new() };
        if inport {
            self.inport_nodes.insert(name.clone(), node);
            self.graph.inports.insert(name, export);
        } else {
            self.outport_nodes.insert(name.clone(), node);
            self.graph.outports.insert(name, export);
        }
    }

    pub fn set_default_port(&mut self, inport: bool, name: String) {
        if inport {
            self.default_inport = name;
        } else {
            self.default_outport = name;
        }
    }

    pub fn annotate(&mut self, key: &str, value: &str) {
        let (key, value) = match key {
            "runtime" => ("environment", json!({ "type": value })),
            _ => (key, Value::from(value)),
        };
        self.graph.properties.insert(key.into(), value);
    }

    pub fn chain(&mut self, chain: Vec<Element>) {
        self.chains.push(chain);
    }

    fn cased(&self, port: String) -> String {
        if self.graph.case_sensitive { port } else { port.to_lowercase() }
    }

    pub fn expected(&mut self, at: usize, what: &'static str) {
        if self.go_to(at) && !self.expected.contains(&what) {
            self.expected.push(what);
        }
    }

    pub fn expected_first(&mut self, at: usize, what: &'static str) {
        if self.go_to(at) && !self.expected_first.contains(&what) {
            self.expected_first.push(what);
        }
    }

    /// Whether this is at least as far as anything was expected.
    fn go_to(&mut self, at: usize) -> bool {
        if at > self.furthest {
            self.furthest = at;
            self.expected.clear();
            self.expected_first.clear();
        }
        at == self.furthest
    }

    pub fn fail(&mut self, at: usize, message: String) {
        self.failure = Some((at, message));
    }

    /// Why the text cannot be read: where, what is wrong, and what helps.
    pub fn complaint(&self) -> (Range<usize>, String, Option<String>) {
        if let Some((at, message)) = &self.failure {
            return (*at..*at, message.clone(), None);
        }
        let expected = if self.expected.is_empty() { &self.expected_first } else { &self.expected };
        let message = match expected.split_last() {
            None => "this is not .fbp".to_owned(),
            Some((last, [])) => format!("expected {last}"),
            Some((last, others)) => format!("expected {} or {last}", others.join(", ")),
        };
        let help = expected.contains(&"`)`").then(|| {
            "a component has letters, digits, `/`, `-` and `_`; \
             metadata behind it has letters, digits, `/` and `_`, as in (Component:x=10,y=20)"
                .to_owned()
        });
        (self.furthest..self.furthest, message, help)
    }

    /// Connects what is chained, and checks that all nodes exist.
    pub fn finish(mut self, text: &str, file: &str) -> Result<Graph> {
        let fail = |place: &Range<usize>, message: String, help: Option<String>| {
            Err(Error::text(file, text, place.clone(), message, help))
        };
        for (name, process) in &self.graph.processes {
            if process.component.is_empty() {
                let place = self.places.get(name).cloned().unwrap_or_default();
                let message = format!("`{name}`{MISSING}");
                return fail(&place, message, Some(format!("write `{name}(Component)` once")));
            }
        }
        let inports = self.inport_nodes.iter().map(|export| ("inport", export));
        let outports = self.outport_nodes.iter().map(|export| ("outport", export));
        for (direction, (export, node)) in inports.chain(outports) {
            if !self.graph.processes.contains_key(&node.name) {
                let message = format!("{direction} `{export}`: node `{}`{MISSING}", node.name);
                return fail(&node.place, message, Some(self.help(&node.name)));
            }
        }
        for chain in std::mem::take(&mut self.chains) {
            if let Err(node) = self.connect(chain, text) {
                let message = format!("`{}`{MISSING}", node.name);
                return fail(&node.place, message, Some(self.help(&node.name)));
            }
        }
        Ok(self.graph)
    }

    /// Fails with a node that does not exist.
    fn connect(&mut self, chain: Vec<Element>, text: &str) -> Result<(), Name> {
        let mut feed: Option<Feed> = None;
        let single = chain.len() == 1;
        for Element { target, source } in chain {
            match (feed.take(), target) {
                (Some(feed), Some(end)) => {
                    self.check(&end)?;
                    let source = match feed {
                        Feed::Port(end) => {
                            self.check(&end)?;
                            Source::Port(end.endpoint)
                        }
                        Feed::Value(value, _) => Source::Value(value),
                    };
                    let connection =
                        Connection { source, target: end.endpoint, metadata: Map::new() };
                    self.graph.connections.push(connection);
                }
                (Some(_), None) => self.remark_gap(source.as_ref(), text),
                // The node at the beginning, which nothing leads to.
                (None, Some(end)) => {
                    let declared = self.graph.processes.contains_key(&end.endpoint.process);
                    if end.written || single && !declared {
                        self.remark(
                            &end.place,
                            "is connected to nothing: is an arrow missing?",
                            text,
                        );
                    }
                }
                (None, None) => {}
            }
            feed = source;
        }
        Ok(())
    }

    fn check(&self, end: &End) -> Result<(), Name> {
        let name = &end.endpoint.process;
        if self.graph.processes.contains_key(name) {
            return Ok(());
        }
        Err(Name { name: name.clone(), place: end.place.clone() })
    }

    /// In the middle of a chain, the reference takes `node` and `IN node` for the beginning of a
    /// new one.
    fn remark_gap(&mut self, source: Option<&Feed>, text: &str) {
        match source {
            Some(Feed::Port(end)) => {
                let place = end.place.clone();
                let why = "is in the middle of a chain, where a node needs both ports \
                           (`IN node OUT`) or its component: the arrow before it is ignored";
                self.remark(&place, why, text);
            }
            Some(Feed::Value(_, place)) => {
                self.remark(&place.clone(), "is a value: the arrow before it is ignored", text);
            }
            None => {}
        }
    }

    fn remark(&mut self, place: &Range<usize>, what: &str, text: &str) {
        let line = text[..place.start].matches('\n').count() + 1;
        let LooseEnds(remarks) = &mut self.graph.loose_ends;
        remarks.push(format!("line {line}: `{}` {what}", &text[place.clone()]));
    }

    fn help(&self, name: &str) -> String {
        let nearest = nearest(name, self.graph.processes.keys().map(String::as_str));
        match nearest {
            Some(_) => format!("`{name}`{}", did_you_mean(&nearest)),
            None => format!("write `{name}(Component)` once"),
        }
    }
}

const MISSING: &str = " has no component";

/// `key=value,flag` as the reference takes it apart.
fn metadata(text: &str) -> Map<String, Value> {
    text.split(',')
        .map(|pair| {
            let mut parts = pair.split('=');
            let first = parts.next().unwrap_or_default();
            let (key, value) = match parts.next() {
                Some(value) => (first, value),
                None => ("routes", first),
            };
            let value = match key {
                "x" | "y" => number(leading_number(value)),
                _ => Value::from(value),
            };
            (key.to_owned(), value)
        })
        .collect()
}

/// What JavaScript's `parseFloat` makes of letters and digits.
fn leading_number(text: &str) -> f64 {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let exponent = match text[whole..].strip_prefix(['e', 'E']) {
        Some(rest) if whole > 0 && digits(rest) > 0 => 1 + digits(rest),
        _ => 0,
    };
    text[..whole + exponent].parse().unwrap_or(f64::NAN)
}

/// A number as JavaScript writes it to JSON: integers without a point, and null for what is none.
pub(super) fn number(number: f64) -> Value {
    let digits = number.to_string();
    if let Ok(integer) = digits.parse::<i64>() {
        return integer.into();
    }
    match digits.parse::<u64>() {
        Ok(integer) => integer.into(),
        Err(_) => number.into(),
    }
}

/// Only the first run of other characters becomes `_`.
fn first_run_replaced(component: &str) -> String {
    let other = |c: char| !c.is_ascii_alphanumeric();
    match component.split_once(other) {
        Some((before, after)) => format!("{before}_{}", after.trim_start_matches(other)),
        None => component.to_owned(),
    }
}
