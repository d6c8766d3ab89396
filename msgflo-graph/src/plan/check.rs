//! Checks of what can be set up and is yet doubtful.

use indexmap::IndexMap;
use serde_json::Value;

use super::{End, Kind, Planner};

impl Planner<'_> {
    /// Whether what one port sends fits what the other takes, if both told.
    pub(super) fn check_types(&mut self, source: &End, target: &End) {
        let (Some(sent), Some(taken)) = (&source.port_type, &target.port_type) else { return };
        if !fits(sent, taken) {
            self.warn(format!(
                "`{} {} -> {} {}`: {sent} is sent, and {taken} is taken",
                source.role,
                source.port.to_uppercase(),
                target.port.to_uppercase(),
                target.role
            ));
        }
    }

    pub(super) fn check_value(&mut self, target: &End, value: &Value) {
        let Some(taken) = &target.port_type else { return };
        let (sent, hint) = match value {
            Value::Null => return,
            Value::Bool(_) => ("boolean", None),
            Value::Number(number) if number.is_f64() => ("number", None),
            Value::Number(_) => ("int", None),
            Value::String(text) => {
                let unquoted: Option<Value> = serde_json::from_str(text).ok();
                ("string", unquoted.filter(|value| !value.is_string()))
            }
            Value::Array(_) => ("array", None),
            Value::Object(_) => ("object", None),
        };
        // There is no other way to write bytes.
        if fits(sent, taken) || (sent == "string" && taken.eq_ignore_ascii_case("buffer")) {
            return;
        }
        let hint = hint.map_or_else(String::new, |value| format!(": write {value} without quotes"));
        let (role, port) = (&target.role, target.port.to_uppercase());
        self.warn(format!(
            "`{value} -> {port} {role}`: {sent} is sent, and {taken} is taken{hint}"
        ));
    }

    /// Whether roles are played by the components that the graph says.
    pub(super) fn check_components(&mut self) {
        let base = |component: &str| component.rsplit('/').next().map(str::to_lowercase);
        for (role, process) in &self.graph.processes {
            let Some(definition) = self.announced.role(role) else { continue };
            if self.kind(role) == Some(Kind::Participant)
                && base(&definition.component) != base(&process.component)
            {
                self.warn(format!(
                    "role `{role}` is run by `{}`, and the graph says `{}`",
                    definition.component, process.component
                ));
            }
        }
    }

    /// Notes each cycle, by the edge that closes it. Edges from a role to itself are told of
    /// already.
    pub(super) fn check_cycles(&mut self) {
        let mut next: IndexMap<&str, Vec<&str>> = IndexMap::new();
        let edges = self.plan.edges.iter().map(|edge| (&edge.source, &edge.target));
        let shared = self.plan.round_robins.iter().filter_map(|round_robin| {
            round_robin.source.as_ref().map(|source| (source, &round_robin.target))
        });
        for (source, target) in edges.chain(shared) {
            let targets = next.entry(&source.role).or_default();
            if source.role != target.role && !targets.contains(&target.role.as_str()) {
                targets.push(&target.role);
            }
        }
        let mut cycles = Vec::new();
        // Depth first, without recursion: whether a role is done, or its place on the path.
        let mut done: IndexMap<&str, bool> = IndexMap::new();
        for &start in next.keys() {
            if done.contains_key(start) {
                continue;
            }
            let mut path = vec![(start, 0)];
            done.insert(start, false);
            while let Some((role, tried)) = path.last_mut() {
                let target = next.get(role).and_then(|targets| targets.get(*tried)).copied();
                *tried += 1;
                match target {
                    None => {
                        done.insert(role, true);
                        path.pop();
                    }
                    Some(target) => match done.get(target) {
                        Some(true) => {}
                        Some(false) => {
                            let roles = path.iter().map(|(role, _)| *role);
                            let cycle: Vec<&str> =
                                roles.skip_while(|role| *role != target).collect();
                            cycles.push(format!("{} -> {target}", cycle.join(" -> ")));
                        }
                        None => {
                            done.insert(target, false);
                            path.push((target, 0));
                        }
                    },
                }
            }
        }
        for cycle in cycles {
            self.note(format!("{cycle} is a cycle; that is legal, if its messages come to an end"));
        }
    }
}

/// Whether a port that takes the one type can take the other.
fn fits(sent: &str, taken: &str) -> bool {
    let (sent, taken) = (sent.to_lowercase(), taken.to_lowercase());
    sent == taken || sent == "any" || taken == "any" || (sent == "int" && taken == "number")
}
