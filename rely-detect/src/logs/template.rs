//! What lines have in common.

use core::fmt;
use std::borrow::Cow;

use rely_core::Instant;

use super::mask::Mask;
use super::scan::{Kind, Token};
use super::severity::Severity;

/// Which template; stays the same when the template comes to cover more lines, and is never used
/// again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct TemplateId(pub(super) u64);

impl TemplateId {
    /// As a number, counted from zero in the order in which templates were found.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}", self.0)
    }
}

/// One place of a template.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Slot {
    pub(super) key: u64,
    /// Its word in the text.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: Kind,
    pub(super) spaced: bool,
    /// Whether anything may stand here.
    pub(super) wild: bool,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Template {
    pub(super) id: TemplateId,
    pub(super) slots: Vec<Slot>,
    /// The words of the slots, as far as they have room.
    pub(super) text: Vec<u8>,
    /// The line that it began with, as far as it has room.
    pub(super) example: Vec<u8>,
    /// What all lines with the same marks and as many tokens have in common.
    pub(super) frame: u64,
    pub(super) severity: Option<Severity>,
    pub(super) first: Instant,
    pub(super) last: Instant,
    pub(super) count: u64,
    /// Which line was the last one, counted from the first.
    pub(super) used: u64,
}

/// Where a line and a template differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// The slots, a bit for each.
    pub(super) differ: u128,
    /// How many words are the same.
    pub(super) same: u32,
    /// How many words differ.
    pub(super) words: u32,
    /// How many anything fits.
    pub(super) wild: u32,
}

impl Template {
    pub(super) fn new(
        id: TemplateId,
        frame: u64,
        tokens: &[Token],
        line: &[u8],
        room: usize,
        at: Instant,
    ) -> Self {
        let mut text = Vec::with_capacity(line.len().min(room));
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let slot = |token: &Token| {
            let word = line.get(token.start as usize..token.end as usize).unwrap_or_default();
            let start = text.len();
            if !matches!(token.kind, Kind::Masked(_)) {
                text.extend_from_slice(
                    word.get(..word.len().min(room - start)).unwrap_or_default(),
                );
            }
            let (start, end) = (offset(start), offset(text.len()));
            Slot { key: token.key, start, end, kind: token.kind, spaced: token.spaced, wild: false }
        };
        let slots = tokens.iter().map(slot).collect();
        text.shrink_to_fit();
        let severity = tokens.iter().find_map(|token| match token.kind {
            Kind::Level(severity) => Some(severity),
            _ => None,
        });
        let example = line.get(..line.len().min(room)).unwrap_or_default().to_vec();
        Self { id, slots, text, example, frame, severity, first: at, last: at, count: 0, used: 0 }
    }

    /// Whether it covers `tokens` of the same frame.
    pub(super) fn fits(&self, tokens: &[Token]) -> bool {
        self.slots.iter().zip(tokens).all(|(slot, token)| slot.wild || slot.key == token.key)
    }

    /// How `tokens` of the same frame fit in.
    pub(super) fn fit(&self, tokens: &[Token]) -> Fit {
        let mut fit = Fit { differ: 0, same: 0, words: 0, wild: 0 };
        for (n, (slot, token)) in self.slots.iter().zip(tokens).enumerate() {
            if slot.wild {
                fit.wild += 1;
            } else if slot.key == token.key {
                fit.same += u32::from(slot.kind == Kind::Word);
            } else {
                fit.differ |= 1 << n;
                fit.words += u32::from(slot.kind == Kind::Word && token.kind == Kind::Word);
            }
        }
        fit
    }

    /// Lets anything stand in the slots of `differ`.
    pub(super) fn widen(&mut self, differ: u128) {
        for (n, slot) in self.slots.iter_mut().enumerate() {
            slot.wild |= differ >> n & 1 == 1;
        }
    }

    /// The slots where anything may stand, a bit for each.
    pub(super) fn wild(&self) -> u128 {
        self.slots.iter().enumerate().fold(0, |wild, (n, slot)| wild | u128::from(slot.wild) << n)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.text.capacity() + self.example.capacity()
    }

    pub(super) fn write(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + self.slots.len());
        for (n, slot) in self.slots.iter().enumerate() {
            if slot.spaced && n > 0 {
                text.push(' ');
            }
            match slot.kind {
                _ if slot.wild => text.push_str("<*>"),
                Kind::Masked(mask) => text.push_str(mask.as_str()),
                _ => {
                    let word = self.text.get(slot.start as usize..slot.end as usize);
                    let word = String::from_utf8_lossy(word.unwrap_or_default());
                    if slot.kind == Kind::Mixed {
                        write_shape(&word, &mut text);
                    } else {
                        text.push_str(&word);
                    }
                }
            }
        }
        text
    }
}

/// The word with every number in it left open, as it is compared.
fn write_shape(word: &str, into: &mut String) {
    for (n, part) in word.split(|c: char| c.is_ascii_digit()).enumerate() {
        let number_before = n > 0 && !into.ends_with(Mask::Number.as_str());
        if number_before {
            into.push_str(Mask::Number.as_str());
        }
        into.push_str(part);
    }
}

/// A template as it stands, and how it was used.
#[derive(Clone, Copy, Debug)]
pub struct TemplateView<'a> {
    pub(super) template: &'a Template,
    pub(super) lines: u64,
}

impl<'a> TemplateView<'a> {
    /// Which one it is.
    #[must_use]
    pub const fn id(&self) -> TemplateId {
        self.template.id
    }

    /// The template, such as `took <duration> for <*>`: where values of one kind stand, the name of
    /// the kind, and `<*>` where words differ.
    #[must_use]
    pub fn text(&self) -> String {
        self.template.write()
    }

    /// The line that it began with, cut where it is long.
    #[must_use]
    pub fn example(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(&self.template.example)
    }

    /// What its lines say how bad they are.
    #[must_use]
    pub const fn severity(&self) -> Option<Severity> {
        self.template.severity
    }

    /// When its first line came.
    #[must_use]
    pub const fn first_seen(&self) -> Instant {
        self.template.first
    }

    /// When its last line came.
    #[must_use]
    pub const fn last_seen(&self) -> Instant {
        self.template.last
    }

    /// How many lines it had.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.template.count
    }

    /// Which share of all lines these are, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.template.count as f64 / self.lines.max(1) as f64
    }
}
