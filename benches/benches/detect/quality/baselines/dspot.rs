//! Peaks over a threshold with drift.
//!
//! A. Siffer, P.-A. Fouque, A. Termier, C. Largouët: "Anomaly Detection in Streams with Extreme Value
//! Theory", KDD 2017. The drift is the mean of the last ten values; the threshold is the 98 % point of
//! the first hundred deviations; the tail is a generalised Pareto distribution over the last 2000 peaks,
//! fitted by moments rather than by likelihood. Both sides are one: the deviation has no sign.

use std::collections::VecDeque;

use rely_core::Instant;

use super::Baseline;

const DRIFT: usize = 10;
const FIRST: usize = 100;
const PEAKS: usize = 2000;
/// Rarer ones are anomalies and no peaks to learn from.
const RARE: f64 = 1e-4;

#[derive(Default)]
pub(super) struct Dspot {
    recent: VecDeque<f64>,
    first: Vec<f64>,
    threshold: Option<f64>,
    peaks: VecDeque<f64>,
    seen: usize,
    over: usize,
}

impl Dspot {
    /// The probability of so much over the threshold.
    fn tail(&self, over: f64) -> f64 {
        let count = self.peaks.len() as f64;
        let mean = self.peaks.iter().sum::<f64>() / count;
        let variance = self.peaks.iter().map(|peak| (peak - mean).powi(2)).sum::<f64>() / count;
        let ratio = mean * mean / variance.max(1e-12);
        // A tail that ends would make everything beyond its end equally rare.
        let shape = (0.5 * (1.0 - ratio)).max(0.0);
        let scale = (mean * (1.0 - shape)).max(1e-9);
        let share = self.over as f64 / self.seen as f64;
        let beyond = if shape < 1e-6 {
            (-over / scale).exp()
        } else {
            (1.0 + shape * over / scale).powf(-1.0 / shape)
        };
        share * beyond
    }

    fn begin(&mut self) {
        self.first.sort_by(f64::total_cmp);
        let threshold = self.first[FIRST * 98 / 100];
        self.peaks = self.first.iter().map(|v| v - threshold).filter(|over| *over > 0.0).collect();
        (self.seen, self.over) = (FIRST, self.peaks.len());
        self.threshold = Some(threshold);
    }

    fn judge(&mut self, deviation: f64, threshold: f64) -> f64 {
        self.seen += 1;
        let over = deviation - threshold;
        if over <= 0.0 {
            return 0.0;
        }
        let p = if self.peaks.is_empty() { 1.0 } else { self.tail(over).max(1e-300) };
        if p >= RARE {
            self.over += 1;
            self.peaks.push_back(over);
            if self.peaks.len() > PEAKS {
                self.peaks.pop_front();
            }
        }
        -p.log10()
    }
}

impl Baseline for Dspot {
    fn score(&mut self, _: Instant, value: f64) -> f64 {
        let mut score = 0.0;
        let mut learn = true;
        if self.recent.len() == DRIFT {
            let deviation = (value - self.recent.iter().sum::<f64>() / DRIFT as f64).abs();
            match self.threshold {
                Some(threshold) => score = self.judge(deviation, threshold),
                None => {
                    self.first.push(deviation);
                    if self.first.len() == FIRST {
                        self.begin();
                    }
                }
            }
            // An anomaly does not move the drift.
            learn = score < -RARE.log10();
            if learn {
                self.recent.pop_front();
            }
        }
        if learn {
            self.recent.push_back(value);
        }
        score
    }
}
