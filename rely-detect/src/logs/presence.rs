//! How long a template stays away, and whether it ever did before.

/// In which steps a template was there, as a chain of two states, there and away.
///
/// Each way of going on from a state is counted. What comes next has the chance that Laplace's rule of
/// succession gives: of nothing known, the chance of staying away for n steps falls as 1/n only, and
/// the more often the template came back soon, the faster it falls. A template that comes in bursts
/// is so given its pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Presence {
    /// Steps in which it was there, after one in which it was there.
    stayed: u32,
    /// How often it went away.
    left: u32,
    /// Steps of former absences but the first of each.
    away: u32,
    /// How many steps the absence of now lasts.
    absent: u32,
    /// How likely so long an absence was.
    p: f64,
}

impl Presence {
    pub(super) const fn new() -> Self {
        Self { stayed: 0, left: 0, away: 0, absent: 0, p: 1.0 }
    }

    /// Takes in a step.
    pub(super) fn step(&mut self, there: bool) {
        let count = f64::from;
        if there {
            if self.absent > 0 {
                self.left = self.left.saturating_add(1);
                self.away = self.away.saturating_add(self.absent - 1);
            } else {
                self.stayed = self.stayed.saturating_add(1);
            }
            (self.absent, self.p) = (0, 1.0);
            // Old steps fade, so that a new habit is learnt.
            if self.stayed.max(self.away) > 20_000 {
                (self.stayed, self.left) = (self.stayed / 2, self.left / 2);
                self.away /= 2;
            }
        } else if self.absent == 0 {
            self.p = (count(self.left) + 1.0) / (count(self.stayed) + count(self.left) + 2.0);
            self.absent = 1;
        } else {
            let lasted = count(self.away) + count(self.absent);
            self.p *= lasted / (lasted + count(self.left) + 1.0);
            self.absent = self.absent.saturating_add(1);
        }
    }

    /// How likely so long an absence is; one while it is there.
    pub(super) const fn p_value(&self) -> f64 {
        self.p
    }

    /// In how many steps it was there, but the first.
    pub(super) const fn seen(&self) -> u32 {
        self.stayed.saturating_add(self.left)
    }

    pub(super) fn is_sound(&self) -> bool {
        (0.0..=1.0).contains(&self.p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: &[(bool, u32)]) -> Presence {
        let mut presence = Presence::new();
        for (there, times) in steps {
            (0..*times).for_each(|_| presence.step(*there));
        }
        presence
    }

    #[test]
    fn an_absence_is_as_rare_as_the_habit_makes_it() {
        // Unknown before: 1 in 102 to go, and 1/n to stay away.
        let regular = after(&[(true, 100), (false, 10)]);
        assert!((regular.p_value() - 1.0 / 102.0 / 10.0).abs() < 1e-12);
        // Every other step, for long: ten away are rare.
        let alternating: Vec<_> = (0..200).map(|n| (n % 2 == 0, 1)).chain([(false, 9)]).collect();
        assert!(after(&alternating).p_value() < 1e-9);
        // Pauses of ten steps are its habit.
        let bursts: Vec<_> = (0..200).map(|n| (n % 2 == 0, 10)).collect();
        assert!(after(&bursts).p_value() > 1e-3);
        assert!((after(&[(false, 5), (true, 1)]).p_value() - 1.0).abs() < 1e-12);
    }
}
