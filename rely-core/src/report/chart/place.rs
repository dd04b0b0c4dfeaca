//! Labels for points on a line, in rows, so that no label covers another and leaders keep clear of
//! them where there is room.

use super::fit;

/// Height of a row.
pub(super) const ROW: f64 = 16.0;
/// Beyond this many labels nobody reads them in a picture; the text below it has them all.
const MOST: usize = 120;
const SPACE: f64 = 10.0;
const LONGEST: f64 = 240.0;

pub(super) struct Anchor<'a> {
    pub(super) x: f64,
    pub(super) text: &'a str,
}

#[derive(Debug, PartialEq)]
pub(super) struct Label {
    pub(super) row: usize,
    pub(super) anchor: f64,
    pub(super) x: f64,
    pub(super) leftwards: bool,
    pub(super) text: String,
    from: f64,
    to: f64,
}

impl Label {
    pub(super) fn align(&self) -> &'static str {
        if self.leftwards { "end" } else { "start" }
    }
}

pub(super) struct Placed {
    /// One for each anchor; none where there was no room.
    pub(super) labels: Vec<Option<Label>>,
    pub(super) rows: usize,
}

/// Places labels at, or left of, their anchors, in at most `most_rows` rows between the edges. The
/// text starts `inset` beside the anchor.
pub(super) fn place(
    anchors: &[Anchor<'_>],
    edge: (f64, f64),
    most_rows: usize,
    inset: f64,
) -> Placed {
    let mut labels: Vec<Option<Label>> = anchors.iter().map(|_| None).collect();
    // From the right: a label then never lies under the leader of one further left. Those that have
    // to turn left come next, and last those whose leader has to run behind other labels.
    type Rule = (fn(&Label) -> bool, fn(&Label, &Label) -> bool);
    let passes: [Rule; 3] =
        [(|label| !label.leftwards, apart), (|_| true, apart), (|_| true, beside)];
    for (eligible, clear) in passes {
        for (index, anchor) in anchors.iter().enumerate().rev().take(MOST) {
            if labels.get(index).is_none_or(Option::is_some) {
                continue;
            }
            let found = candidates(anchor, edge, most_rows, inset)
                .filter(eligible)
                .find(|label| labels.iter().flatten().all(|other| clear(label, other)));
            if let Some(slot) = labels.get_mut(index) {
                *slot = found;
            }
        }
    }
    let rows = labels.iter().flatten().map(|label| label.row + 1).max().unwrap_or(0);
    Placed { labels, rows }
}

fn candidates<'a>(
    anchor: &'a Anchor<'_>,
    edge: (f64, f64),
    most_rows: usize,
    inset: f64,
) -> impl Iterator<Item = Label> + 'a {
    let wish = fit::fit(anchor.text, LONGEST);
    let x = anchor.x;
    let right = wish.clone().filter(|text| x + inset + fit::width(text) <= edge.1);
    let left = wish.filter(|text| x - inset - fit::width(text) >= edge.0);
    // Where neither side has the room, the wider side gets what fits.
    let short = (right.is_none() && left.is_none()).then(|| {
        let leftwards = x - edge.0 > edge.1 - x;
        let room = if leftwards { x - edge.0 } else { edge.1 - x } - inset;
        fit::fit(anchor.text, room).map(|text| (leftwards, text))
    });
    let sides: Vec<_> = right
        .map(|text| (false, text))
        .into_iter()
        .chain(left.map(|text| (true, text)))
        .chain(short.flatten())
        .collect();
    // All rows of one side first: a label that turns left lies under the leaders of its neighbours.
    sides.into_iter().flat_map(move |(leftwards, text)| {
        let width = fit::width(&text);
        let x = if leftwards { anchor.x - inset } else { anchor.x + inset };
        let (from, to) = if leftwards { (x - width, x) } else { (x, x + width) };
        (0..most_rows).map(move |row| Label {
            row,
            anchor: anchor.x,
            x,
            leftwards,
            text: text.clone(),
            from,
            to,
        })
    })
}

/// Neither text nor leader of one touches the other.
fn apart(one: &Label, other: &Label) -> bool {
    let crosses = |deep: &Label, shallow: &Label| {
        deep.row > shallow.row && deep.anchor > shallow.from - 3.0 && deep.anchor < shallow.to + 3.0
    };
    beside(one, other) && !crosses(one, other) && !crosses(other, one)
}

/// The texts do not touch.
fn beside(one: &Label, other: &Label) -> bool {
    one.row != other.row || one.from >= other.to + SPACE || other.from >= one.to + SPACE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_take_rows_and_the_last_turns_left() {
        let anchors = [(10.0, "first"), (20.0, "second"), (290.0, "third")]
            .map(|(x, text)| Anchor { x, text });
        let placed = place(&anchors, (0.0, 300.0), 3, 4.0);
        let seen: Vec<_> = placed.labels.iter().flatten().map(|l| (l.row, l.leftwards)).collect();
        assert_eq!(seen, [(1, false), (0, false), (0, true)]);
        assert_eq!(placed.rows, 2);
    }

    proptest! {
        #[test]
        fn no_two_labels_touch_and_none_leaves_the_edges(
            mut points in prop::collection::vec((0.0..300.0, "[a-z]{1,40}"), 0..40),
        ) {
            points.sort_by(|a: &(f64, String), b| a.0.total_cmp(&b.0));
            let anchors: Vec<_> =
                points.iter().map(|(x, text)| Anchor { x: *x, text }).collect();
            let placed = place(&anchors, (0.0, 300.0), 4, 4.0);
            let labels: Vec<_> = placed.labels.iter().flatten().collect();
            for (i, one) in labels.iter().enumerate() {
                prop_assert!(one.from >= -1e-6 && one.to <= 300.0 + 1e-6);
                for other in &labels[i + 1..] {
                    prop_assert!(beside(one, other), "{one:?} {other:?}");
                }
            }
            prop_assert!(anchors.is_empty() || !labels.is_empty());
        }
    }
}
