//! Limits on what is the same on every run.

use crate::Row;

/// What a case may cost at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) instructions: Option<f64>,
    pub(crate) allocs: Option<f64>,
    pub(crate) bytes: Option<f64>,
}

impl Limits {
    /// A sentence for each limit that the row is over; what was not measured is over none.
    pub(crate) fn broken_by(&self, row: &Row) -> Vec<String> {
        let limits =
            [("instructions", self.instructions), ("allocs", self.allocs), ("bytes", self.bytes)];
        let over = limits.iter().filter_map(|(field, limit)| {
            let (value, limit) = (row.get(field)?, (*limit)?);
            (value > limit).then(|| format!("{}: {value} {field}, at most {limit}", row.name))
        });
        over.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_met_exactly_holds_and_one_passed_is_named() {
        let limits = Limits { instructions: Some(60.0), allocs: Some(0.0), bytes: None };
        let mut row = Row::new("rely/closed");
        assert!(limits.broken_by(&row).is_empty(), "nothing was measured");
        row.set("instructions", 60.0);
        row.set("allocs", 0.0);
        assert!(limits.broken_by(&row).is_empty());
        row.set("instructions", 60.5);
        row.set("allocs", 0.001);
        let broken = limits.broken_by(&row);
        assert_eq!(broken[0], "rely/closed: 60.5 instructions, at most 60");
        assert_eq!(broken.len(), 2);
    }
}
