//! What a miner knows, as plain data.

use rely_core::{ConfigError, Instant};

use super::miner::Miner;
use super::novelty::Novelty;
use super::template::{Slot, Template, TemplateId};

/// Everything that a [`Miner`] knows, to be kept across restarts.
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly (for
/// `serde_json` that takes its feature `float_roundtrip`). It holds words of lines, and instants, which
/// mean nothing on another clock: see [`MinerSnapshot::rebase`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct MinerSnapshot {
    version: u32,
    lines: u64,
    next: u64,
    novelty: Novelty,
    merged: Vec<(TemplateId, TemplateId)>,
    /// The oldest first.
    templates: Vec<Template>,
}

impl MinerSnapshot {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    pub(super) fn new(miner: &Miner) -> Self {
        let mut templates: Vec<Template> = miner.forest.iter().cloned().collect();
        templates.sort_unstable_by_key(|template| template.id);
        Self {
            version: Self::VERSION,
            lines: miner.lines,
            next: miner.forest.next,
            novelty: miner.novelty,
            merged: miner.merged.iter().copied().collect(),
            templates,
        }
    }

    /// The same on another clock, where `to` is the moment that was `from` on the old one.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        self.novelty.shift(shift);
        for template in &mut self.templates {
            (template.first, template.last) = (shift(template.first), shift(template.last));
        }
        self
    }

    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    pub(super) fn into_miner(mut self, miner: &mut Miner) -> Result<(), ConfigError> {
        let wrong = |field: &str, allowed: &str| {
            Err(ConfigError::new(format!("snapshot.{field}"), "something else", allowed))
        };
        if self.version != Self::VERSION {
            let allowed = Self::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", self.version, allowed));
        }
        if !self.novelty.is_sound() {
            return wrong("novelty", "numbers");
        }
        if !self.templates.is_sorted_by(|a, b| a.id < b.id) {
            return wrong("templates", "each id once, in order");
        }
        let rules = &miner.rules;
        for template in &self.templates {
            if template.id.0 >= self.next || template.used > self.lines {
                return wrong("templates", "ids and uses up to those of the snapshot");
            }
            let text = u32::try_from(template.text.len()).unwrap_or(u32::MAX);
            let sound = |slot: &Slot| slot.start <= slot.end && slot.end <= text;
            if !template.slots.iter().all(sound) {
                return wrong("templates.slots", "words within the text");
            }
        }
        self.templates.retain(|template| {
            template.slots.len() <= rules.max_tokens
                && template.text.len() <= rules.max_text
                && template.example.len() <= rules.max_text
        });
        if self.templates.len() > rules.max_templates {
            // Those that were used last, of equals the newest.
            self.templates.sort_unstable_by_key(|template| (template.used, template.id));
            self.templates.drain(..self.templates.len() - rules.max_templates);
            self.templates.sort_unstable_by_key(|template| template.id);
        }
        let keep = self.merged.len().saturating_sub(rules.max_templates);
        miner.merged = self.merged.into_iter().skip(keep).collect();
        (miner.lines, miner.novelty) = (self.lines, self.novelty);
        miner.forest.next = self.next;
        for mut template in self.templates {
            template.text.shrink_to_fit();
            template.example.shrink_to_fit();
            template.slots.shrink_to_fit();
            miner.forest.insert(template);
        }
        Ok(())
    }
}
