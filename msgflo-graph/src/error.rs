//! What can be wrong with a file, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A [`std::result::Result`] with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a graph, a component library or a foreign participant cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        reason: io::Error,
    },
    /// A text is not what it should be. Shown as several lines, with the place marked.
    #[error("{0}")]
    Text(Box<TextError>),
    /// A graph that cannot be told in the form asked for, or a setting that cannot work.
    #[error("{0}")]
    Invalid(String),
    /// A component that the library does not have.
    #[error("no component `{component}` for role `{role}`{}{hint}", did_you_mean(.nearest))]
    UnknownComponent {
        /// Which component.
        component: String,
        /// The role that should run it.
        role: String,
        /// The component with the most similar name.
        nearest: Option<String>,
        /// What there is, or what to do.
        hint: String,
    },
}

/// A mistake in a text: where it is, and what should be there.
///
/// ```
/// let error = msgflo_graph::Graph::from_fbp("'foo' --> Display(Output)").unwrap_err();
/// assert_eq!(error.to_string(), "\
/// error: expected `->`
///  --> graph:1:7
///   |
/// 1 | 'foo' --> Display(Output)
///   |       ^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// The file, or what the text is.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    rendered: String,
}

impl std::error::Error for TextError {}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

impl Error {
    pub(crate) fn read(path: &Path, reason: io::Error) -> Self {
        Self::Read { path: path.to_owned(), reason }
    }

    /// A mistake at these bytes of `text`, with what to do about it.
    pub(crate) fn text(
        file: &str,
        text: &str,
        place: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let message = message.into();
        let start = floor(text, place.start);
        let end = floor(text, place.end.max(start)).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let line = text[..line_start].matches('\n').count() + 1;
        // One line is enough, and a carriage return would overwrite it.
        let shown = text[line_start..line_end].trim_end_matches('\r');
        let within = |at: usize| (at.min(line_end) - line_start).min(shown.len());
        let snippet = Snippet::source(shown)
            .path(file)
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(within(start)..within(end)));
        let mut report = Level::ERROR.primary_title(&message).element(snippet);
        if let Some(help) = &help {
            report = report.element(Level::HELP.message(help));
        }
        let rendered = Renderer::plain().render(&[report]);
        let column = text[line_start..start].chars().count() + 1;
        Self::Text(Box::new(TextError { file: file.to_owned(), line, column, message, rendered }))
    }

    /// What serde_json found in `text`.
    pub(crate) fn json(file: &str, text: &str, error: &serde_json::Error) -> Self {
        let next = offset(text, error.line(), error.column());
        // What has the wrong type, may not have been read yet.
        let at = if error.is_data() && text[next..].starts_with(['[', '{']) {
            next
        } else {
            offset(text, error.line(), error.column().saturating_sub(1))
        };
        Self::text(file, text, at..at, json_message(error), None)
    }
}

/// What is wrong, without the place.
pub(crate) fn json_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

/// The byte at a line counted from 1 and a byte of it counted from 0.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    floor(text, before + column)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// `: did you mean …?`, or nothing.
pub(crate) fn did_you_mean(nearest: &Option<impl AsRef<str>>) -> String {
    match nearest {
        Some(name) => format!(": did you mean `{}`?", name.as_ref()),
        None => String::new(),
    }
}
