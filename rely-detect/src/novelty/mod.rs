//! The channel that looks for patterns that were never seen.

mod model;
mod patterns;

pub(crate) use model::NoveltyModel;
