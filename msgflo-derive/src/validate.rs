//! Checks that what was read makes a participant, and says what to write where it does not.

mod combinations;

use std::collections::{HashMap, HashSet};

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, Error, Fields, GenericArgument, Ident, LitStr, Path, PathArguments, Type};

use crate::parse::{Field, Participant, Port};

/// A field that is a port, and can be one.
pub(crate) struct ValidPort<'a> {
    pub field: &'a Ident,
    pub id: String,
    pub payload: &'a Type,
    pub port: &'a Port<'a>,
    pub direction: Direction<'a>,
}

pub(crate) enum Direction<'a> {
    /// Messages are received, and handed to the method; answers to requests need none.
    In(Option<&'a Path>),
    /// Messages are sent.
    Out,
}

/// The ports in the order of their fields.
pub(crate) fn ports<'a>(
    participant: &'a Participant<'a>,
    errors: &mut Vec<Error>,
) -> Vec<ValidPort<'a>> {
    check_struct(participant, errors);
    check_ids(participant, errors);
    participant.fields.iter().filter_map(|field| valid_port(field, errors)).collect()
}

fn check_struct(participant: &Participant<'_>, errors: &mut Vec<Error>) {
    let node = participant.node;
    match &node.data {
        Data::Struct(data) => {
            if let Fields::Unnamed(fields) = &data.fields {
                errors.push(Error::new_spanned(
                    fields,
                    "a participant's ports are named by their fields: write \
                     `struct Name { … }`, or `struct Name;` for one without ports",
                ));
            }
        }
        Data::Enum(data) => errors.push(Error::new(
            data.enum_token.span(),
            "a participant is a struct, not an enum: put the enum into a field",
        )),
        Data::Union(data) => errors.push(Error::new(
            data.union_token.span(),
            "a participant is a struct, not a union: put the union into a field",
        )),
    }
    for lifetime in node.generics.lifetimes() {
        errors.push(Error::new_spanned(
            lifetime,
            "a participant lives as long as it runs, and cannot borrow: own what is borrowed",
        ));
    }
    check_not_empty("component", &participant.component, errors);
    check_not_empty("icon", &participant.icon, errors);
}

/// Graphs name ports without regard to case, and so does this.
fn check_ids(participant: &Participant<'_>, errors: &mut Vec<Error>) {
    let mut ids = HashSet::new();
    let mut default_queues = HashMap::new();
    let mut queues = HashSet::new();
    for field in &participant.fields {
        if field.inport.is_some() && field.outport.is_some() {
            continue;
        }
        for (what, port) in [("inport", &field.inport), ("outport", &field.outport)] {
            let Some(port) = port else { continue };
            let id = port_id(field, port);
            let span = port.id.as_ref().map_or(field.name.span(), LitStr::span);
            if !ids.insert((what, id.to_lowercase())) {
                errors.push(Error::new(
                    span,
                    format!(
                        "there is another {what} `{id}` (capitals make no difference): give one \
                         of them another name, or `#[{what}(id = \"…\")]`"
                    ),
                ));
            }
            if let (Some(queue), "inport") = (&port.queue, what)
                && !queues.insert(queue.value())
            {
                errors.push(Error::new_spanned(
                    queue,
                    "another inport has this queue, and the two would take each other's messages: give one of them another `queue`",
                ));
            }
            if port.queue.is_some() || port.hidden {
                continue;
            }
            let other = *default_queues.entry(id.to_lowercase()).or_insert(what);
            if other != what {
                errors.push(Error::new(
                    span,
                    format!(
                        "{what} `{id}` would have the same queue as the {other}, and the \
                         participant receive what it sends: give one of them another name or \
                         `id`, or a `queue` of its own"
                    ),
                ));
            }
        }
    }
}

fn port_id(field: &Field<'_>, port: &Port<'_>) -> String {
    port.id.as_ref().map_or_else(|| field.name.unraw().to_string(), LitStr::value)
}

fn valid_port<'a>(field: &'a Field<'a>, errors: &mut Vec<Error>) -> Option<ValidPort<'a>> {
    let name = field.name;
    let (port, what, wrapper) = match (&field.inport, &field.outport) {
        (Some(_), Some(outport)) => {
            errors.push(Error::new_spanned(
                outport.attribute,
                format!("`{name}` cannot be both an inport and an outport: make two fields of it"),
            ));
            return None;
        }
        (Some(inport), None) => (inport, "inport", "Inport"),
        (None, Some(outport)) => (outport, "outport", "Outport"),
        (None, None) => {
            check_is_state(field, errors);
            return None;
        }
    };
    check_not_empty("id", &port.id, errors);
    check_not_empty("queue", &port.queue, errors);
    check_not_empty("type", &port.port_type, errors);
    check_not_empty("ordered_by", &port.ordered_by, errors);
    combinations::check(port, errors);
    let direction = match (what, &port.process) {
        ("outport", _) => Some(Direction::Out),
        (_, Some(process)) => Some(Direction::In(Some(process))),
        (_, None) if port.replies => Some(Direction::In(None)),
        (_, None) => {
            if port.understood {
                errors.push(Error::new_spanned(
                    port.attribute,
                    "name the method that each message is handed to: `#[inport(process = resize)]`",
                ));
            }
            None
        }
    };
    let payload = payload(field, what, wrapper, errors);
    let (direction, payload) = (direction?, payload?);
    Some(ValidPort { field: name, id: port_id(field, port), payload, port, direction })
}

/// `P` of `Inport<P>` or `Outport<P>`.
fn payload<'a>(
    field: &'a Field<'a>,
    attribute: &str,
    wrapper: &str,
    errors: &mut Vec<Error>,
) -> Option<&'a Type> {
    let message = match port_type(field.ty) {
        Some((last, Some(payload))) if last == wrapper => return Some(payload),
        Some((last, None)) if last == wrapper => {
            format!("say what the port carries: `{wrapper}<Json<T>>`")
        }
        _ => format!(
            "`#[{attribute}]` is for a field of type `{wrapper}<P>`: write `{}: {wrapper}<…>`, \
             or take the attribute away",
            field.name
        ),
    };
    errors.push(Error::new_spanned(field.ty, message));
    None
}

fn check_is_state(field: &Field<'_>, errors: &mut Vec<Error>) {
    let attribute = match port_type(field.ty) {
        Some((last, _)) if last == "Inport" => "#[inport(process = method)]",
        Some((last, _)) if last == "Outport" => "#[outport]",
        _ => return,
    };
    errors.push(Error::new_spanned(
        field.ty,
        format!("this port is not connected: write `{attribute}` above `{}`", field.name),
    ));
}

fn check_not_empty(key: &str, value: &Option<LitStr>, errors: &mut Vec<Error>) {
    if let Some(text) = value
        && text.value().trim().is_empty()
    {
        errors.push(Error::new_spanned(
            text,
            format!("`{key}` must not be empty: fill it in, or take it away for the default"),
        ));
    }
}

/// The last segment of a type's path, and its type argument where it has just one.
fn port_type(ty: &Type) -> Option<(&Ident, Option<&Type>)> {
    match ty {
        Type::Group(group) => port_type(&group.elem),
        Type::Paren(paren) => port_type(&paren.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let payload = match &last.arguments {
                PathArguments::AngleBracketed(list) if list.args.len() == 1 => {
                    match list.args.first() {
                        Some(GenericArgument::Type(payload)) => Some(payload),
                        _ => None,
                    }
                }
                _ => None,
            };
            Some((&last.ident, payload))
        }
        _ => None,
    }
}
