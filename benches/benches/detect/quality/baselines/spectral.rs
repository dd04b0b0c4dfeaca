//! Spectral residual.
//!
//! H. Ren et al.: "Time-Series Anomaly Detection Service at Microsoft", KDD 2019. What the spectrum of
//! the last 256 samples holds beyond its own moving average, back in time, and there beyond the mean of
//! the 21 before. Five points are estimated behind the newest, so that it does not lie at the edge.

use std::collections::VecDeque;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rely_core::Instant;

use super::Baseline;

const WINDOW: usize = 256;
const AHEAD: usize = 5;
const SMOOTH: usize = 3;
const BEFORE: usize = 21;

pub(super) struct Residual {
    forth: Arc<dyn RealToComplex<f64>>,
    back: Arc<dyn ComplexToReal<f64>>,
    values: VecDeque<f64>,
}

impl Residual {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let (forth, back) = (planner.plan_fft_forward(WINDOW), planner.plan_fft_inverse(WINDOW));
        Self { forth, back, values: VecDeque::new() }
    }

    /// How much each point of the window stands out.
    fn saliency(&self) -> Vec<f64> {
        let mut window: Vec<f64> = self.values.iter().copied().collect();
        window.resize(WINDOW, self.ahead());
        let mut spectrum = self.forth.make_output_vec();
        self.forth.process(&mut window, &mut spectrum).expect("lengths of the plan's own making");
        let logs: Vec<f64> = spectrum.iter().map(|bin| bin.norm().max(1e-12).ln()).collect();
        for (number, bin) in spectrum.iter_mut().enumerate() {
            let around = &logs[(number + 1).saturating_sub(SMOOTH)..=number];
            let residual = logs[number] - around.iter().sum::<f64>() / around.len() as f64;
            *bin = Complex::from_polar(residual.exp(), bin.arg());
        }
        // The spectrum of real values is real at both ends.
        let last = spectrum.len() - 1;
        (spectrum[0].im, spectrum[last].im) = (0.0, 0.0);
        let mut map = self.back.make_output_vec();
        self.back.process(&mut spectrum, &mut map).expect("lengths of the plan's own making");
        map.iter().map(|value| value.abs()).collect()
    }

    /// The next point: the one five before the newest, carried on by the mean slope to it.
    fn ahead(&self) -> f64 {
        let newest = self.values.len() - 1;
        let slope = |back: usize| (self.values[newest] - self.values[newest - back]) / back as f64;
        let mean = (1..=AHEAD).map(slope).sum::<f64>() / AHEAD as f64;
        self.values[newest + 1 - AHEAD] + mean * AHEAD as f64
    }
}

impl Baseline for Residual {
    fn score(&mut self, _: Instant, value: f64) -> f64 {
        self.values.push_back(value);
        if self.values.len() < WINDOW - AHEAD {
            return 0.0;
        }
        let map = self.saliency();
        let newest = WINDOW - AHEAD - 1;
        let usual = map[newest - BEFORE..newest].iter().sum::<f64>() / BEFORE as f64;
        self.values.pop_front();
        (map[newest] - usual) / usual.max(1e-12)
    }
}
