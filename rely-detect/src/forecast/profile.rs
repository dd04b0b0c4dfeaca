//! What is usual at each time of a day or a week.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

use rely_core::ConfigError;

/// Buckets over a season, each the mean of what fell into it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Profile {
    means: Vec<f32>,
    /// How many samples each has seen, up to `most`; zero for one that knows nothing.
    seen: Vec<u16>,
    /// So many samples a mean reaches back.
    most: u16,
}

/// How many seasons a bucket reaches back: a new habit is half learnt after two or three.
const SEASONS: f64 = 4.0;

impl Profile {
    /// As many buckets as samples come in a season, but `most` at most.
    pub(super) fn new(samples_per_season: f64, most: usize) -> Self {
        let buckets = (samples_per_season.round() as usize).clamp(1, most);
        let visits = SEASONS * samples_per_season / buckets as f64;
        Self {
            means: vec![0.0; buckets],
            seen: vec![0; buckets],
            most: visits.clamp(SEASONS, 60_000.0) as u16,
        }
    }

    /// What is usual at a time of the season, from 0 to 1: between the middles of two buckets a
    /// straight line, so that a steep slope is no surprise.
    pub(super) fn at(&self, phase: f64) -> Option<f64> {
        let buckets = self.means.len();
        let place = phase * buckets as f64 - 0.5 + buckets as f64;
        let (whole, part) = (place as usize, place.fract());
        let left = self.bucket(whole % buckets);
        let right = self.bucket((whole + 1) % buckets);
        match (left, right) {
            (Some(left), Some(right)) => Some(left + part * (right - left)),
            (left, right) => left.or(right),
        }
    }

    fn bucket(&self, index: usize) -> Option<f64> {
        self.seen.get(index).filter(|seen| **seen > 0)?;
        self.means.get(index).copied().map(f64::from)
    }

    pub(super) fn learn(&mut self, phase: f64, value: f64) {
        let index = ((phase * self.means.len() as f64) as usize).min(self.means.len() - 1);
        let (Some(mean), Some(seen)) = (self.means.get_mut(index), self.seen.get_mut(index)) else {
            return;
        };
        *seen = (*seen + 1).min(self.most);
        *mean += (value as f32 - *mean) / f32::from(*seen);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.means.capacity() * size_of::<f32>() + self.seen.capacity() * size_of::<u16>()
    }

    /// A snapshot may come from anywhere.
    pub(super) fn check(&self, most: usize) -> Result<(), ConfigError> {
        let sound = (1..=most).contains(&self.means.len())
            && self.means.len() == self.seen.len()
            && self.means.iter().all(|mean| mean.is_finite())
            && (SEASONS as u16..=60_000).contains(&self.most)
            && self.seen.iter().all(|seen| *seen <= self.most);
        let allowed = "buckets of numbers, at most as many as there are by default";
        if sound {
            Ok(())
        } else {
            Err(ConfigError::new("snapshot.profile", "something else", allowed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_buckets_it_is_a_straight_line() {
        let mut profile = Profile::new(4.0, 100);
        assert_eq!(profile.at(0.3), None);
        profile.learn(0.375, 10.0);
        assert_eq!(
            (profile.at(0.4), profile.at(0.3), profile.at(0.9)),
            (Some(10.0), Some(10.0), None)
        );
        profile.learn(0.625, 20.0);
        assert_eq!(
            (profile.at(0.5), profile.at(0.375), profile.at(0.625)),
            (Some(15.0), Some(10.0), Some(20.0))
        );
        // The last meets the first.
        profile.learn(0.875, 40.0);
        profile.learn(0.0, 50.0);
        assert_eq!((profile.at(0.0), profile.at(0.9999).map(f64::round)), (Some(45.0), Some(45.0)));
    }

    #[test]
    fn a_new_habit_is_learnt_in_a_few_seasons() {
        let mut profile = Profile::new(24.0, 288);
        (0..20).for_each(|_| profile.learn(0.5, 10.0));
        (0..4).for_each(|_| profile.learn(0.5, 20.0));
        let now = profile.at(0.52).unwrap();
        assert!((16.0..18.0).contains(&now), "{now}");
        assert!(profile.check(288).is_ok() && profile.check(20).is_err());
    }
}
