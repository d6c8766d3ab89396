use serde_json::Value;

use super::Payload;

/// A payload whose type tells its JSON schema: what `#[inport(schema)]` and `#[outport(schema)]`
/// announce. With the feature `schema`, [`Json<T>`](super::Json) is one for each `T` that has
/// `schemars::JsonSchema`.
///
/// ```
/// # #[cfg(feature = "schema")] {
/// use msgflo_core::{Describe, Json};
///
/// #[derive(schemars::JsonSchema)]
/// struct Job {
///     width: u32,
/// }
/// assert_eq!(Json::<Job>::schema()["properties"]["width"]["type"], "integer");
/// # }
/// ```
#[cfg_attr(
    feature = "schema",
    diagnostic::on_unimplemented(
        message = "`{Self}` has no JSON schema",
        note = "`Json<T>` needs `T: schemars::JsonSchema`; for other payloads, give the text: `schema = \"…\"`"
    )
)]
#[cfg_attr(
    not(feature = "schema"),
    diagnostic::on_unimplemented(
        message = "a schema is made from the payload's type by the feature `schema` of msgflo",
        note = "write `msgflo = {{ …, features = [\"schema\"] }}` in Cargo.toml, or give the text: `schema = \"…\"`"
    )
)]
pub trait Describe: Payload {
    /// The JSON schema of what it carries.
    fn schema() -> Value;
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema + Send + 'static> Describe for super::Json<T> {
    fn schema() -> Value {
        schemars::schema_for!(T).to_value()
    }
}

#[cfg(all(test, feature = "schema"))]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::Json;

    #[test]
    fn a_schema_names_the_fields_and_those_that_are_required() {
        /// A photo to resize
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only described")]
        struct Job {
            url: String,
            width: Option<u32>,
        }
        let schema = Json::<Job>::schema();
        assert_eq!(schema["description"], "A photo to resize");
        assert_eq!(schema["properties"]["url"]["type"], "string");
        assert_eq!(schema["required"], serde_json::json!(["url"]));
    }
}
