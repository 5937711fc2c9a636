//! What the commands that look and answer print on standard output: a table for people, JSON for programs.
//!
//! A table's cells never break a line, so that it can be cut and searched with a shell's tools; what needs a sentence
//! stands below its row as a note. Colour says nothing that the words do not say as well.

use std::io::{self, IsTerminal, Write, stdout};

use serde::Serialize;

use crate::environment;

/// How a command writes its answer (`--output`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns with units.
    #[default]
    Table,
    /// One JSON document.
    Json,
}

/// Rows of cells under headings. Columns are as wide as their widest cell.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// One heading and the side its cells stand on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    align: Align,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

#[derive(Debug, Clone)]
struct Row {
    cells: Vec<Cell>,
    notes: Vec<String>,
}

/// A piece of text with its meaning.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// What a cell means; on a terminal a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Caution,
    /// Stands in the way.
    Bad,
    /// Of lesser interest.
    Faint,
}

/// Between two columns.
const GAP: &str = "  ";
const RESET: &str = "\u{1b}[0m";

// === impl Column ===

/// A column of text.
pub(crate) const fn text(heading: &'static str) -> Column {
    Column {
        heading,
        align: Align::Left,
    }
}

/// A column of numbers.
pub(crate) const fn number(heading: &'static str) -> Column {
    Column {
        heading,
        align: Align::Right,
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells that are missing at its end are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row {
            cells: cells.into_iter().collect(),
            notes: Vec::new(),
        });
    }

    /// Adds a sentence below the row that was added last.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(note.into());
        }
    }

    /// The whole table, with a line end behind each line; empty when it has no row.
    pub(crate) fn render(&self, coloured: bool) -> String {
        let mut out = String::new();
        if self.rows.is_empty() {
            return out;
        }
        let widths = self.widths();
        let headings: Vec<_> = self
            .columns
            .iter()
            .map(|column| Cell::new(column.heading, Tone::Faint))
            .collect();
        self.line(&headings, &widths, coloured, &mut out);
        for row in &self.rows {
            self.line(&row.cells, &widths, coloured, &mut out);
            for note in &row.notes {
                out.push_str(GAP);
                out.push_str(GAP);
                out.push_str(&printable(note));
                out.push('\n');
            }
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |(index, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
            let cells = cells.map(Cell::width).max().unwrap_or(0);
            cells.max(column.heading.chars().count())
        };
        self.columns.iter().enumerate().map(widest).collect()
    }

    fn line(&self, cells: &[Cell], widths: &[usize], coloured: bool, out: &mut String) {
        let mut pending = 0;
        for ((cell, column), width) in cells.iter().zip(&self.columns).zip(widths) {
            let room = width.saturating_sub(cell.width());
            let (before, after) = match column.align {
                Align::Left => (0, room),
                Align::Right => (room, 0),
            };
            // Nothing is written behind the last visible character: lines are compared and copied.
            if cell.width() > 0 {
                out.extend(std::iter::repeat_n(' ', pending + before));
                cell.write(coloured, out);
                pending = after + GAP.len();
            } else {
                pending += room + GAP.len();
            }
        }
        out.push('\n');
    }
}

// === impl Cell ===

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: printable(text.as_ref()),
            tone,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn write(&self, coloured: bool, out: &mut String) {
        match self.tone.colour().filter(|_| coloured) {
            Some(colour) => {
                out.push_str(colour);
                out.push_str(&self.text);
                out.push_str(RESET);
            }
            None => out.push_str(&self.text),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

// === impl Tone ===

impl Tone {
    fn colour(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("\u{1b}[32m"),
            Self::Caution => Some("\u{1b}[33m"),
            Self::Bad => Some("\u{1b}[1;31m"),
            Self::Faint => Some("\u{1b}[2m"),
        }
    }
}

/// Writes a text to standard output; it is to end with a line end.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a value as one JSON document, indented for a reader.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    print(&text)
}

/// Colour only on a terminal, and only for those who do not mind.
pub(crate) fn is_coloured() -> bool {
    stdout().is_terminal() && !environment::no_color()
}

/// Milliseconds, cut to the largest unit of which there are at least two or exactly one: `90 s`, `36 h`, `30 d`.
/// Negative is Kafka's "no limit", and so is the largest number there is.
pub(crate) fn milliseconds(value: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    if value < 0 || value == i64::MAX {
        return "unlimited".to_owned();
    }
    let fitting = UNITS
        .into_iter()
        .find(|(size, _)| value == *size || value >= 2 * size);
    match fitting {
        Some((size, unit)) => format!("{} {unit}", value / size),
        None => format!("{value} ms"),
    }
}

/// Bytes with a binary unit and at most one decimal: `512 B`, `1 MiB`, `1.5 GiB`. Negative is Kafka's "no limit".
pub(crate) fn bytes(value: i64) -> String {
    const UNITS: [(i64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    if value < 0 {
        return "unlimited".to_owned();
    }
    let Some((size, unit)) = UNITS.into_iter().find(|(size, _)| value >= *size) else {
        return format!("{value} B");
    };
    let tenths = i128::from(value) * 10 / i128::from(size);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

/// Text that may come from a broker, with control characters escaped: it goes to a terminal.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[text("topic"), number("partitions"), text("state")]);
        table.row(["orders".into(), "8".into(), Cell::new("ok", Tone::Good)]);
        table.row(["a-longer-name".into(), "128".into()]);
        table.note("it is longer");
        table.row(["x".into(), "".into(), "refused".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_no_blank_ends_a_line() {
        let expected = "\
topic          partitions  state
orders                  8  ok
a-longer-name         128
    it is longer
x                          refused
";
        assert_eq!(table().render(false), expected);
    }

    #[test]
    fn colour_changes_no_column() {
        let coloured = table().render(true);
        assert!(coloured.contains("\u{1b}[32mok\u{1b}[0m"), "{coloured}");
        let mut plain = coloured;
        for tone in [Tone::Good, Tone::Caution, Tone::Bad, Tone::Faint] {
            plain = plain.replace(tone.colour().unwrap(), "");
        }
        assert_eq!(plain.replace(RESET, ""), table().render(false));
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        assert_eq!(Table::new(&[text("topic")]).render(false), "");
    }

    #[test]
    fn what_a_broker_says_cannot_steer_the_terminal() {
        let mut table = Table::new(&[text("words")]);
        table.row(["a\u{1b}[2Jb\nc".into()]);
        assert_eq!(table.render(false), "words\na\\u{1b}[2Jb\\nc\n");
    }

    #[test]
    fn units() {
        let times = [
            (-1, "unlimited"),
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (90_000, "90 s"),
            (120_000, "2 min"),
            (3_600_000, "1 h"),
            (604_800_000, "7 d"),
            (i64::MAX, "unlimited"),
        ];
        for (value, expected) in times {
            assert_eq!(milliseconds(value), expected);
        }
        let sizes = [
            (-1, "unlimited"),
            (512, "512 B"),
            (1024, "1 KiB"),
            (1_048_588, "1 MiB"),
            (1 << 30 | 1 << 29, "1.5 GiB"),
        ];
        for (value, expected) in sizes {
            assert_eq!(bytes(value), expected);
        }
    }
}
