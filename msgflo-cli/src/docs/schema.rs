//! What a port carries, as an AsyncAPI schema.

use msgflo::PortDefinition;
use serde_json::{Map, Value, json};

/// The types that JSON Schema has.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
/// Where values stand, not schemas.
const VALUES: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// The port's schema as it was announced, or one for its type. It will be found at `place`.
pub fn of(port: &PortDefinition, place: &str) -> Value {
    match &port.schema {
        Some(Value::Object(schema)) => Value::Object(moved(schema, place)),
        // What JSON Schema writes as true and false, AsyncAPI takes within schemas only.
        Some(Value::Bool(true)) => json!({}),
        Some(Value::Bool(false)) => json!({ "not": {} }),
        Some(Value::String(url)) if url::Url::parse(url).is_ok() => json!({ "$ref": url }),
        _ => of_type(&port.port_type),
    }
}

fn of_type(port_type: &str) -> Value {
    match port_type {
        "int" | "integer" => json!({ "type": "integer" }),
        "boolean" | "number" | "string" | "object" | "array" => json!({ "type": port_type }),
        "buffer" => json!({ "type": "string", "format": "binary" }),
        "any" | "all" | "" => json!({}),
        other => json!({ "description": format!("of type {other}") }),
    }
}

/// The schema with references into itself that hold where it stands now, and without what would
/// make the document invalid.
fn moved(schema: &Map<String, Value>, place: &str) -> Map<String, Value> {
    let mut moved = Map::new();
    for (key, value) in schema {
        let value = match (key.as_str(), value) {
            // The document's references would be relative to it.
            ("$id" | "$anchor" | "$dynamicAnchor", Value::String(_)) => continue,
            ("$ref", Value::String(target)) if target.starts_with('#') => {
                format!("{place}{}", &target[1..]).into()
            }
            // JSON Schema before draft 4.
            ("required", Value::Bool(_)) => continue,
            // Some announce the type of a port here.
            ("type", Value::String(name)) if !TYPES.contains(&name.as_str()) => continue,
            (key, value) if VALUES.contains(&key) => value.clone(),
            (_, value) => move_within(value, place),
        };
        moved.insert(key.clone(), value);
    }
    moved
}

fn move_within(value: &Value, place: &str) -> Value {
    match value {
        Value::Object(schema) => moved(schema, place).into(),
        Value::Array(schemas) => schemas.iter().map(|it| move_within(it, place)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(port_type: &str, schema: Option<Value>) -> Value {
        let port = PortDefinition { port_type: port_type.into(), schema, ..Default::default() };
        of(&port, "#/components/schemas/x")
    }

    #[test]
    fn references_within_a_schema_hold_in_the_document() {
        let schema = json!({
            "$id": "https://example.org/job",
            "properties": { "size": { "$ref": "#/$defs/Size" }, "next": { "$ref": "#" }, "old": { "required": true },
                            "other": { "$ref": "https://example.org/other" } },
            "$defs": { "Size": { "type": "any", "default": { "$ref": "#a", "type": "any" } } },
        });
        assert_eq!(
            port("object", Some(schema)),
            json!({
                "properties": { "size": { "$ref": "#/components/schemas/x/$defs/Size" },
                                "next": { "$ref": "#/components/schemas/x" }, "old": {},
                                "other": { "$ref": "https://example.org/other" } },
                "$defs": { "Size": { "default": { "$ref": "#a", "type": "any" } } },
            })
        );
    }

    #[test]
    fn without_a_schema_the_type_tells() {
        assert_eq!(port("int", None), json!({ "type": "integer" }));
        assert_eq!(port("buffer", Some(json!(7))), json!({ "type": "string", "format": "binary" }));
        assert_eq!(port("any", None), json!({}));
        assert_eq!(port("int", Some(json!(true))), json!({}));
        assert_eq!(port("bang", None), json!({ "description": "of type bang" }));
        let url = json!("https://example.org/job.json");
        assert_eq!(port("object", Some(url.clone())), json!({ "$ref": url }));
    }
}
