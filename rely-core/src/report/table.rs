//! Tables: rows and columns, numbers to the right, a tone where a cell has one.

use super::Tone;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Align {
    /// At the start of the line: words.
    #[default]
    Start,
    /// At the end of the line, in figures of equal width: numbers.
    End,
}

/// One cell: text, and a tone where it means something.
///
/// ```
/// use rely_core::report::{Cell, Tone};
///
/// let cell = Cell::new(format!("{:.1} %", 99.95)).tone(Tone::Good);
/// assert_ne!(cell, Cell::new("100.0 %"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Cell {
    pub(super) text: String,
    pub(super) tone: Option<Tone>,
}

impl Cell {
    /// A cell without a tone.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: None }
    }

    /// The same cell with a tone: it is coloured and carries the tone's mark.
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// A table with a caption. The first column names its rows.
///
/// A row shorter than the header is filled up; a longer one gets columns without a name.
///
/// ```
/// use rely_core::report::{Cell, Table, Tone};
///
/// let table = Table::new("Calls per act")
///     .column("Act")
///     .numeric("Calls")
///     .numeric("Failed")
///     .row(["steady", "12000", "0"])
///     .row([Cell::new("outage"), Cell::new("11873"), Cell::new("41").tone(Tone::Bad)]);
/// # let _ = table;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[must_use]
pub struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<(String, Align)>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without columns and rows.
    pub fn new(caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), ..Self::default() }
    }

    /// Adds a column of words.
    pub fn column(mut self, name: impl Into<String>) -> Self {
        self.columns.push((name.into(), Align::Start));
        self
    }

    /// Adds a column of numbers.
    pub fn numeric(mut self, name: impl Into<String>) -> Self {
        self.columns.push((name.into(), Align::End));
        self
    }

    /// Adds a row.
    pub fn row<C: Into<Cell>>(mut self, cells: impl IntoIterator<Item = C>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Columns that the header or any row has.
    pub(super) fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0).max(self.columns.len())
    }

    pub(super) fn align(&self, column: usize) -> Align {
        self.columns.get(column).map_or(Align::Start, |(_, align)| *align)
    }
}
