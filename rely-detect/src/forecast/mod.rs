//! The channel that compares each sample with a forecast.

mod mix;
mod model;
mod profile;

pub(crate) use model::Forecaster;
