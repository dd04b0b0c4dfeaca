//! What the machine keeps.

use std::collections::BTreeMap;

use rely_core::Instant;

use super::effect::Counts;
use super::hygiene::Stats;
use super::incident::Incident;
use super::limit::Told;
use super::mute::Silence;
use super::series::Series;
use crate::Labels;

/// The series of a rule.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub(super) struct OfRule(
    #[cfg_attr(feature = "serde", serde(with = "super::pairs"))] pub(super) BTreeMap<Labels, Series>,
);

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Kept {
    /// Time never goes back here.
    pub(super) now: Instant,
    pub(super) next_id: u64,
    /// By the name of the rule.
    pub(super) series: BTreeMap<String, OfRule>,
    pub(super) incidents: BTreeMap<u64, Incident>,
    pub(super) silences: BTreeMap<String, Silence>,
    /// By the name of the receiver.
    pub(super) told: BTreeMap<String, Told>,
    /// By the name of the rule.
    pub(super) stats: BTreeMap<String, Stats>,
    pub(super) counts: Counts,
}

impl Kept {
    pub(super) const fn new() -> Self {
        Self {
            now: Instant::ORIGIN,
            next_id: 1,
            series: BTreeMap::new(),
            incidents: BTreeMap::new(),
            silences: BTreeMap::new(),
            told: BTreeMap::new(),
            stats: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn series_of(&self, rule: &str, labels: &Labels) -> Option<&Series> {
        self.series.get(rule)?.0.get(labels)
    }

    pub(super) fn series_mut(&mut self, rule: &str, labels: &Labels) -> Option<&mut Series> {
        self.series.get_mut(rule)?.0.get_mut(labels)
    }
}
