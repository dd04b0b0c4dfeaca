mod leak;
mod snapshot;
mod statistics;

use core::f64::consts::TAU;
use core::time::Duration;

use rely_core::Instant;
use rely_core::rng::Rng;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: u64 = 1440;

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit_f64()).ln()).sqrt() * (TAU * rng.unit_f64()).cos()
}

/// Minutes of a process's memory, in MB: a level, a daily wave, the saw-tooth of a collector whose
/// cycle differs each time, and noise that resembles itself for about an hour.
#[derive(Clone)]
struct Memory {
    rng: Rng,
    minute: u64,
    base: f64,
    wave: f64,
    saw: f64,
    noise: f64,
    garbage: f64,
    rate: f64,
    ar: f64,
}

impl Memory {
    fn new(seed: u64) -> Self {
        let rng = Rng::seeded(seed).fork("memory");
        let (base, wave, saw, noise) = (1000.0, 75.0, 180.0, 10.0);
        Self { rng, minute: 0, base, wave, saw, noise, garbage: 0.0, rate: 9.0, ar: 0.0 }
    }

    /// The next minute, with `leaked` on top.
    fn next(&mut self, leaked: f64) -> Sample {
        self.garbage += self.rate;
        if self.garbage > self.saw {
            self.garbage = 0.0;
            self.rate = self.saw / (10.0 + 25.0 * self.rng.unit_f64());
        }
        self.ar = 0.98 * self.ar + 0.2 * normal(&mut self.rng);
        let wave = self.wave * (self.minute as f64 * TAU / DAY as f64).sin();
        let value = self.base + wave + self.garbage + self.noise * self.ar + leaked;
        let at = Instant::ORIGIN + MINUTE * u32::try_from(self.minute).unwrap();
        self.minute += 1;
        Sample::new(at, value)
    }

    fn day(&self) -> f64 {
        self.minute as f64 / DAY as f64
    }
}
