//! Reads the struct and its attributes. What is well written but makes no sense is left to
//! [`validate`](crate::validate).

use std::time::Duration;

use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Type};

pub(crate) use crate::options::Schema;
use crate::options::{INPORT_KEYS, Keys, OUTPORT_KEYS, Options, PARTICIPANT_KEYS, string};

/// The struct as it is written.
pub(crate) struct Participant<'a> {
    pub node: &'a DeriveInput,
    pub component: Option<LitStr>,
    pub label: Option<String>,
    pub icon: Option<LitStr>,
    /// What `msgflo` is called where this is expanded.
    pub krate: Option<Path>,
    pub fields: Vec<Field<'a>>,
}

/// A named field, with what is said of it as a port.
pub(crate) struct Field<'a> {
    pub name: &'a Ident,
    pub ty: &'a Type,
    pub inport: Option<Port<'a>>,
    pub outport: Option<Port<'a>>,
}

/// An `#[inport(…)]` or `#[outport(…)]`.
pub(crate) struct Port<'a> {
    pub attribute: &'a Attribute,
    pub keys: Keys,
    /// Whether all of it was understood; what was not, has been reported.
    pub understood: bool,
    pub process: Option<Path>,
    pub id: Option<LitStr>,
    pub queue: Option<LitStr>,
    pub port_type: Option<LitStr>,
    pub description: Option<String>,
    pub schema: Option<Schema>,
    pub hidden: bool,
    pub persistent: bool,
    pub concurrency: Option<u16>,
    pub attempts: Option<u32>,
    pub backoff: Option<(Duration, Duration)>,
    pub timeout: Option<Duration>,
    pub batch: Option<u16>,
    pub linger: Option<Duration>,
    pub blocking: bool,
    pub parallel: bool,
    pub ordered_by: Option<LitStr>,
    pub replies: bool,
    pub max_priority: Option<u8>,
    /// What the transport must be able to do.
    pub required: Vec<&'static str>,
}

/// Of outports: what the transport may be required to do.
const ABILITIES: &[&str] = &["headers", "delay", "expiry", "priority"];

impl<'a> Participant<'a> {
    pub fn read(node: &'a DeriveInput, errors: &mut Vec<Error>) -> Self {
        let mut options = Options::read(&node.attrs, "participant", PARTICIPANT_KEYS, errors);
        let mut component = None;
        let mut label = doc_paragraphs(&node.attrs).into_iter().next();
        let mut icon = None;
        let mut krate = None;
        if let Some((_, options)) = &mut options {
            component = options.text("component", errors);
            icon = options.text("icon", errors);
            krate = options.path("crate", errors);
            label = options.text("label", errors).map(|text| text.value()).or(label);
        }
        let fields = match &node.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => {
                    fields.named.iter().filter_map(|field| Field::read(field, errors)).collect()
                }
                Fields::Unnamed(_) | Fields::Unit => Vec::new(),
            },
            Data::Enum(_) | Data::Union(_) => Vec::new(),
        };
        Self { node, component, label, icon, krate, fields }
    }
}

impl<'a> Field<'a> {
    fn read(field: &'a syn::Field, errors: &mut Vec<Error>) -> Option<Self> {
        Some(Self {
            name: field.ident.as_ref()?,
            ty: &field.ty,
            inport: Port::read(&field.attrs, "inport", INPORT_KEYS, errors),
            outport: Port::read(&field.attrs, "outport", OUTPORT_KEYS, errors),
        })
    }
}

impl<'a> Port<'a> {
    fn read(
        attributes: &'a [Attribute],
        name: &str,
        keys: &[&str],
        errors: &mut Vec<Error>,
    ) -> Option<Self> {
        let reported = errors.len();
        let (attribute, mut options) = Options::read(attributes, name, keys, errors)?;
        let documented = || {
            let paragraphs = doc_paragraphs(attributes);
            (!paragraphs.is_empty()).then(|| paragraphs.join("\n\n"))
        };
        let mut port = Self {
            attribute,
            keys: options.keys(),
            understood: true,
            process: options.method("process", errors),
            id: options.text("id", errors),
            queue: options.text("queue", errors),
            port_type: options.text("type", errors),
            description: options
                .text("description", errors)
                .map(|text| text.value())
                .or_else(documented),
            schema: options.schema("schema", errors),
            hidden: options.flag("hidden", errors).unwrap_or(false),
            persistent: options.flag("persistent", errors).unwrap_or(true),
            concurrency: options.number("concurrency", u16::MAX.into(), 10, errors),
            attempts: options.number("attempts", u32::MAX, 5, errors),
            backoff: options.backoff("backoff", errors),
            timeout: options.duration("timeout", errors),
            batch: options.number("batch", u16::MAX.into(), 100, errors),
            linger: options.duration("linger", errors),
            blocking: options.flag("blocking", errors).unwrap_or(false),
            parallel: options.flag("parallel", errors).unwrap_or(false),
            ordered_by: options.text("ordered_by", errors),
            replies: options.flag("replies", errors).unwrap_or(false),
            max_priority: options.number("max_priority", u8::MAX.into(), 9, errors),
            required: ABILITIES
                .iter()
                .copied()
                .filter(|ability| options.required(ability, errors))
                .collect(),
        };
        port.understood = errors.len() == reported;
        Some(port)
    }
}

/// The doc comment's paragraphs, each on one line.
fn doc_paragraphs(attributes: &[Attribute]) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    let comments = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    for text in
        comments.filter_map(|comment| string(&comment.meta.require_name_value().ok()?.value))
    {
        let text = text.value();
        let block = text.contains('\n');
        for line in text.split('\n').map(str::trim) {
            // `/** … */` comes with the stars before its lines.
            let line = if block { line.trim_start_matches('*').trim_start() } else { line };
            match paragraphs.last_mut() {
                Some(paragraph) if !line.is_empty() => {
                    if !paragraph.is_empty() {
                        paragraph.push(' ');
                    }
                    paragraph.push_str(line);
                }
                _ => paragraphs.push(String::new()),
            }
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}
