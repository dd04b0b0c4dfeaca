use core::time::Duration;

use rely_core::{ConfigError, config};

/// How a [`Miner`](super::Miner) finds templates and what it may take up; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `similarity` | 0.6 | 0.1 to 1 |
/// | `variants` | 5 | 2 to 64 |
/// | `max_templates` | 1024 | 16 to 65536 |
/// | `max_siblings` | 128 | 8 to 1024 |
/// | `max_tokens` | 64 | 4 to 128 |
/// | `max_line_bytes` | 4096 | 64 to 65536 |
/// | `max_template_bytes` | 512 | 64 to 4096 |
/// | `memory` | 1 day | over zero |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How templates of log lines are found."))]
pub struct MinerConfig {
    /// The share of its words that a template keeps at least; lines that share fewer with it stay
    /// apart.
    pub similarity: f64,
    /// So many lines that differ in the same words only are one template, in which those words vary.
    /// Until then each is a template of its own: "up" and "down" are two things to know.
    pub variants: u32,
    /// How many templates are held; the one that was not seen for the longest time gives way.
    pub max_templates: u32,
    /// How many of them may have the same frame: as many tokens, and the same marks between them.
    pub max_siblings: u32,
    /// How many words, values and marks of a line are looked at.
    pub max_tokens: u32,
    /// How many bytes of a line are looked at.
    pub max_line_bytes: u32,
    /// How many bytes of text are held of a template, and of the line that it began with.
    pub max_template_bytes: u32,
    /// How long ago a line is when it counts by 1/e in how rare new templates are.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub memory: Duration,
}

impl Default for MinerConfig {
    fn default() -> Self {
        Self {
            // From 0.3 to 0.7, and from 4 variants to 6, accuracy is about the same on every kind
            // of log it was measured on; these are in the middle.
            similarity: 0.6,
            variants: 5,
            max_templates: 1024,
            max_siblings: 128,
            max_tokens: 64,
            max_line_bytes: 4096,
            max_template_bytes: 512,
            memory: Duration::from_secs(24 * 3600),
        }
    }
}

/// A [`MinerConfig`] that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    pub(super) similarity: f64,
    pub(super) variants: usize,
    pub(super) max_templates: usize,
    pub(super) max_siblings: usize,
    pub(super) max_tokens: usize,
    pub(super) max_line: usize,
    pub(super) max_text: usize,
    pub(super) memory: Duration,
}

impl MinerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.rules().map(|_| ())
    }

    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        let in_range = |name, value: u32, range: core::ops::RangeInclusive<u32>| {
            config::in_range(name, value, range).map(|value| value as usize)
        };
        Ok(Rules {
            similarity: config::in_range("similarity", self.similarity, 0.1..=1.0)?,
            variants: in_range("variants", self.variants, 2..=64)?,
            max_templates: in_range("max_templates", self.max_templates, 16..=65_536)?,
            max_siblings: in_range("max_siblings", self.max_siblings, 8..=1024)?,
            max_tokens: in_range("max_tokens", self.max_tokens, 4..=128)?,
            max_line: in_range("max_line_bytes", self.max_line_bytes, 64..=65_536)?,
            max_text: in_range("max_template_bytes", self.max_template_bytes, 64..=4096)?,
            memory: config::nonzero("memory", self.memory)?,
        })
    }
}
