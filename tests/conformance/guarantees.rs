//! The table in README.md says what this suite shows: each cell begins with `yes` or `no`, as the
//! subject of its column passes the cases of its row.

use crate::context::Case;
use crate::subject::{Feature, SUBJECTS, Subject};

const README: &str = include_str!("../../README.md");
const HEADING: &str = "## What is guaranteed";

/// Rows that are no feature, and the cases that show them.
const ROWS: &[(&str, &[&str])] = &[
    (
        "every message is delivered, at least once",
        &["messages_wait_for_a_consumer", "unacknowledged_comes_again_when_the_connection_goes"],
    ),
    (
        "one worker gets messages in the order of sending",
        &["one_consumer_receives_in_the_order_of_sending", "one_at_a_time_keeps_the_order"],
    ),
    ("workers of a role share its messages", &["workers_of_a_role_share_its_messages"]),
    (
        "what fails is kept as a dead letter",
        &[
            "rejected_goes_to_the_dead_letters",
            "what_fails_is_dead_lettered_and_the_participant_lives_on",
        ],
    ),
    (
        "edges reach every bound inport, and outlive who made them",
        &["a_message_reaches_every_bound_inport", "an_edge_outlives_the_connection_that_made_it"],
    ),
    (
        "what fails is tried again, and nothing waits for it",
        &[
            "what_fails_twice_succeeds_at_the_third_attempt",
            "waiting_for_an_attempt_takes_no_place",
        ],
    ),
    (
        "attempts are counted across workers",
        &["attempts_are_counted_across_workers", "what_waits_survives_its_worker"],
    ),
    ("late watchers see who is there", &["a_late_watcher_sees_who_is_there"]),
];

/// Subjects that share a column with another: its scheme, and what makes the difference.
const VARIANTS: &[(&str, &str, &str)] =
    &[("mqtt5", "mqtt", "?version=5"), ("amqp_management", "amqp", "?management=")];

impl Feature {
    /// The name of its row.
    fn guarantee(self) -> &'static str {
        match self {
            Self::Restarts => "everything goes on when the broker is back",
            Self::Durable => "what the broker has confirmed outlives its restart",
            Self::Crashes => "what the broker has confirmed outlives its crash",
            Self::Pulls => "an idle worker gets what a busy one has not begun",
            Self::Capacity => "a full queue makes senders wait",
            Self::KnowsQueues => "sending to a queue that nobody declared is an error",
            Self::Headers => "headers, correlation ids and requests travel with a message",
            Self::Delay => "what is to be tried again or later waits at the broker",
            Self::Expiry => "a message can expire",
            Self::Priority => "urgent messages overtake others (`max_priority`)",
            Self::Properties => "a message's id and content type travel with it",
            Self::Edges => "`edges` are told, and `tap` copies what they bring to an inport",
            Self::Statistics => "`statistics` tell what waits in a queue",
        }
    }
}

/// Which column a subject is in, and with which setting in the URL.
fn place(subject: &Subject) -> (String, Option<&'static str>) {
    let variant = VARIANTS.iter().find(|(name, ..)| *name == subject.name);
    let (scheme, setting) =
        variant.map_or((subject.name, None), |(_, scheme, setting)| (scheme, Some(*setting)));
    (format!("`{scheme}://`"), setting)
}

/// A row as it must be: what each of the subjects answers.
struct Row {
    name: &'static str,
    answers: Vec<bool>,
}

/// Compares the table with the suite. The error says what to change.
pub fn check(cases: &[Case]) -> Result<(), String> {
    let mut problems = Vec::new();
    let lines = README.lines().skip_while(|line| *line != HEADING);
    let mut table = lines.skip_while(|line| !line.starts_with('|')).map_while(cells);
    let Some((_, columns)) = table.next() else {
        return Err(format!("README.md: there is no table below `{HEADING}`"));
    };
    // Without the line between.
    let table: Vec<_> = table.skip(1).collect();
    let rows = rows(cases, &mut problems);

    for (name, _) in &table {
        if !rows.iter().any(|row| row.name == *name) {
            problems.push(format!("row `{name}`: no case shows it; say it below the table"));
        }
    }
    for column in SUBJECTS.iter().map(|subject| place(subject).0) {
        if !columns.contains(&column.as_str()) {
            problems.push(format!("there is no column {column}"));
        }
    }
    for column in &columns {
        if !SUBJECTS.iter().any(|subject| place(subject) == ((*column).to_owned(), None)) {
            problems.push(format!("column {column}: there is no such subject"));
        }
    }
    for Row { name, answers } in rows {
        let Some((_, cells)) = table.iter().find(|(row, _)| *row == name) else {
            problems.push(format!("there is no row `{name}`"));
            continue;
        };
        for (index, column) in columns.iter().enumerate() {
            let answers = SUBJECTS.iter().map(place).zip(&answers);
            let answers = answers.filter(|((place, _), _)| place == column);
            let answers: Vec<_> = answers.map(|((_, setting), yes)| (setting, *yes)).collect();
            let cell = cells.get(index).copied().unwrap_or_default();
            if let Some(problem) = compare(cell, &answers) {
                problems.push(format!("row `{name}`, column {column}: {problem}"));
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("README.md, {HEADING}:\n{}", problems.join("\n")))
}

/// All rows that there must be.
fn rows(cases: &[Case], problems: &mut Vec<String>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, shown_by) in ROWS {
        let mut answers = vec![true; SUBJECTS.len()];
        for shown_by in *shown_by {
            let Some(case) = cases.iter().find(|case| case.name == *shown_by) else {
                problems.push(format!("guarantees.rs: there is no case `{shown_by}`"));
                continue;
            };
            for (answer, subject) in answers.iter_mut().zip(SUBJECTS) {
                *answer &= subject.supports(case);
            }
        }
        rows.push(Row { name, answers });
    }
    for feature in cases.iter().flat_map(|case| case.needs) {
        let name = feature.guarantee();
        if !rows.iter().any(|row| row.name == name) {
            let answers = SUBJECTS.iter().map(|subject| subject.has(*feature)).collect();
            rows.push(Row { name, answers });
        }
    }
    rows
}

/// The first cell of a line of a table, and the others.
fn cells(line: &str) -> Option<(&str, Vec<&str>)> {
    let line = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
    let mut cells = line.split('|').map(str::trim);
    Some((cells.next()?, cells.collect()))
}

/// What is wrong with a cell, given whether its subjects have what it tells of. One of them needs
/// no setting in the URL; another that differs is told of as `yes with SETTING`.
fn compare(cell: &str, answers: &[(Option<&str>, bool)]) -> Option<String> {
    let word = |yes| if yes { "yes" } else { "no" };
    let plain = answers.iter().find(|(setting, _)| setting.is_none())?.1;
    let first = cell.split(|letter: char| !letter.is_alphabetic()).next();
    if first != Some(word(plain)) {
        return Some(format!("`{cell}` must begin with `{}`", word(plain)));
    }
    for (setting, answer) in answers {
        let Some(setting) = setting else { continue };
        let with = format!("with `{setting}`");
        let wanted = format!("{} {with}", word(*answer));
        if *answer == plain && cell.contains(&with) {
            return Some(format!("`{cell}` must not say `{with}`: it makes no difference"));
        }
        if *answer != plain && !cell.contains(&wanted) {
            return Some(format!("`{cell}` must also say `{wanted}`"));
        }
    }
    None
}
