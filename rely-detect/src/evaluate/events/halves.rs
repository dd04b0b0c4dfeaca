//! A threshold is chosen on half of the series and reported on the other half.

use super::{Curve, Judged, Outcome, Rules};

/// Outcomes on series that the threshold was not chosen on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Swapped {
    /// On the [odd](is_odd) series, by the threshold of the others.
    pub odd: Outcome,
    /// On the other series, by the threshold of the odd ones.
    pub even: Outcome,
}

impl Swapped {
    /// Both together, all series. The threshold means nothing and is not a number.
    #[must_use]
    pub fn all(&self) -> Outcome {
        Outcome { threshold: f64::NAN, ..self.odd.and(&self.even) }
    }
}

/// Which half a series is in: whether the 64-bit FNV-1a hash of its name is odd.
///
/// (G. Fowler, L. Noll, K.-P. Vo: "The FNV Non-Cryptographic Hash Algorithm"; no matter how many
/// series come or go, each stays in its half.)
#[must_use]
pub fn is_odd(name: &str) -> bool {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step) % 2 == 1
}

/// Lets `choose` pick a threshold on each half of the series and scores the other half by it.
///
/// ```
/// use rely_core::Instant;
/// use rely_detect::evaluate::{Judged, events};
///
/// let series = ["zone-1", "zone-2"].map(|name| {
///     let mut judged = Judged::new(name);
///     for minute in 0..1_000_u64 {
///         let score = if minute == 700 { 3.0 } else { 0.0 };
///         judged.push(Instant::from_nanos(minute * 60_000_000_000), score);
///     }
///     judged.label(700..705);
///     judged
/// });
/// let rules = events::Rules::default();
/// let outcome = events::swapped(&series, &rules, events::Curve::best).all();
/// assert_eq!((outcome.found, outcome.false_episodes), (2, 0));
/// ```
pub fn swapped(series: &[Judged], rules: &Rules, choose: impl Fn(&Curve) -> Outcome) -> Swapped {
    let half = |odd: bool| series.iter().filter(move |judged| is_odd(judged.name()) == odd);
    let (odd, even) = (Curve::new(half(true), rules), Curve::new(half(false), rules));
    Swapped { odd: odd.at(choose(&even).threshold), even: even.at(choose(&odd).threshold) }
}
