//! One self-contained HTML page for every report of the family.
//!
//! A [`Report`] is plain data: a title, a [`Finding`], a few facts, and [`Section`]s of prose,
//! [`Table`]s and [`Timeline`]s. [`Report::to_html`] turns it into one file that needs no script,
//! no network and no font: it opens from a disk, an artefact store or a mail attachment, in light
//! and dark, on a phone and on paper.
//!
//! - **What it is given is text.** Every string is escaped; control characters and characters that
//!   reorder a line are made visible. Identifiers and styles never come from a string. The page
//!   forbids itself scripts and requests with a content security policy.
//! - **The same report gives the same bytes**, so a page can be compared, cached and signed.
//! - **Bad input costs a remark, not a page.** A time or value that is no number, an interval that
//!   ends before it starts: they are left out, and the page says so.
//! - **A picture is never the only copy.** Below each timeline stands the same content as text, and
//!   a tone always comes with a word, a shape or a pattern.
//! - **Long series are thinned** to the first, lowest, highest and last value in each column of
//!   pixels, so a spike stays and a month of points makes a small page. The page says so. Tables
//!   are never cut.
//!
//! ```
//! use rely_core::report::{Finding, Report, Section, States, Timeline, Tone};
//!
//! let breaker = States::new("breaker")
//!     .state(0.0, 12.0, "closed", Tone::Good)
//!     .state(12.0, 17.1, "open", Tone::Bad);
//! let html = Report::new("Game day")
//!     .finding(Finding::Held, "Checkout kept answering while the vendor was down.")
//!     .fact("Seed", 42)
//!     .section(
//!         Section::new("What happened")
//!             .paragraph("The vendor went dark after twelve seconds.")
//!             .timeline(Timeline::new("The breaker").lane(breaker)),
//!     )
//!     .to_html();
//! assert!(html.starts_with("<!DOCTYPE html>"));
//! ```

mod chart;
mod lanes;
mod model;
mod number;
mod page;
mod plot;
mod table;
mod text;
mod timeline;
mod words;

pub use lanes::{Line, Marks, Series, States, Weights};
pub use model::{Block, Finding, Report, Section, Tone};
pub use table::{Align, Cell, Table};
pub use timeline::{Lane, Phase, Seconds, Timeline};

#[cfg(test)]
mod tests;
