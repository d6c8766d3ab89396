//! Columns of text.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands between columns.
const GAP: usize = 2;
/// Narrower than this, a column tells nothing.
const NARROWEST: usize = 6;

/// Rows of cells, the first of which are the columns' heads.
pub struct Table {
    rows: Vec<Vec<String>>,
    numbers: Vec<usize>,
}

impl Table {
    pub fn new(heads: &[&str]) -> Self {
        Self {
            rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()],
            numbers: Vec::new(),
        }
    }

    /// Columns that are aligned to the right.
    pub fn numbers(mut self, columns: &[usize]) -> Self {
        self.numbers = columns.to_vec();
        self
    }

    /// Adds a row. Control characters, which others may have sent to have their way with the
    /// terminal, are shown as such.
    pub fn add(&mut self, row: impl IntoIterator<Item = String>) {
        let cell = |cell: String| cell.replace(char::is_control, "\u{FFFD}");
        self.rows.push(row.into_iter().map(cell).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The lines, if it must be so no wider than this.
    pub fn lines(&self, width: Option<usize>) -> impl Iterator<Item = String> {
        let widths = self.widths(width);
        self.rows.iter().map(move |row| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let cell = shorten(cell, widths[column]);
                let space = " ".repeat(widths[column].saturating_sub(cell.width()));
                match self.numbers.contains(&column) {
                    true => line += &format!("{space}{cell}"),
                    false => line += &format!("{cell}{space}"),
                }
                line += &" ".repeat(GAP);
            }
            line.truncate(line.trim_end().len());
            line
        })
    }

    /// What the cells need; if that is too much, the widest columns give in.
    fn widths(&self, most: Option<usize>) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let mut widths = vec![0; columns];
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(cell.width());
            }
        }
        let Some(most) = most else { return widths };
        while widths.iter().map(|width| width + GAP).sum::<usize>() > most + GAP {
            let can_give = (0..columns).filter(|column| widths[*column] > self.narrowest(*column));
            match can_give.max_by_key(|column| widths[*column]) {
                Some(widest) => widths[widest] -= 1,
                None => break,
            }
        }
        widths
    }

    /// A column's head is always shown.
    fn narrowest(&self, column: usize) -> usize {
        self.rows[0].get(column).map_or(0, |head| head.width()).max(NARROWEST)
    }
}

fn shorten(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut width = 0;
    for character in text.chars() {
        width += character.width().unwrap_or_default();
        if width >= most {
            break;
        }
        short.push(character);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "N", "WHAT"]).numbers(&[1]);
        table.add(["größer".into(), "7".into(), "a long story, and no end".into()]);
        table.add(["日本".into(), "12".into(), "\u{1B}[2J".into()]);
        table
    }

    #[test]
    fn columns_stand_below_their_heads() {
        let lines: Vec<_> = table().lines(None).collect();
        assert_eq!(lines[0], "NAME     N  WHAT");
        assert_eq!(lines[1], "größer   7  a long story, and no end");
        assert_eq!(lines[2], "日本    12  \u{FFFD}[2J");
    }

    #[test]
    fn the_widest_columns_are_cut_to_the_terminals_width() {
        let lines: Vec<_> = table().lines(Some(22)).collect();
        assert_eq!(lines[1], "größer   7  a long st…");
        assert!(lines.iter().all(|line| line.width() <= 22));
        assert!(table().lines(Some(1)).all(|line| line.width() <= 18));
    }
}
