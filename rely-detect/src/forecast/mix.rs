//! A forecast that listens most to who was right lately.
#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

/// How many forecasters there are at most.
pub(super) const EXPERTS: usize = 9;
/// Over how many samples an error is remembered.
const ERROR_CENTER: f64 = 100.0;
/// With which power of its error a forecaster loses its say: at twice the error a sixteenth.
const SHARPNESS: i32 = 4;

/// The discounted absolute error of each forecaster, below zero where it has not spoken yet.
///
/// Weights by discounted past loss, as in the prediction with expert advice of N. Cesa-Bianchi and
/// G. Lugosi: "Prediction, Learning, and Games" (2006), with a power in the place of an exponential:
/// it depends on the ratio of errors alone, not on the unit of the series.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Mix {
    errors: Vec<f32>,
}

impl Mix {
    pub(super) fn new(experts: usize) -> Self {
        Self { errors: vec![-1.0; experts] }
    }

    /// The mean of the forecasts, weighted; `floor` is an error that does not matter.
    pub(super) fn forecast(&self, forecasts: &[Option<f64>], floor: f64) -> Option<f64> {
        let spoken =
            |error: &f32| if *error < 0.0 { None } else { Some(f64::from(*error) + floor) };
        let present = forecasts.iter().zip(&self.errors).filter(|(forecast, _)| forecast.is_some());
        let best = present.filter_map(|(_, error)| spoken(error)).fold(f64::INFINITY, f64::min);
        let (mut sum, mut weights) = (0.0, 0.0);
        for (forecast, error) in forecasts.iter().zip(&self.errors) {
            let Some(forecast) = forecast else { continue };
            // Who has not spoken yet is as good as none, unless nobody has.
            let weight = spoken(error).map_or(1e-9, |error| (best / error).powi(SHARPNESS));
            sum += weight * forecast;
            weights += weight;
        }
        if weights > 0.0 { Some(sum / weights) } else { None }
    }

    /// Takes in what the value was; no error counts for more than `most`.
    pub(super) fn learn(&mut self, forecasts: &[Option<f64>], value: f64, share: Share, most: f64) {
        let share = share(ERROR_CENTER);
        for (forecast, error) in forecasts.iter().zip(&mut self.errors) {
            let Some(forecast) = forecast else { continue };
            let off = (value - forecast).abs().min(most) as f32;
            if *error < 0.0 {
                // One that comes late has to earn its say.
                *error = if most.is_finite() { off.max(most as f32 / 4.0) } else { off };
            } else {
                *error += share as f32 * (off - *error);
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.errors.capacity() * size_of::<f32>()
    }

    pub(super) fn is_sound(&self, experts: usize) -> bool {
        self.errors.len() == experts && self.errors.iter().all(|error| error.is_finite())
    }
}

/// From how far back in samples a mean is to weigh, to the share of the next sample.
pub(super) type Share<'a> = &'a dyn Fn(f64) -> f64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_right_lately_has_the_say() {
        let mut mix = Mix::new(3);
        let share = |center: f64| 1.0 / (1.0 + center);
        assert_eq!(mix.forecast(&[None, None, None], 1e-9), None);
        for (right, wrong) in [(0, 1), (1, 0)] {
            for _ in 0..600 {
                let mut forecasts = [None; 3];
                (forecasts[right], forecasts[wrong]) = (Some(10.0), Some(20.0));
                mix.learn(&forecasts, 10.1, &share, f64::INFINITY);
            }
            let mut forecasts = [None; 3];
            (forecasts[right], forecasts[wrong]) = (Some(30.0), Some(40.0));
            let forecast = mix.forecast(&forecasts, 1e-9).unwrap();
            assert!((30.0..30.1).contains(&forecast), "{forecast}");
        }
        // One that has never spoken is heard only if it is alone.
        assert!(mix.forecast(&[Some(30.0), None, Some(90.0)], 1e-9).unwrap() < 30.1);
        assert_eq!(mix.forecast(&[None, None, Some(90.0)], 1e-9), Some(90.0));
    }
}
