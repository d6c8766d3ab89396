//! The grammar. It follows the reference's grammar/fbp.peg rule by rule, and tries alternatives
//! in its order: what that accepts, and what it takes it for, depends on both.

use serde::Deserialize;
use serde_json::Value;
use winnow::Parser;
use winnow::combinator::{alt, cut_err, delimited, opt, preceded, repeat, terminated};
use winnow::error::{EmptyError, ErrMode};
use winnow::stream::{LocatingSlice, Location, Stateful, Stream};
use winnow::token::{literal, one_of, take_while};

use super::build::{Builder, Component, Element, Feed, Name, Port};
use crate::error::{json_message, offset};
use crate::{Error, Graph, Result};

type Input<'a> = Stateful<LocatingSlice<&'a str>, Builder>;
type Failure = ErrMode<EmptyError>;
type Parsed<T> = Result<T, Failure>;

/// Reads `text`, which errors call `file`.
pub(crate) fn parse(text: &str, file: &str, case_sensitive: bool) -> Result<Graph> {
    let builder = Builder::new(case_sensitive);
    let mut input = Input { input: LocatingSlice::new(text), state: builder };
    let lines: Parsed<()> = repeat(0.., line).parse_next(&mut input);
    if lines.is_err() || !input.input.is_empty() {
        let (place, message, help) = input.state.complaint();
        let help = match &text[place.start..] {
            rest if rest.starts_with('\t') => Some("write spaces instead of this tab".into()),
            "" if text.ends_with(' ') => Some("end the last line, or remove its spaces".into()),
            _ => help,
        };
        return Err(Error::text(file, text, place, message, help));
    }
    input.state.finish(text, file)
}

fn line(input: &mut Input<'_>) -> Parsed<()> {
    let blank = (spaces, newline).void();
    alt((exported, default_port, annotation, remark, blank, connections)).parse_next(input)
}

/// `INPORT=node.PORT:NAME`
fn exported(input: &mut Input<'_>) -> Parsed<()> {
    spaces(input)?;
    let direction = alt((literal("INPORT="), literal("OUTPORT="))).parse_next(input)?;
    // Nothing else that makes sense begins like this.
    let node = cut_err(node).parse_next(input)?;
    let port = cut_err(preceded(expect("`.` and a port", "."), expect("a port", port_name)))
        .parse_next(input)?;
    let name = cut_err(preceded(expect("`:` and a name", ":"), expect("a name", port_name)))
        .parse_next(input)?;
    line_end(input)?;
    input.state.export(direction == "INPORT=", name, node, port);
    Ok(())
}

/// `DEFAULT_INPORT=PORT`
fn default_port(input: &mut Input<'_>) -> Parsed<()> {
    spaces(input)?;
    let direction =
        alt((literal("DEFAULT_INPORT="), literal("DEFAULT_OUTPORT="))).parse_next(input)?;
    let name = cut_err(expect("a port", port_name)).parse_next(input)?;
    line_end(input)?;
    input.state.set_default_port(direction == "DEFAULT_INPORT=", name);
    Ok(())
}

/// `# @key value`
fn annotation(input: &mut Input<'_>) -> Parsed<()> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let blanks = || take_while(1.., ' ');
    let key = delimited(('#', blanks(), '@'), take_while(1.., word), blanks());
    let value = take_while(1.., move |c| word(c) || matches!(c, ' ' | '.'));
    let (key, value): (&str, &str) = terminated((key, value), newline).parse_next(input)?;
    input.state.annotate(key, value);
    Ok(())
}

fn remark(input: &mut Input<'_>) -> Parsed<()> {
    (comment, opt(newline)).void().parse_next(input)
}

/// A chain of nodes and the ports between them, each but the last followed by an arrow.
fn connections(input: &mut Input<'_>) -> Parsed<()> {
    spaces(input)?;
    let mut chain = Vec::new();
    loop {
        let start = input.checkpoint();
        let arrow = (spaces, expect("`->`", "->"), spaces);
        match terminated(source, arrow).parse_next(input) {
            Ok(element) => chain.push(element),
            Err(ErrMode::Backtrack(_)) => {
                input.reset(&start);
                let last = target.parse_next(input).map_err(|failure: Failure| {
                    // What stands before an arrow, cannot be read in any other way.
                    if chain.is_empty() { failure } else { failure.cut() }
                })?;
                chain.push(last);
                break;
            }
            Err(failure) => return Err(failure),
        }
    }
    line_end(input)?;
    input.state.chain(chain);
    Ok(())
}

fn source(input: &mut Input<'_>) -> Parsed<Element> {
    alt((bridge, outport, initial_value)).parse_next(input)
}

/// `IN node OUT`, and with a component, `node(Component)`.
fn bridge(input: &mut Input<'_>) -> Parsed<Element> {
    let both = (port_before.map(Some), node, port_after.map(Some));
    let either = (opt(port_before), node_with_component, opt(port_after));
    let (inport, node, outport) = alt((both, either)).parse_next(input)?;
    let target = Some(input.state.inport(&node, inport));
    let source = Some(Feed::Port(input.state.outport(&node, outport)));
    Ok(Element { target, source })
}

fn outport(input: &mut Input<'_>) -> Parsed<Element> {
    let (node, port) = (node, opt(port_after)).parse_next(input)?;
    let source = Some(Feed::Port(input.state.outport(&node, port)));
    Ok(Element { target: None, source })
}

fn target(input: &mut Input<'_>) -> Parsed<Element> {
    let (port, node) = (opt(port_before), node).parse_next(input)?;
    let target = Some(input.state.inport(&node, port));
    Ok(Element { target, source: None })
}

fn initial_value(input: &mut Input<'_>) -> Parsed<Element> {
    let start = input.current_token_start();
    let value = alt((text, json)).parse_next(input)?;
    let place = start..input.current_token_start();
    Ok(Element { target: None, source: Some(Feed::Value(value, place)) })
}

/// `'text'`, in which `\'` is a quote.
fn text(input: &mut Input<'_>) -> Parsed<Value> {
    let start = input.current_token_start();
    '\''.parse_next(input)?;
    let piece = alt(("\\'".value("'"), take_while(1, |c| c != '\'')));
    let text =
        repeat(0.., piece).fold(String::new, |text, piece: &str| text + piece).parse_next(input)?;
    let end: Parsed<char> = '\''.parse_next(input);
    if end.is_err() {
        let missing = "this text has no end: write `'` behind it (and `\\'` for a quote in it)";
        return fail(input, start, missing.into());
    }
    Ok(Value::String(text))
}

fn json(input: &mut Input<'_>) -> Parsed<Value> {
    let before = input.current_token_start();
    let blanks = || take_while(0.., [' ', '\t', '\n', '\r']);
    blanks().parse_next(input)?;
    let start = input.current_token_start();
    let rest: &str = input.input.as_ref();
    let mut deserializer = serde_json::Deserializer::from_str(rest);
    match Value::deserialize(&mut deserializer) {
        Ok(value) => {
            input.next_slice(deserializer.into_iter::<Value>().byte_offset());
            blanks().parse_next(input)?;
            Ok(as_in_javascript(value))
        }
        Err(error) => {
            let mut beginning = rest.chars();
            let json = match beginning.next() {
                Some('{' | '[' | '"' | '0'..='9') => true,
                Some('-') => beginning.next().is_some_and(|c| c.is_ascii_digit()),
                _ => false,
            };
            if json {
                let at = offset(rest, error.line(), error.column().saturating_sub(1));
                let message = format!("not JSON: {}", json_message(&error));
                return fail(input, start + at, message);
            }
            input.state.expected_first(before, "an initial value (`'text'` or JSON)");
            Err(ErrMode::Backtrack(EmptyError))
        }
    }
}

/// All numbers are doubles there, and told as integers where they are.
fn as_in_javascript(value: Value) -> Value {
    match value {
        Value::Number(number) => super::build::number(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(values) => values.into_iter().map(as_in_javascript).collect(),
        Value::Object(object) => {
            object.into_iter().map(|(key, value)| (key, as_in_javascript(value))).collect()
        }
        other => other,
    }
}

fn node(input: &mut Input<'_>) -> Parsed<Name> {
    alt((node_with_name, node_name, anonymous_node)).parse_next(input)
}

fn node_with_component(input: &mut Input<'_>) -> Parsed<Name> {
    alt((node_with_name, anonymous_node)).parse_next(input)
}

fn node_with_name(input: &mut Input<'_>) -> Parsed<Name> {
    let (name, component) = (node_name, component).parse_next(input)?;
    input.state.add_node(&name, component);
    Ok(name)
}

fn anonymous_node(input: &mut Input<'_>) -> Parsed<Name> {
    let (component, place) = component.with_span().parse_next(input)?;
    Ok(input.state.add_anonymous_node(component, place))
}

fn node_name(input: &mut Input<'_>) -> Parsed<Name> {
    let start = input.current_token_start();
    let first = one_of(|c: char| c.is_ascii_alphabetic() || c == '_');
    let others = take_while(0.., |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match (first, others).take().with_span().parse_next(input) {
        Ok((name, place)) => {
            let name: &str = name;
            Ok(Name { name: name.to_owned(), place })
        }
        Err(failure) => {
            input.state.expected_first(start, "a node");
            Err(failure)
        }
    }
}

/// `(Component:key=value)`
fn component(input: &mut Input<'_>) -> Parsed<Component> {
    let name = take_while(0.., |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_'));
    let pairs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '=' | '_' | ',');
    let metadata = opt(preceded(':', take_while(1.., pairs)));
    let (name, metadata): (&str, Option<&str>) =
        delimited('(', (name, metadata), expect("`)`", ')')).parse_next(input)?;
    Ok(Component { name: name.to_owned(), metadata: metadata.map(str::to_owned) })
}

fn port_before(input: &mut Input<'_>) -> Parsed<Port> {
    terminated(port, take_while(1.., ' ')).parse_next(input)
}

fn port_after(input: &mut Input<'_>) -> Parsed<Port> {
    preceded(take_while(1.., ' '), expect("a port", port)).parse_next(input)
}

/// `OUT`, `OUT[2]`
fn port(input: &mut Input<'_>) -> Parsed<Port> {
    let name = port_name.parse_next(input)?;
    let start = input.current_token_start();
    let digits = delimited('[', take_while(1.., |c: char| c.is_ascii_digit()), ']');
    let digits: Option<&str> = opt(digits).parse_next(input)?;
    let index = match digits.map(str::parse) {
        None => None,
        Some(Ok(index)) => Some(index),
        Some(Err(_)) => return fail(input, start, "this index is too large".into()),
    };
    Ok(Port { name, index })
}

fn port_name(input: &mut Input<'_>) -> Parsed<String> {
    let first = one_of(|c: char| c.is_ascii_alphabetic() || c == '_');
    let others = take_while(0.., |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let name: &str = (first, others).take().parse_next(input)?;
    Ok(name.to_owned())
}

fn line_end(input: &mut Input<'_>) -> Parsed<()> {
    let end = (opt(','), opt(comment), opt(newline));
    let start = (spaces, end).void().span().parse_next(input)?;
    if start.is_empty() {
        input.state.expected(start.end, "the end of the line");
    }
    Ok(())
}

fn comment(input: &mut Input<'_>) -> Parsed<()> {
    (spaces, '#', take_while(0.., |c| !is_newline(c))).void().parse_next(input)
}

fn newline(input: &mut Input<'_>) -> Parsed<()> {
    one_of(is_newline).void().parse_next(input)
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn spaces(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., ' ').void().parse_next(input)
}

/// Remembers that `what` was expected, in case that nothing else is possible here.
fn expect<'a, O>(
    what: &'static str,
    mut parser: impl Parser<Input<'a>, O, Failure>,
) -> impl Parser<Input<'a>, O, Failure> {
    move |input: &mut Input<'a>| {
        let start = input.current_token_start();
        let parsed = parser.parse_next(input);
        if parsed.is_err() {
            input.state.expected(start, what);
        }
        parsed
    }
}

fn fail<T>(input: &mut Input<'_>, at: usize, message: String) -> Parsed<T> {
    input.state.fail(at, message);
    Err(ErrMode::Cut(EmptyError))
}
