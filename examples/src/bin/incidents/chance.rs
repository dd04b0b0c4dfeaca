//! Draws from the few distributions that a service is made of.

use core::f64::consts::TAU;

use rely_core::rng::Rng;

/// Over 0 and at most 1.
fn unit(rng: &mut Rng) -> f64 {
    // 53 bits fit a float exactly.
    ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// Normal, mean 0 and deviation 1 (Box and Muller, 1958).
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * unit(rng).ln()).sqrt() * (TAU * unit(rng)).cos()
}

/// How many of events that come `mean` times on average. Beyond fifty the normal distribution is as good.
pub(crate) fn poisson(rng: &mut Rng, mean: f64) -> f64 {
    if mean > 50.0 {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0);
    }
    let (mut count, mut product, limit) = (0.0, unit(rng), (-mean).exp());
    while product > limit {
        product *= unit(rng);
        count += 1.0;
    }
    count
}

/// How many of `trials`, each with the chance `p`.
pub(crate) fn binomial(rng: &mut Rng, trials: f64, p: f64) -> f64 {
    let p = p.clamp(0.0, 1.0);
    if p > 0.5 {
        return trials - binomial(rng, trials, 1.0 - p);
    }
    let mean = trials * p;
    if mean > 50.0 {
        let deviation = (mean * (1.0 - p)).sqrt();
        return (mean + deviation * normal(rng)).round().clamp(0.0, trials);
    }
    // Rare events come as if each were on its own.
    if p < 0.02 {
        return poisson(rng, mean).min(trials);
    }
    let (mut left, mut count) = (trials, 0.0);
    while left >= 1.0 {
        left -= 1.0;
        count += if unit(rng) <= p { 1.0 } else { 0.0 };
    }
    count
}

/// Noise that remembers: each value has `memory` of the one before in it, and a deviation of 1.
#[derive(Clone, Debug)]
pub(crate) struct Wander {
    memory: f64,
    value: f64,
}

impl Wander {
    pub(crate) const fn new(memory: f64) -> Self {
        Self { memory, value: 0.0 }
    }

    pub(crate) fn next(&mut self, rng: &mut Rng) -> f64 {
        let fresh = (1.0 - self.memory * self.memory).sqrt();
        self.value = self.memory * self.value + fresh * normal(rng);
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_the_spread_that_they_should() {
        let mut rng = Rng::seeded(1);
        let mut check = |mean: f64, variance: f64, draw: &mut dyn FnMut(&mut Rng) -> f64| {
            let draws: Vec<f64> = (0..20_000).map(|_| draw(&mut rng)).collect();
            let found = draws.iter().sum::<f64>() / 20_000.0;
            let spread = draws.iter().map(|x| (x - found).powi(2)).sum::<f64>() / 20_000.0;
            assert!(
                (found - mean).abs() < 5.0 * (variance / 20_000.0).sqrt(),
                "{found} for {mean}"
            );
            assert!((spread / variance - 1.0).abs() < 0.1, "{spread} for {variance}");
        };
        check(0.0, 1.0, &mut normal);
        check(3.0, 3.0, &mut |rng| poisson(rng, 3.0));
        check(300.0, 300.0, &mut |rng| poisson(rng, 300.0));
        check(10.0, 9.0, &mut |rng| binomial(rng, 100.0, 0.1));
        check(90.0, 9.0, &mut |rng| binomial(rng, 100.0, 0.9));
        check(400.0, 240.0, &mut |rng| binomial(rng, 1000.0, 0.4));
        let mut wander = Wander::new(0.8);
        let values: Vec<f64> = (0..50_000).map(|_| wander.next(&mut rng)).collect();
        let kept = values.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / 50_000.0;
        assert!((kept - 0.8).abs() < 0.05, "{kept}");
    }
}
