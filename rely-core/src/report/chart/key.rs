//! A line of samples with names, for what found no label of its own.

use maud::{Markup, html};

use super::super::number::coordinate as n;
use super::super::words::Text;
use super::fit;
use super::frame::{Drawn, Frame};

/// Sets the entries from left to right, in as many rows as they need. `sample` draws the sample of
/// an entry at a place, 18 wide and 12 high.
pub(super) fn draw<'a, T>(
    entries: impl Iterator<Item = (T, &'a str)>,
    frame: &Frame,
    sample: impl Fn(T, f64, f64) -> Markup,
) -> Drawn {
    let (mut x, mut row) = (frame.left, 0.0);
    let mut drawn = Vec::new();
    for (entry, name) in entries {
        let Some(name) = fit::fit(name, frame.right - frame.left - 40.0) else { continue };
        let width = 24.0 + fit::width(&name);
        if x > frame.left && x + width > frame.right {
            (x, row) = (frame.left, row + 16.0);
        }
        drawn.push(html! {
            (sample(entry, x, row))
            text class="out" x=(n(x + 24.0)) y=(n(row + 10.0)) { (Text(&name)) }
        });
        x += width + 14.0;
    }
    let height = if drawn.is_empty() { 0.0 } else { row + 18.0 };
    Drawn { height, body: html! { @for entry in drawn { (entry) } }, note: None }
}
