//! The options of an attribute: `key` and `key = value`, taken out by the kind of their values.

use std::time::Duration;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Token, token};

/// Brokers count milliseconds in 32 bits.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 3600);

pub(crate) const PARTICIPANT_KEYS: &[&str] = &["component", "label", "icon", "crate"];
pub(crate) const INPORT_KEYS: &[&str] = &[
    "process",
    "id",
    "queue",
    "type",
    "description",
    "schema",
    "hidden",
    "persistent",
    "concurrency",
    "attempts",
    "backoff",
    "timeout",
    "batch",
    "linger",
    "blocking",
    "parallel",
    "ordered_by",
    "replies",
    "max_priority",
];
pub(crate) const OUTPORT_KEYS: &[&str] = &[
    "id",
    "queue",
    "type",
    "description",
    "schema",
    "hidden",
    "persistent",
    "headers",
    "delay",
    "expiry",
    "priority",
];

/// Where a port's schema comes from.
pub(crate) enum Schema {
    /// It is given: JSON, or a URL.
    Text(LitStr),
    /// The payload's type makes it. Spans the word `schema`.
    Generated(Span),
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
pub(crate) struct Options(Vec<Pair>);

/// Where each key stands.
pub(crate) struct Keys(Vec<Ident>);

impl Keys {
    /// Where a key stands, if it is there.
    pub(crate) fn span(&self, key: &str) -> Option<Span> {
        self.0.iter().find(|known| known.unraw() == key).map(Ident::span)
    }
}

impl Options {
    /// Also gives the first of the attributes; `None` if there is none.
    pub(crate) fn read<'a>(
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

    pub(crate) fn keys(&self) -> Keys {
        Keys(self.0.iter().map(|pair| pair.key.clone()).collect())
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

    pub(crate) fn text(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<LitStr> {
        let expected = format!("text in quotes: `{key} = \"…\"`");
        self.read_value(key, errors, &expected, |value| string(value?))
    }

    pub(crate) fn schema(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<Schema> {
        let span = self.0.iter().find(|pair| pair.key.unraw() == key)?.key.span();
        let expected = "JSON or a URL in quotes, or stands alone to be made from the payload's \
                        type: `schema = \"…\"` or `schema`";
        self.read_value(key, errors, expected, |value| match value {
            None => Some(Schema::Generated(span)),
            Some(value) => string(value).map(Schema::Text),
        })
    }

    pub(crate) fn flag(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<bool> {
        let expected = format!("no value, or `true` or `false`: `{key}` or `{key} = false`");
        self.read_value(key, errors, &expected, |value| match value {
            None => Some(true),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. })) => Some(flag.value),
            Some(_) => None,
        })
    }

    /// A number from 1 to `most`.
    pub(crate) fn number<N: TryFrom<u32>>(
        &mut self,
        key: &str,
        most: u32,
        example: u32,
        errors: &mut Vec<Error>,
    ) -> Option<N> {
        let expected = format!("a number from 1 to {most}: `{key} = {example}`");
        self.read_value(key, errors, &expected, |value| match value? {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                let number = number.base10_parse().ok()?;
                (1..=most).contains(&number).then(|| N::try_from(number).ok())?
            }
            _ => None,
        })
    }

    /// A time of more than nothing.
    pub(crate) fn duration(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<Duration> {
        let text = self.text(key, errors)?;
        match humantime::parse_duration(text.value().trim()) {
            Ok(duration) if !duration.is_zero() && duration <= LONGEST => Some(duration),
            Ok(duration) if duration.is_zero() => {
                let message =
                    format!("no time at all is too short for `{key}`: give more, or take it away");
                errors.push(Error::new_spanned(text, message));
                None
            }
            Ok(_) => {
                errors.push(Error::new_spanned(text, format!("`{key}` is longer than 24 days")));
                None
            }
            Err(error) => {
                let message = format!("this is not a time ({error}): write `{key} = \"60s\"`");
                errors.push(Error::new_spanned(text, message));
                None
            }
        }
    }

    /// Two times, the shorter one first, or one.
    pub(crate) fn backoff(
        &mut self,
        key: &str,
        errors: &mut Vec<Error>,
    ) -> Option<(Duration, Duration)> {
        let text = self.text(key, errors)?;
        let value = text.value();
        let (shortest, longest) = value.split_once("..").unwrap_or((&value, &value));
        let parse = |text: &str| humantime::parse_duration(text.trim());
        match (parse(shortest), parse(longest)) {
            (Ok(shortest), Ok(longest)) if shortest > longest => {
                let message = "this backoff is upside down: write the shorter pause first, as in `backoff = \"1s..5m\"`";
                errors.push(Error::new_spanned(text, message));
                None
            }
            (Ok(_), Ok(longest)) if longest > LONGEST => {
                errors.push(Error::new_spanned(text, "no pause is longer than 24 days"));
                None
            }
            (Ok(shortest), Ok(longest)) => Some((shortest, longest)),
            (Err(error), _) | (_, Err(error)) => {
                let message = format!(
                    "this is not a time ({error}): write `backoff = \"1s..5m\"` or `backoff = \"5s\"`"
                );
                errors.push(Error::new_spanned(text, message));
                None
            }
        }
    }

    /// The word `required`.
    pub(crate) fn required(&mut self, key: &str, errors: &mut Vec<Error>) -> bool {
        let expected = format!("the word `required`, without quotes: `{key} = required`");
        let understood = self.read_value(key, errors, &expected, |value| match value? {
            Expr::Path(path) if path.path.is_ident("required") => Some(()),
            _ => None,
        });
        understood.is_some()
    }

    /// The path of a crate, in quotes.
    pub(crate) fn path(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<Path> {
        let text = self.text(key, errors)?;
        let parsed = text.parse_with(Path::parse_mod_style);
        parsed
            .map_err(|_| {
                let message = format!(
                    "`{key}` takes the name that this crate has here: `{key} = \"msgflo\"`"
                );
                errors.push(Error::new_spanned(&text, message));
            })
            .ok()
    }

    pub(crate) fn method(&mut self, key: &str, errors: &mut Vec<Error>) -> Option<Path> {
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
    if attribute == "outport" && INPORT_KEYS.iter().any(|known| key == known) {
        return format!("an outport receives nothing: `{key}` is for `#[inport(…)]`");
    }
    if attribute == "inport" && OUTPORT_KEYS.iter().any(|known| key == known) {
        return format!("an inport sends nothing: `{key}` is for `#[outport(…)]`");
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

pub(crate) fn string(expression: &Expr) -> Option<LitStr> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}
