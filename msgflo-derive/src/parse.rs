//! Reads the struct and its attributes. What is well written but makes no sense is left to
//! [`validate`](crate::validate).

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, Fields, Ident, Lit, LitStr, Meta, Path,
    Token, Type, token,
};

/// The struct as it is written.
pub(crate) struct Participant<'a> {
    pub node: &'a DeriveInput,
    pub component: Option<LitStr>,
    pub label: Option<String>,
    pub icon: Option<LitStr>,
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
}

/// Where a port's schema comes from.
pub(crate) enum Schema {
    /// It is given: JSON, or a URL.
    Text(LitStr),
    /// The payload's type makes it. Spans the word `schema`.
    Generated(Span),
}

const PARTICIPANT_KEYS: &[&str] = &["component", "label", "icon"];
const INPORT_KEYS: &[&str] = &[
    "process",
    "id",
    "queue",
    "type",
    "description",
    "schema",
    "hidden",
    "persistent",
    "concurrency",
];
const OUTPORT_KEYS: &[&str] =
    &["id", "queue", "type", "description", "schema", "hidden", "persistent"];

impl<'a> Participant<'a> {
    pub fn read(node: &'a DeriveInput, errors: &mut Vec<Error>) -> Self {
        let mut options = Options::read(&node.attrs, "participant", PARTICIPANT_KEYS, errors);
        let mut component = None;
        let mut label = doc_paragraphs(&node.attrs).into_iter().next();
        let mut icon = None;
        if let Some((_, options)) = &mut options {
            component = options.text("component", errors);
            icon = options.text("icon", errors);
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
        Self { node, component, label, icon, fields }
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
            concurrency: options.number("concurrency", errors),
        };
        port.understood = errors.len() == reported;
        Some(port)
    }
}

/// `key` or `key = value`.
struct Pair {
    key: Ident,
    value: Option<Expr>,
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any).map_err(|error| {
            Error::new(error.span(), "expected an option by its name, as in `label = \"…\"`")
        })?;
        let key_text = key.unraw();
        if input.peek(token::Paren) {
            return Err(input.error(format!("write `{key_text} = …`")));
        }
        let value = match input.parse::<Option<Token![=]>>()? {
            None => None,
            Some(_) if input.is_empty() || input.peek(Token![,]) => {
                return Err(Error::new(key.span(), format!("`{key_text} =` lacks its value")));
            }
            Some(_) => Some(input.parse()?),
        };
        Ok(Self { key, value })
    }
}

/// The pairs of all attributes of one name; each is taken out by the kind of its value.
struct Options(Vec<Pair>);

impl Options {
    /// Also gives the first of the attributes; `None` if there is none.
    fn read<'a>(
        attributes: &'a [Attribute],
        name: &str,
        known: &[&str],
        errors: &mut Vec<Error>,
    ) -> Option<(&'a Attribute, Self)> {
        let mut first = None;
        let mut pairs: Vec<Pair> = Vec::new();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
            first.get_or_insert(attribute);
            let parsed = match &attribute.meta {
                Meta::Path(_) => continue,
                Meta::List(_) => {
                    attribute.parse_args_with(Punctuated::<Pair, Token![,]>::parse_terminated)
                }
                Meta::NameValue(_) => Err(Error::new_spanned(
                    attribute,
                    format!("write `#[{name}({} = …)]`", known[0]),
                )),
            };
            let parsed = match parsed {
                Ok(parsed) => parsed,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for pair in parsed {
                let key = pair.key.unraw();
                if !known.iter().any(|known| key == known) {
                    errors.push(Error::new(pair.key.span(), unknown(&key, name, known)));
                } else if pairs.iter().any(|other| other.key.unraw() == key) {
                    errors.push(Error::new(pair.key.span(), format!("`{key}` is given twice")));
                } else {
                    pairs.push(pair);
                }
            }
        }
        first.map(|attribute| (attribute, Self(pairs)))
    }

    fn take(&mut self, key: &str) -> Option<Pair> {
        let index = self.0.iter().position(|pair| pair.key.unraw() == key)?;
        Some(self.0.swap_remove(index))
    }

    /// Takes a pair out, if what it says can be understood.
    fn read_value<T>(
        &mut self,
        key: &str,
        errors: &mut Vec<Error>,
        expected: &str,
        understand: impl FnOnce(Option<&Expr>) -> Option<T>,
    ) -> Option<T> {
        let pair = self.take(key)?;
        let understood = understand(pair.value.as_ref().map(ungrouped));
        if understood.is_none() {
            let message = format!("`{key}` takes {expected}");
            errors.push(match pair.value {
                Some(value) => Error::new_spanned(value, message),
                None => Error::new(pair.key.span(), message),
            });
        }
        understood
    }

    fn text(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<LitStr> {
        let expected = format!("text in quotes: `{key} = \"…\"`");
        self.read_value(key, errors, &expected, |value| string(value?))
    }

    fn schema(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<Schema> {
        let span = self.0.iter().find(|pair| pair.key.unraw() == key)?.key.span();
        let expected = "JSON or a URL in quotes, or stands alone to be made from the payload's \
                        type: `schema = \"…\"` or `schema`";
        self.read_value(key, errors, expected, |value| match value {
            None => Some(Schema::Generated(span)),
            Some(value) => string(value).map(Schema::Text),
        })
    }

    fn flag(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<bool> {
        let expected = format!("no value, or `true` or `false`: `{key}` or `{key} = false`");
        self.read_value(key, errors, &expected, |value| match value {
            None => Some(true),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. })) => Some(flag.value),
            Some(_) => None,
        })
    }

    fn number(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<u16> {
        let expected = format!("a number from 1 to 65535: `{key} = 10`");
        self.read_value(key, errors, &expected, |value| match value? {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                number.base10_parse().ok().filter(|number| *number > 0)
            }
            _ => None,
        })
    }

    fn method(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<Path> {
        let expected = format!("the name of a method, without quotes: `{key} = resize`");
        self.read_value(key, errors, &expected, |value| match value? {
            Expr::Path(path) if path.qself.is_none() && path.attrs.is_empty() => {
                Some(path.path.clone())
            }
            _ => None,
        })
    }
}

fn unknown(key: &Ident, attribute: &str, known: &[&str]) -> String {
    if attribute == "outport" && (key == "process" || key == "concurrency") {
        return format!("an outport receives nothing: `{key}` is for `#[inport(…)]`");
    }
    let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
    format!("`#[{attribute}(…)]` has no `{key}`: it takes {}", known.join(", "))
}

/// Takes off the invisible brackets around what a `macro_rules!` macro passes on.
fn ungrouped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

fn string(expression: &Expr) -> Option<LitStr> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
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
