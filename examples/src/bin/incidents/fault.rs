//! Twenty ways in which a service goes wrong: twelve slowly, eight at once.

/// What weighs on the service; the default is nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strain {
    /// So many times the usual.
    pub(crate) traffic: f64,
    pub(crate) cache: f64,
    pub(crate) database: f64,
    pub(crate) work: f64,
    pub(crate) capacity: f64,
    /// Instances that are gone, and the share of the calls that they still get.
    pub(crate) lost: f64,
    pub(crate) lost_unnoticed: f64,
    /// Megabytes and gigabytes in a second.
    pub(crate) leak: f64,
    pub(crate) disk: f64,
    /// Connections that each instance holds in vain.
    pub(crate) connections: f64,
    /// Calls in a second that nobody finishes.
    pub(crate) backlog: f64,
    /// Milliseconds that each call takes longer, and those that take longest.
    pub(crate) delay: f64,
    pub(crate) tail: f64,
    /// The share of calls that fail.
    pub(crate) errors: f64,
    /// Milliseconds, and a share, at the first instance alone.
    pub(crate) one_slow: f64,
    pub(crate) one_fails: f64,
}

impl Strain {
    pub(crate) const NONE: Self = Self {
        traffic: 1.0,
        cache: 1.0,
        database: 1.0,
        work: 1.0,
        capacity: 1.0,
        lost: 0.0,
        lost_unnoticed: 0.0,
        leak: 0.0,
        disk: 0.0,
        connections: 0.0,
        backlog: 0.0,
        delay: 0.0,
        tail: 0.0,
        errors: 0.0,
        one_slow: 0.0,
        one_fails: 0.0,
    };
}

/// How it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onset {
    /// It grows, until users feel it.
    Ramp,
    /// It is there at once.
    Step,
}

#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) onset: Onset,
    /// The strain so many minutes after it began.
    pub(crate) strain: fn(f64) -> Strain,
}

const fn ramp(name: &'static str, strain: fn(f64) -> Strain) -> Kind {
    Kind { name, onset: Onset::Ramp, strain }
}

const fn step(name: &'static str, strain: fn(f64) -> Strain) -> Kind {
    Kind { name, onset: Onset::Step, strain }
}

const NONE: Strain = Strain::NONE;

pub(crate) const KINDS: [Kind; 20] = [
    ramp("code grows slower", |m| Strain { work: 1.0 + 0.08 * m, ..NONE }),
    ramp("answers take longer", |m| Strain { delay: 2.5 * m, ..NONE }),
    ramp("the slowest take longer", |m| Strain { tail: 8.0 * m, ..NONE }),
    ramp("errors grow", |m| Strain { errors: 2e-4 * m, ..NONE }),
    ramp("database slows down", |m| Strain { database: 1.0 + 0.15 * m, ..NONE }),
    ramp("cache goes cold", |m| Strain { cache: (1.0 - 0.02 * m).max(0.0), ..NONE }),
    ramp("memory leaks", |_| Strain { leak: 0.1, ..NONE }),
    ramp("connections leak", |m| Strain { connections: 0.7 * m, ..NONE }),
    ramp("disk fills up", |_| Strain { disk: 0.03, ..NONE }),
    ramp("traffic surges", |m| Strain { traffic: 1.0 + 0.08 * m, ..NONE }),
    ramp("capacity melts away", |m| Strain { capacity: (1.0 - 0.015 * m).max(0.02), ..NONE }),
    ramp("one instance degrades", |m| Strain { one_slow: 4.0 * m, ..NONE }),
    step("outage", |_| Strain { errors: 1.0, ..NONE }),
    step("a fifth fails", |_| Strain { errors: 0.2, ..NONE }),
    step("latency doubles and more", |_| Strain { delay: 60.0, ..NONE }),
    step("traffic is gone", |_| Strain { traffic: 0.2, ..NONE }),
    step("one instance fails", |_| Strain { one_fails: 0.5, ..NONE }),
    step("a dependency hangs", |_| Strain { database: 12.0, ..NONE }),
    step("a bad deploy", |_| Strain { errors: 0.03, work: 1.3, ..NONE }),
    step("a zone is lost", |_| Strain { lost: 2.0, lost_unnoticed: 0.33, ..NONE }),
];
