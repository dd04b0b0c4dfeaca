//! Lines of five formats, made from a seed, each with the label of what made it.

mod access;
mod database;
mod json;
mod kernel;
mod service;

use rely_core::rng::Rng;

pub(crate) struct Format {
    pub(crate) name: &'static str,
    /// So many lines from a seed.
    pub(crate) lines: fn(u64, usize) -> Vec<(String, &'static str)>,
}

pub(crate) const ALL: [Format; 5] = [
    Format { name: "access", lines: access::lines },
    Format { name: "json", lines: json::lines },
    Format { name: "kernel", lines: kernel::lines },
    Format { name: "service", lines: service::lines },
    Format { name: "database", lines: database::lines },
];

const USERS: [&str; 16] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory",
    "niaj", "olivia", "peggy", "rupert", "sybil",
];

/// Chance for those who make lines.
struct Dice(Rng);

impl Dice {
    fn new(seed: u64, format: &str) -> Self {
        Self(Rng::seeded(seed).fork(format))
    }

    fn up_to(&mut self, n: u64) -> u64 {
        self.0.below(n)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.0.below(of.len() as u64)).unwrap()]
    }

    /// Which of some kinds of line, by their weights.
    fn kind(&mut self, weights: &[u64]) -> usize {
        let mut left = self.0.below(weights.iter().sum());
        for (n, weight) in weights.iter().enumerate() {
            if left < *weight {
                return n;
            }
            left -= weight;
        }
        unreachable!()
    }

    fn user(&mut self) -> &'static str {
        self.one(&USERS)
    }

    fn ip(&mut self) -> String {
        format!("10.{}.{}.{}", self.up_to(256), self.up_to(256), self.up_to(256))
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.0.next_u64(), self.0.next_u64());
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFFF,
            b >> 48,
            b & 0xFFFF_FFFF_FFFF
        )
    }

    fn hex(&mut self) -> String {
        format!("{:016x}", self.0.next_u64())
    }
}

/// The time of day of the `n`th line.
fn clock(n: usize) -> String {
    format!("{:02}:{:02}:{:02}", n / 1200 % 24, n / 20 % 60, n * 3 % 60)
}
