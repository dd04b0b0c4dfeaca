//! Windows and periods that have proved themselves.

use core::time::Duration;

use super::config::{BurnWindow, Severity, SloConfig};

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(3600 * hours)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

impl BurnWindow {
    /// A pair that burns as soon as `share` of the budget of a `period` was spent in the long window:
    /// the factor is share × period / long, to a thousandth.
    ///
    /// ```
    /// use core::time::Duration;
    /// use rely_detect::slo::{BurnWindow, Severity};
    ///
    /// let hour = Duration::from_secs(3600);
    /// let pair = BurnWindow::for_share(Severity::Page, 0.02, hour * 24 * 30, hour, hour / 12);
    /// assert_eq!(pair, BurnWindow::page(14.4, hour, hour / 12));
    /// ```
    #[must_use]
    pub fn for_share(
        severity: Severity,
        share: f64,
        period: Duration,
        long: Duration,
        short: Duration,
    ) -> Self {
        let factor = share * period.as_secs_f64() / long.as_secs_f64();
        Self { severity, factor: (factor * 1000.0).round() / 1000.0, long, short }
    }

    /// The three pairs of "The Site Reliability Workbook", chapter 5, table 5-8: a page for 2 % of the
    /// budget in an hour and for 5 % in six, a ticket for 10 % in three days. The short windows are a
    /// twelfth as long.
    ///
    /// The chapter's example has a fourth, a ticket for 10 % in a day. As long as traffic is even it can
    /// say nothing new: who spent a tenth of the budget in one day did so in three days, and who burns
    /// at three times the rate over two hours does so at once the rate over six. See
    /// [`BurnWindow::four`] for whom it helps nevertheless.
    #[must_use]
    pub fn three(period: Duration) -> [Self; 3] {
        let [fast, slow, _, ticket] = Self::four(period);
        [fast, slow, ticket]
    }

    /// The [three](Self::three), and a ticket for 10 % of the budget in a day before the last: for
    /// those who send it to somebody else, and for traffic that is so uneven that three days are full
    /// of calls and the last day has few.
    #[must_use]
    pub fn four(period: Duration) -> [Self; 4] {
        use Severity::{Page, Ticket};
        [
            Self::for_share(Page, 0.02, period, hours(1), minutes(5)),
            Self::for_share(Page, 0.05, period, hours(6), minutes(30)),
            Self::for_share(Ticket, 0.1, period, hours(24), hours(2)),
            Self::for_share(Ticket, 0.1, period, hours(72), hours(6)),
        ]
    }
}

impl SloConfig {
    /// A budget for 28 days, which always hold four weekends: factors 13.44, 5.6 and 0.933.
    #[must_use]
    pub fn over_28_days() -> Self {
        let period = hours(28 * 24);
        Self { period, windows: BurnWindow::three(period).to_vec(), ..Self::default() }
    }

    /// A budget for a week. A page for 8 % of it in an hour and for 12.5 % in six, a ticket for 42 % in
    /// three days: with the shares of a month a few bad minutes would page.
    #[must_use]
    pub fn over_7_days() -> Self {
        use Severity::{Page, Ticket};
        let period = hours(7 * 24);
        let windows = vec![
            BurnWindow::for_share(Page, 0.08, period, hours(1), minutes(5)),
            BurnWindow::for_share(Page, 0.125, period, hours(6), minutes(30)),
            BurnWindow::for_share(Ticket, 0.42, period, hours(72), hours(6)),
        ];
        Self { period, windows, ..Self::default() }
    }
}
