//! The measure of one picture: its width, where the plot lies in it, and where a time lies in that.

use maud::{Markup, html};

use super::super::number::coordinate as n;
use super::super::words::Text;
use super::fit;

/// For which width a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Form {
    /// A page: names at the left of the lanes, labels at the right.
    Wide,
    /// A phone: names above the lanes, the plot over the whole width.
    Narrow,
}

impl Form {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Wide => "w",
            Self::Narrow => "n",
        }
    }
}

pub(super) struct Frame {
    pub(super) form: Form,
    pub(super) width: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) from: f64,
    pub(super) to: f64,
    /// Unique in the page; everything with an id in this picture begins with it.
    pub(super) id: String,
}

/// A finished part of a picture, drawn from y = 0 downwards.
pub(super) struct Drawn {
    pub(super) height: f64,
    pub(super) body: Markup,
    /// What was drawn coarser than it was given.
    pub(super) note: Option<String>,
}

impl Frame {
    pub(super) fn new(form: Form, from: f64, to: f64, id: String) -> Self {
        let (width, left, right) = match form {
            Form::Wide => (840.0, 140.0, 732.0),
            Form::Narrow => (328.0, 1.0, 327.0),
        };
        Self { form, width, left, right, from, to, id }
    }

    /// Where a time lies; never outside of the plot.
    pub(super) fn x(&self, at: f64) -> f64 {
        let share = ((at - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.left + share * (self.right - self.left)
    }

    /// Columns of pixels in the plot.
    pub(super) fn columns(&self) -> usize {
        match self.form {
            Form::Wide => 592,
            Form::Narrow => 326,
        }
    }

    /// How far labels may reach.
    pub(super) fn edge(&self) -> (f64, f64) {
        match self.form {
            Form::Wide => (self.left, self.width),
            Form::Narrow => (0.0, self.width),
        }
    }

    /// A lane's name and unit: beside the plot, or above it.
    pub(super) fn header(&self, name: &str, unit: &str) -> Drawn {
        match self.form {
            Form::Wide => {
                // A series keeps room for the numbers at its axis.
                let room = if unit.is_empty() { self.left - 16.0 } else { self.left - 56.0 };
                let mut lines: Vec<_> =
                    fit::wrap(name, room, 3).into_iter().map(|line| ("lane", line)).collect();
                lines.extend(fit::wrap(unit, room, 1).into_iter().map(|line| ("unit", line)));
                let mut height = 0.0;
                let body = html! {
                    @for (class, line) in lines {
                        text class=(class) x="0" y=(n({ height += 15.0; height })) { (Text(&line)) }
                    }
                };
                Drawn { height, body, note: None }
            }
            Form::Narrow => {
                let unit = fit::fit(unit, 90.0).unwrap_or_default();
                let name = fit::fit_bold(name, self.width - fit::width(&unit) - 12.0);
                let body = html! {
                    text class="lane" x="0" y="12" {
                        (Text(&name.unwrap_or_default()))
                        @if !unit.is_empty() { tspan class="unit" dx="6" { (Text(&unit)) } }
                    }
                };
                Drawn { height: 20.0, body, note: None }
            }
        }
    }
}
