//! The report itself: title, finding, facts, sections.

use core::fmt;
use std::io;

use super::{Table, Timeline, page};
use crate::Level;

/// The meaning of a state, mark or cell; it decides colour, pattern and shape together.
///
/// Exhaustive by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worse than it should be.
    Warning,
    /// Broken.
    Bad,
    /// Neither good nor bad, or unknown.
    #[default]
    Neutral,
    /// Worth knowing: something was done on purpose.
    Info,
}

impl Tone {
    /// The name in the page's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
            Self::Info => "info",
        }
    }

    pub(super) const fn glyph(self) -> &'static str {
        match self {
            Self::Good => "●",
            Self::Warning => "▲",
            Self::Bad => "◆",
            Self::Neutral => "○",
            Self::Info => "■",
        }
    }

    /// Which of several tones must not be lost when they share one pixel.
    pub(super) const fn weight(self) -> u8 {
        match self {
            Self::Neutral => 0,
            Self::Good => 1,
            Self::Info => 2,
            Self::Warning => 3,
            Self::Bad => 4,
        }
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Level> for Tone {
    fn from(level: Level) -> Self {
        match level {
            Level::Healthy => Self::Good,
            Level::Degraded => Self::Warning,
            Level::Unhealthy => Self::Bad,
            Level::Unknown => Self::Neutral,
        }
    }
}

/// What a report or a section found: the first thing that a reader wants to know.
///
/// Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Finding {
    /// What was claimed is so.
    Held,
    /// What was claimed is not so.
    Failed,
    /// The evidence does not allow an answer.
    Unknown,
}

impl Finding {
    /// The name in the page's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::Held => Tone::Good,
            Self::Failed => Tone::Bad,
            Self::Unknown => Tone::Warning,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A whole report: build it up, then [`to_html`](Self::to_html).
///
/// ```
/// use rely_core::report::{Report, Section};
///
/// let report = Report::new("Nightly <drill>")
///     .subtitle("checkout, 3 zones")
///     .section(Section::new("Summary").paragraph("Nothing broke."));
/// assert!(report.to_html().contains("Nightly &lt;drill&gt;"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[must_use]
pub struct Report {
    pub(super) title: String,
    pub(super) subtitle: Option<String>,
    pub(super) finding: Option<(Finding, String)>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) sections: Vec<Section>,
}

impl Report {
    /// An empty report; the title is also the page's title.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// A line under the title: what was looked at, where, when.
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = Some(subtitle.into());
        self
    }

    /// The outcome of the whole, and one sentence that says it.
    pub fn finding(mut self, finding: Finding, sentence: impl Into<String>) -> Self {
        self.finding = Some((finding, sentence.into()));
        self
    }

    /// Adds a key fact to the head of the page: a seed, a duration, a count.
    pub fn fact(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.facts.push((name.into(), value.to_string()));
        self
    }

    /// Adds a section.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::render(self)
    }

    /// Writes the page.
    ///
    /// # Errors
    ///
    /// Whatever `out` fails with.
    pub fn write_to(&self, mut out: impl io::Write) -> io::Result<()> {
        out.write_all(self.to_html().as_bytes())
    }
}

/// A heading and what stands under it, in the order in which it was added.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[must_use]
pub struct Section {
    pub(super) heading: String,
    pub(super) finding: Option<(Finding, String)>,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    /// An empty section.
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// What this section found, and one sentence that says it.
    pub fn finding(mut self, finding: Finding, sentence: impl Into<String>) -> Self {
        self.finding = Some((finding, sentence.into()));
        self
    }

    /// Adds a paragraph of prose.
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.block(Block::Paragraph(text.into()))
    }

    /// Adds a list of short points.
    pub fn list<T: Into<String>>(self, points: impl IntoIterator<Item = T>) -> Self {
        self.block(Block::List(points.into_iter().map(Into::into).collect()))
    }

    /// Adds text that is shown as it is, line by line: a command, a log, a plan.
    pub fn code(self, text: impl Into<String>) -> Self {
        self.block(Block::Code(text.into()))
    }

    /// Adds a table.
    pub fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    /// Adds a timeline.
    pub fn timeline(self, timeline: Timeline) -> Self {
        self.block(Block::Timeline(timeline))
    }

    /// Adds any block.
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}

/// One piece of a section.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Block {
    /// Prose.
    Paragraph(String),
    /// Short points.
    List(Vec<String>),
    /// Text that keeps its lines and spaces.
    Code(String),
    /// Rows and columns.
    Table(Table),
    /// Lanes over one axis of time.
    Timeline(Timeline),
}
