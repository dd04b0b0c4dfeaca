//! Hatchings, so that a tone or a part never rests on colour alone.

use maud::{Markup, html};

use super::super::plot::{Content, Plot};
use super::Frame;
use crate::report::Tone;

/// Parts of a whole are told apart by this many fills before they repeat.
pub(super) const PARTS: usize = 6;

/// The patterns of a picture, if any of its lanes uses one.
pub(super) fn definitions(frame: &Frame, plot: &Plot<'_>) -> Markup {
    let states = plot.lanes.iter().any(|(_, lane)| matches!(lane, Content::States(_)));
    let weights = plot.lanes.iter().any(|(_, lane)| matches!(lane, Content::Weights(_)));
    html! {
        @if states || weights {
            defs {
                @if states {
                    @for tone in [Tone::Warning, Tone::Bad, Tone::Neutral, Tone::Info] {
                        (pattern(&format!("{}-{}", frame.id, tone.as_str()), tone.as_str(), shape(tone)))
                    }
                }
                @if weights {
                    @for part in (1..PARTS).step_by(2) {
                        (pattern(&format!("{}-part{part}", frame.id), "part", part_shape(part)))
                    }
                }
            }
        }
    }
}

fn pattern(id: &str, class: &str, (shape, turn): (&str, u32)) -> Markup {
    html! {
        pattern id=(id) width="8" height="8" patternUnits="userSpaceOnUse"
            patternTransform={ "rotate(" (turn) ")" } {
            path class={ "hatch h-" (class) } d=(shape) {}
        }
    }
}

const LINE: &str = "M0 4H8";
const TWO_LINES: &str = "M0 2H8M0 6H8";
const DOTS: &str = "M2 2h.1M6 6h.1";

fn shape(tone: Tone) -> (&'static str, u32) {
    match tone {
        Tone::Good | Tone::Info => (LINE, 90),
        Tone::Warning => (LINE, 135),
        Tone::Bad => (TWO_LINES, 45),
        Tone::Neutral => (DOTS, 0),
    }
}

fn part_shape(part: usize) -> (&'static str, u32) {
    match part {
        1 => (LINE, 135),
        3 => (DOTS, 0),
        _ => (LINE, 90),
    }
}
