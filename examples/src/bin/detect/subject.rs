//! The detectors that the programs for files and for the benchmark run. This is the place where another
//! one is plugged in.

#![allow(dead_code)] // neither program needs all of it

use clap::ValueEnum;
use rely_core::ConfigError;
use rely_detect::ensemble::{EnsembleConfig, Refractory};
use rely_detect::{Detector, Ensemble, Light, Reading, Seasonal};

/// Which detector; each has one parameter set for everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Novelty and forecasts together: the detector to begin with.
    #[default]
    Ensemble,
    /// The forecasts without seasons, in less than a kilobyte.
    Light,
    /// A day's profile, a level and ranked residuals.
    Seasonal,
}

impl Kind {
    /// As it is given on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// From which surprise on a sample is flagged if nobody says otherwise.
    pub(crate) fn default_threshold(self) -> f64 {
        match self {
            Self::Ensemble | Self::Light => Refractory::THRESHOLD,
            Self::Seasonal => 3.0,
        }
    }

    /// A detector that has seen nothing; it may be told how many samples it has to warm up.
    pub(crate) fn make(
        self,
        name: &str,
        warm_up: Option<usize>,
    ) -> Result<Box<dyn Detector>, ConfigError> {
        let warm_up = warm_up.and_then(|samples| u32::try_from(samples).ok());
        let config = EnsembleConfig { warm_up, ..EnsembleConfig::default() };
        Ok(match self {
            Self::Ensemble => Box::new(Ensemble::builder(name).config(config).build()?),
            Self::Light => Box::new(Light::builder(name).config(config).build()?),
            // The residuals that it waits for come after its first season, so that the number says
            // nothing about them.
            Self::Seasonal => Box::new(Seasonal::builder(name).build()?),
        })
    }

    /// What the benchmark is shown of a reading: how rare the sample is.
    pub(crate) fn onset(self) -> Box<dyn FnMut(&Reading) -> f64> {
        match self {
            Self::Ensemble | Self::Light => {
                let mut refractory = Refractory::default();
                Box::new(move |reading| {
                    let surprise = reading.surprise();
                    let silent = refractory.is_silent();
                    if refractory.step(surprise) || !silent { surprise } else { 0.0 }
                })
            }
            Self::Seasonal => Box::new(Reading::surprise),
        }
    }
}
