//! What can be wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::secret::conceal;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is understood, but it may not work out as hoped.
    Warning,
    /// guv's validator refuses it while guv itself goes on, and so do we: a setting that nobody
    /// knows is ignored, and an impossible one replaced by what comes closest.
    Mistake,
    /// The file cannot be used.
    Error,
}

/// Something that is wrong with a configuration. Shown as several lines, with the place marked;
/// no API key and no password is among them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// The message's place, and what to do.
    shown: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "{level}: {}{}", self.message, self.shown)
    }
}

impl Problem {
    /// The same, as the validator sees it: a mistake is an error.
    pub fn strict(mut self) -> Self {
        if self.severity == Severity::Mistake {
            self.severity = Severity::Error;
        }
        self
    }
}

/// All that is wrong with a file that cannot be used, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

/// Nobody reads more of one severity.
const MOST: usize = 100;

/// A text, and all that was found in it.
pub(super) struct Report<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    /// The same without secrets, with everything at the same bytes.
    shown: String,
    found: Vec<Problem>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, shown: text.into(), found: Vec::new() }
    }

    /// Never shows what is at these bytes.
    pub(super) fn conceal(&mut self, secrets: &[Range<usize>]) {
        self.shown = conceal(self.text, secrets);
    }

    /// Adds a problem at these bytes, with what to do about it.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        place: Range<usize>,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        if self.count(severity) == MOST {
            return;
        }
        // A name may have anything in it, and the terminal is not its to have.
        let printable = |text: String| text.replace(char::is_control, "\u{FFFD}");
        let message = printable(message.into());
        let (text, start) = (self.text, floor(self.text, place.start));
        let end = floor(text, place.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let line = self.line(&place);
        let column = text[line_start..start].chars().count() + 1;
        // An alias is as wrong as often as it is used.
        if self.found.iter().any(|it| (it.line, it.column, &it.message) == (line, column, &message))
        {
            return;
        }
        // One line is enough, and a carriage return would overwrite it.
        let line_text = self.shown[line_start..line_end].trim_end_matches('\r');
        let within = |at: usize| (at.min(line_end) - line_start).min(line_text.len());
        let snippet = Snippet::source(line_text)
            .path(self.file)
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(within(start)..within(end)));
        let mut report = Level::ERROR.primary_title(&message).element(snippet);
        let help = help.into().map(printable);
        if let Some(help) = &help {
            report = report.element(Level::HELP.message(help));
        }
        let shown = Renderer::plain().render(&[report]);
        let shown = shown.find('\n').map_or("", |title| &shown[title..]).to_owned();
        self.found.push(Problem { severity, line, column, message, shown });
    }

    /// In which line it is, counted from 1.
    pub(super) fn line(&self, place: &Range<usize>) -> usize {
        self.text[..floor(self.text, place.start)].matches('\n').count() + 1
    }

    pub(super) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|problem| problem.severity == severity).count()
    }

    /// In the order of the lines.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        self.found
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
