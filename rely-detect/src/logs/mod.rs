//! Log lines: what templates they have, which are new, which vanish, and how often each comes.
//!
//! A [`Miner`] takes lines apart in one pass over their bytes, without regular expressions. What varies
//! by its form alone is [masked](Mask): numbers, times, durations, sizes, addresses, paths, long
//! identifiers and strings in quotes; of a word such as `eth0` the number only. Lines with as many
//! tokens and the same marks between them may have the same template. They have it if they differ in
//! values alone, or if so many of them differ in the same few words that these must vary; until then
//! each is a template of its own, since "link up" is not "link down". A template keeps its
//! [id](TemplateId) when it comes to cover more, and an id that was taken in
//! [leads on](Miner::resolve).
//!
//! A [`LogWatch`] tells what is worth to know:
//!
//! | [event](LogEvent) | p-value |
//! |---|---|
//! | a new template | the chance that a line brings one: the share of lines whose template was seen once (Good and Turing), of late |
//! | one that stays away | the chance of so long an absence, from its former ones |
//! | the rate of one, the share of errors | that of a [`Detector`](crate::Detector), a [`Seasonal`](crate::Seasonal) without a season by default |
//!
//! Memory is bounded whatever the lines are: [`Miner::max_bytes`] says by how much. For lines whose
//! template is known nothing is allocated.

mod builder;
mod config;
mod event;
mod forest;
mod hash;
mod live;
mod mask;
mod measure;
mod miner;
mod novelty;
mod presence;
mod quote;
mod scan;
mod severity;
mod state;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod watch;
mod watch_builder;
mod watch_config;
mod watch_state;

pub use builder::MinerBuilder;
pub use config::MinerConfig;
pub use event::LogEvent;
pub use live::WatchedLog;
pub use mask::Mask;
pub use miner::{Change, Line, Miner};
pub use severity::Severity;
pub use state::MinerSnapshot;
pub use template::{TemplateId, TemplateView};
pub use watch::LogWatch;
pub use watch_builder::LogWatchBuilder;
pub use watch_config::LogWatchConfig;
pub use watch_state::LogWatchSnapshot;

/// What a template takes up besides its text and its slots.
const TEMPLATE_BYTES: usize = size_of::<template::Template>();
