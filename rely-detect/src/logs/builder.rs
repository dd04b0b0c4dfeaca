use core::time::Duration;

use rely_core::ConfigError;

use super::{Miner, MinerConfig, MinerSnapshot};

/// How a [`Miner`] is made; see [`MinerConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct MinerBuilder {
    name: String,
    config: MinerConfig,
}

impl MinerBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, config: MinerConfig::default() }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: MinerConfig) -> Self {
        self.config = config;
        self
    }

    /// The share of its words that a template keeps at least.
    pub const fn similarity(mut self, share: f64) -> Self {
        self.config.similarity = share;
        self
    }

    /// How many lines that differ in the same words only are one template.
    pub const fn variants(mut self, lines: u32) -> Self {
        self.config.variants = lines;
        self
    }

    /// How many templates are held.
    pub const fn max_templates(mut self, templates: u32) -> Self {
        self.config.max_templates = templates;
        self
    }

    /// How many templates may have the same frame.
    pub const fn max_siblings(mut self, templates: u32) -> Self {
        self.config.max_siblings = templates;
        self
    }

    /// How many words, values and marks of a line are looked at.
    pub const fn max_tokens(mut self, tokens: u32) -> Self {
        self.config.max_tokens = tokens;
        self
    }

    /// How many bytes of a line are looked at.
    pub const fn max_line_bytes(mut self, bytes: u32) -> Self {
        self.config.max_line_bytes = bytes;
        self
    }

    /// How many bytes of text are held of a template, and of the line that it began with.
    pub const fn max_template_bytes(mut self, bytes: u32) -> Self {
        self.config.max_template_bytes = bytes;
        self
    }

    /// How long ago a line is when it counts by 1/e in how rare new templates are.
    pub const fn memory(mut self, memory: Duration) -> Self {
        self.config.memory = memory;
        self
    }

    /// The miner, which knows no template yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Miner, ConfigError> {
        Ok(Miner::new(self.name, self.config.rules()?))
    }

    /// The miner, which goes on where `snapshot` was taken.
    ///
    /// The caps may have become smaller: what was not seen for the longest time is left out.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore(self, snapshot: MinerSnapshot) -> Result<Miner, ConfigError> {
        let mut miner = self.build()?;
        snapshot.into_miner(&mut miner)?;
        Ok(miner)
    }
}
