//! How well templates of log lines are found, within what memory, and without allocation.
#![cfg(feature = "logs")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "lines are made for tests"
)]

#[path = "logs/accuracy.rs"]
mod accuracy;
#[path = "logs/allocation.rs"]
mod allocation;
#[path = "logs/bounds.rs"]
mod bounds;
#[path = "logs/formats/mod.rs"]
mod formats;
#[path = "logs/loghub.rs"]
mod loghub;
