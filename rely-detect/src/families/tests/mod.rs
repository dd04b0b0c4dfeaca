mod calibration;
mod life;
mod models;

use core::f64::consts::TAU;
use core::time::Duration;

use rely_core::Instant;
use rely_core::rng::Rng;

use crate::Sample;

const STEP: Duration = Duration::from_secs(300);
const A_WEEK: usize = 2016;

/// What a series is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A day and a week of it, and normal noise.
    Seasonal,
    /// Student's t with two and a half degrees of freedom.
    Heavy,
    /// Each sample has four fifths of the one before in it.
    Correlated,
    /// A level that grows by three standard deviations a day, with normal noise.
    Drifting,
    /// Independent and normal.
    Plain,
}

#[derive(Clone, Debug)]
struct Series {
    kind: Kind,
    rng: Rng,
    n: u32,
    carried: f64,
}

impl Series {
    fn new(kind: Kind, seed: u64) -> Self {
        Self { kind, rng: Rng::seeded(seed), n: 0, carried: 0.0 }
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.unit_f64()).ln()).sqrt();
        radius * (TAU * self.rng.unit_f64()).cos()
    }

    fn value(&mut self) -> f64 {
        let noise = self.normal();
        let turns = f64::from(self.n) / A_WEEK as f64;
        match self.kind {
            Kind::Plain => 200.0 + noise,
            Kind::Drifting => 200.0 + noise + 21.0 * turns,
            Kind::Correlated => {
                self.carried = 0.8 * self.carried + noise;
                200.0 + self.carried
            }
            Kind::Heavy => {
                // A chi-square of 2.5 degrees of freedom, as a gamma variate by rejection (Marsaglia, Tsang).
                let d = 1.25 - 1.0 / 3.0;
                let c = 1.0 / (9.0_f64 * d).sqrt();
                let chi = loop {
                    let x = self.normal();
                    let v = (1.0 + c * x).powi(3);
                    let u = 1.0 - self.rng.unit_f64();
                    if v > 0.0 && u.ln() < x * x / 2.0 + d * (1.0 - v + v.ln()) {
                        break 2.0 * d * v;
                    }
                };
                200.0 + noise / (chi / 2.5).sqrt()
            }
            Kind::Seasonal => {
                let day = (TAU * turns * 7.0).sin();
                let week = (TAU * turns).sin();
                (200.0 + 100.0 * day + 30.0 * week) * (1.0 + 0.05 * noise)
            }
        }
    }
}

impl Iterator for Series {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.n += 1;
        let value = self.value();
        Some(Sample::new(Instant::ORIGIN + STEP * self.n, value))
    }
}
