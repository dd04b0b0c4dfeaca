//! Is it a ramp or a step that the floors show above their season?

/// What describes the floors best: a season that repeats itself, plus a ramp from some slot on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ramp {
    /// The slot from which on it grows.
    pub(super) onset: usize,
    /// Growth for each slot.
    pub(super) slope: f64,
    /// What a step explains worse than the ramp, in sums of squares.
    pub(super) better: f64,
    /// The floors less their season: slot and value.
    pub(super) level: Vec<(f64, f64)>,
    /// The floors less season and ramp, in their order.
    pub(super) rest: Vec<f64>,
}

/// A ramp is no ramp before so many floors.
pub(super) const SHORTEST: usize = 5;

/// Least squares with a mean of its own for each slot of the season, over all places where a ramp, or
/// a step, may begin. Taking out the means of each slot from both sides leaves a simple regression
/// (R. Frisch, F. V. Waugh, Econometrica 1, 1933).
pub(super) fn fit(floors: impl Iterator<Item = Option<f64>>, slots: usize) -> Option<Ramp> {
    let points: Vec<(usize, f64)> =
        floors.enumerate().filter_map(|(place, floor)| Some((place, floor?))).collect();
    let end = points.last()?.0 + 1;
    let means = Means::of(&points, slots, |_, floor| floor);
    let flat: Vec<(usize, f64)> =
        points.iter().map(|(place, floor)| (*place, floor - means.at(*place))).collect();

    let ramp = |onset: usize| move |place: usize| place.saturating_sub(onset) as f64;
    let step = |onset: usize| move |place: usize| f64::from(u8::from(place >= onset));
    let best = |shape: &dyn Fn(usize) -> (f64, f64), from: usize| {
        let fits = (from..end.saturating_sub(SHORTEST - 1)).map(|onset| (onset, shape(onset)));
        fits.fold(None, |best: Option<(usize, f64, f64)>, (onset, (slope, gain))| match best {
            Some((_, _, most)) if gain <= most => best,
            _ => Some((onset, slope, gain)),
        })
    };
    let (onset, slope, gain) = best(&|onset| regress(&flat, slots, ramp(onset)), 0)?;
    let (_, _, other) = best(&|onset| regress(&flat, slots, step(onset)), 1)?;
    let grown = ramp(onset);
    let means = Means::of(&points, slots, |place, floor| floor - slope * grown(place));
    let level: Vec<(f64, f64)> =
        points.iter().map(|(place, floor)| (*place as f64, floor - means.at(*place))).collect();
    let rest = points.iter().zip(&level);
    let rest = rest.map(|((place, _), (_, level))| level - slope * grown(*place)).collect();
    Some(Ramp { onset, slope, better: gain - other, level, rest })
}

/// The factor of a shape, and how much of the squares it explains; nothing of a fall.
fn regress(flat: &[(usize, f64)], slots: usize, shape: impl Fn(usize) -> f64) -> (f64, f64) {
    let means = Means::of(flat, slots, |place, _| shape(place));
    let (mut along, mut squares) = (0.0, 0.0);
    for (place, value) in flat {
        let shape = shape(*place) - means.at(*place);
        along += shape * value;
        squares += shape * shape;
    }
    // What is left of rounding is no shape.
    if squares > 1e-9 && along > 0.0 {
        (along / squares, along * along / squares)
    } else {
        (0.0, 0.0)
    }
}

struct Means(Vec<(f64, f64)>);

impl Means {
    fn of(points: &[(usize, f64)], slots: usize, value: impl Fn(usize, f64) -> f64) -> Self {
        let mut means = vec![(0.0, 0.0); slots];
        for (place, floor) in points {
            let (mean, count) = &mut means[place % slots];
            *count += 1.0;
            *mean += (value(*place, *floor) - *mean) / *count;
        }
        Self(means)
    }

    fn at(&self, place: usize) -> f64 {
        self.0[place % self.0.len()].0
    }
}
