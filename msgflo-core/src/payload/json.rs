use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{Decode, Encode, Payload, essence, is_unspecific};
use crate::{ErrorKind, Message, Result};

/// A value as JSON, which every MsgFlo participant in any language understands.
///
/// The announced port type follows from `T`: `bool` is `boolean`, integers `int`, floats
/// `number`, text `string`, sequences `array`, [`serde_json::Value`] `any`, the rest `object`.
/// `#[inport(type = "…")]` overrides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Json<T>(pub T);

impl<T: Send + 'static> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn port_type() -> &'static str {
        json_type(std::any::type_name::<T>())
    }

    fn accepts(content_type: &str) -> bool {
        let essence = essence(content_type).to_ascii_lowercase();
        is_unspecific(&essence)
            || matches!(essence.as_str(), "application/json" | "text/json")
            || essence.ends_with("+json")
    }
}

impl<T: DeserializeOwned + Send + 'static> Decode for Json<T> {
    fn decode(message: Message) -> Result<Self> {
        serde_json::from_slice(&message.payload)
            .map(Json)
            .map_err(|error| ErrorKind::Decode { format: "JSON", reason: error.to_string() }.into())
    }
}

impl<T: Serialize + Send + 'static> Encode for Json<T> {
    fn encode(self) -> Result<Bytes> {
        serde_json::to_vec(&self.0)
            .map(Bytes::from)
            .map_err(|error| ErrorKind::Encode { format: "JSON", reason: error.to_string() }.into())
    }
}

/// The port type of what serde makes of a Rust type. It goes by the type's name, since an
/// outport's type need not be readable: good enough for a label that can be overridden.
fn json_type(rust: &str) -> &'static str {
    let (head, inner) = match rust.split_once('<') {
        Some((head, rest)) => (head, rest.strip_suffix('>').unwrap_or(rest)),
        None => (rust, ""),
    };
    match head.rsplit("::").next().unwrap_or(head) {
        "bool" => "boolean",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "int",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "int",
        "f32" | "f64" | "Number" => "number",
        "String" | "str" | "char" | "&str" | "PathBuf" | "Uuid" | "Url" => "string",
        "Vec" | "VecDeque" | "HashSet" | "BTreeSet" | "LinkedList" => "array",
        "Value" if head.starts_with("serde_json") => "any",
        "Option" | "Box" | "Arc" | "Rc" | "Cow" => json_type(inner),
        _ if head.starts_with('[') => "array",
        _ if head.starts_with('(') && head != "()" => "array",
        _ => "object",
    }
}
