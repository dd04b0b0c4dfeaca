//! The shell: points in, verdicts out.

use core::time::Duration;

use rely_core::{ConfigError, Instant, Point, Ratio, Signal, Verdict, config};

use super::{Basis, Counts, Finding, ShareConfig, ShareRule};

/// Judges the share of failures, soft ones included, among the calls that count.
///
/// Calls that were ignored, cancelled or rejected by a part of ours do not count, so that an open
/// breaker never feeds the judgement that opened it. See [`ShareSignal`] for what the verdict holds,
/// and the [module's documentation](super) for the rules.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Level, Meter, Outcome, Signal};
/// use rely_detect::FailureShare;
///
/// let point = Meter::builder("orders").build()?.point("queue");
/// let signal = FailureShare::builder(point.clone()).build()?;
/// for _ in 0..30 {
///     point.record(Outcome::FAILURE, Duration::from_millis(3));
/// }
/// let verdict = signal.verdict(point.clock().now());
/// assert_eq!(verdict.level, Level::Unhealthy);
/// assert_eq!(verdict.reason, "failure share of 100.00 % is over the limit of 5 %");
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub type FailureShare = ShareSignal<Failures>;

/// Judges the share of successes that took longer than an objective.
///
/// Failures do not count here, since a fast failure is not a fast answer: put a [`FailureShare`]
/// beside it. Latencies are compared to the precision of the meter's scale: those that share a
/// bucket with the objective count as in time. See [`ShareSignal`] for what the verdict holds, and
/// the [module's documentation](super) for the rules.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Level, Meter, Outcome, Ratio, Signal};
/// use rely_detect::LatencyOver;
///
/// let point = Meter::builder("orders").build()?.point("queue");
/// // At most one call in ten may take longer than 200 ms.
/// let signal = LatencyOver::builder(point.clone(), Duration::from_millis(200))
///     .limit(Ratio::percent(10.0)?)
///     .build()?;
/// for n in 0..200 {
///     point.record(Outcome::SUCCESS, Duration::from_millis(100 + n));
/// }
/// let verdict = signal.verdict(point.clock().now());
/// assert_eq!(verdict.level, Level::Unhealthy);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub type LatencyOver = ShareSignal<Slow>;

/// What a [`ShareSignal`] measures: [`Failures`] or [`Slow`] calls.
pub trait Measure: sealed::Sealed + Send + Sync {
    /// The bad calls and those that count at one point.
    #[doc(hidden)]
    fn counts(&self, point: &Point, now: Instant) -> Counts;

    /// Whether it can be measured there.
    #[doc(hidden)]
    fn check(&self, point: &Point) -> Result<(), ConfigError>;

    /// Its name in reasons.
    #[doc(hidden)]
    const WORDS: &'static str;

    /// Its name in evidence.
    #[doc(hidden)]
    const NAME: &'static str;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Failures {}
    impl Sealed for super::Slow {}
}

/// The measure of a [`FailureShare`].
#[derive(Clone, Copy, Debug)]
pub struct Failures(());

impl Measure for Failures {
    const WORDS: &'static str = "failure share";
    const NAME: &'static str = "failure_share";

    fn counts(&self, point: &Point, now: Instant) -> Counts {
        point.tally(now).into()
    }

    fn check(&self, _: &Point) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// The measure of a [`LatencyOver`].
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    objective: Duration,
}

impl Measure for Slow {
    const WORDS: &'static str = "share of slow calls";
    const NAME: &'static str = "slow_share";

    fn counts(&self, point: &Point, now: Instant) -> Counts {
        let latency = point.snapshot(now).latency;
        Counts::new(latency.count() - latency.at_most(self.objective), latency.count())
    }

    fn check(&self, point: &Point) -> Result<(), ConfigError> {
        // The highest latencies share the last bucket, which spans at most a sixteenth of them.
        let scale = point.snapshot(Instant::ORIGIN).latency.scale();
        let highest = scale.highest() / 16 * 15;
        config::in_range("objective", self.objective, scale.lowest()..=highest)?;
        Ok(())
    }
}

/// A share of a meter's window as a [`Signal`]: a [`FailureShare`] or a [`LatencyOver`].
///
/// A verdict holds
///
/// * the score, from 0 (the share is surely within its limit) to 1 (surely over);
/// * as samples, the calls of the window, those of the baseline included;
/// * as evidence `failure_share` or `slow_share`, `lower`, `upper` and `limit`, and with a baseline
///   also `baseline_share` and `excess`, which is then what the bounds and the limit are about.
#[derive(Clone, Debug)]
pub struct ShareSignal<M> {
    measure: M,
    points: Vec<Point>,
    baseline: Vec<Point>,
    rule: ShareRule,
    valid_for: Duration,
}

impl FailureShare {
    /// Judges the calls of `point`.
    pub fn builder(point: Point) -> ShareBuilder<Failures> {
        ShareBuilder::new(Failures(()), point)
    }
}

impl LatencyOver {
    /// Judges how many successes of `point` take longer than `objective`.
    pub fn builder(point: Point, objective: Duration) -> ShareBuilder<Slow> {
        ShareBuilder::new(Slow { objective }, point)
    }
}

impl<M: Measure> Signal for ShareSignal<M> {
    fn verdict(&self, now: Instant) -> Verdict {
        let sum = |points: &[Point]| {
            let counts = points.iter().map(|point| self.measure.counts(point, now));
            counts.fold(Counts::default(), Counts::plus)
        };
        let counts = sum(&self.points);
        if self.baseline.is_empty() {
            return self.say(now, self.rule.judge(counts), counts, None);
        }
        let baseline = sum(&self.baseline);
        self.say(now, self.rule.judge_against(counts, baseline), counts, Some(baseline))
    }
}

impl<M: Measure> ShareSignal<M> {
    fn say(
        &self,
        now: Instant,
        finding: Finding,
        counts: Counts,
        baseline: Option<Counts>,
    ) -> Verdict {
        let mut verdict = Verdict::new(finding.level(), now)
            .valid_for(self.valid_for)
            .with_samples(finding.samples)
            .because(self.reason(&finding, counts, baseline));
        if let Some(share) = counts.share() {
            verdict = verdict.with_evidence(M::NAME, share);
        }
        if let Some(share) = baseline.and_then(Counts::share) {
            verdict = verdict.with_evidence("baseline_share", share);
        }
        if let Some(estimate) = finding.estimate {
            if baseline.is_some() {
                verdict = verdict.with_evidence("excess", estimate.value);
            }
            verdict = verdict
                .with_score(estimate.score)
                .with_evidence("lower", estimate.bounds.lower)
                .with_evidence("upper", estimate.bounds.upper);
        }
        verdict.with_evidence("limit", self.rule.limit().as_f64())
    }

    fn reason(&self, finding: &Finding, counts: Counts, baseline: Option<Counts>) -> String {
        let needed = self.rule.minimum_calls();
        let (calls, base_calls) = (counts.counted(), baseline.map_or(0, Counts::counted));
        let (position, doubt) = match finding.basis {
            Basis::TooFew => return format!("{calls} of {needed} calls that are needed"),
            Basis::TooFewInBaseline => {
                return format!("{base_calls} of {needed} calls that are needed in the baseline");
            }
            Basis::Over => ("over", ""),
            Basis::Within => ("within", ""),
            Basis::LikelyOver => ("over", ", perhaps by chance"),
            Basis::Undecided => ("within", ", perhaps by chance: not enough evidence yet"),
        };
        let percent = 100.0 * finding.estimate.map_or(0.0, |estimate| estimate.value);
        let (words, limit) = (M::WORDS, self.rule.limit());
        let value = match baseline {
            None => format!("{words} of {percent:.2} %"),
            Some(_) => format!("{words} {percent:+.2} % from the baseline"),
        };
        format!("{value} is {position} the limit of {limit}{doubt}")
    }
}

/// How a [`ShareSignal`] is made; see [`ShareConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct ShareBuilder<M> {
    measure: M,
    points: Vec<Point>,
    baseline: Vec<Point>,
    config: ShareConfig,
}

impl<M: Measure> ShareBuilder<M> {
    fn new(measure: M, point: Point) -> Self {
        let config = ShareConfig::default();
        Self { measure, points: vec![point], baseline: Vec::new(), config }
    }

    /// Adds the calls of another point to those that are judged.
    pub fn point(mut self, point: Point) -> Self {
        self.points.push(point);
        self
    }

    /// Compares with the calls of `baseline`; given several times, with all of them together.
    ///
    /// The limit is then on the share less that of the baseline, so that trouble which both have
    /// counts against neither. Where the share itself matters too, put a second signal beside this
    /// one with [`signal::all`](rely_core::signal::all).
    pub fn against(mut self, baseline: Point) -> Self {
        self.baseline.push(baseline);
        self
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: ShareConfig) -> Self {
        self.config = config;
        self
    }

    /// The largest share, or excess over the baseline, that is still fine.
    pub const fn limit(mut self, limit: Ratio) -> Self {
        self.config.limit = limit;
        self
    }

    /// How sure a healthy or an unhealthy verdict has to be.
    pub const fn confidence(mut self, confidence: Ratio) -> Self {
        self.config.confidence = confidence;
        self
    }

    /// Below how many calls nothing is judged.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.config.minimum_calls = calls;
        self
    }

    /// How long a verdict may be used.
    pub const fn valid_for(mut self, age: Duration) -> Self {
        self.config.valid_for = age;
        self
    }

    /// The signal.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range; or the objective of a
    /// [`LatencyOver`], if it is not from the lowest to 15/16 of the highest latency that the meter
    /// of each point tells apart.
    pub fn build(self) -> Result<ShareSignal<M>, ConfigError> {
        let Self { measure, points, baseline, config } = self;
        let rule = ShareRule::new(&config)?;
        for point in points.iter().chain(&baseline) {
            measure.check(point)?;
        }
        Ok(ShareSignal { measure, points, baseline, rule, valid_for: config.valid_for })
    }
}
