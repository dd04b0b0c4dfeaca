//! Ticks at round places, for times and for values.

use maud::{Markup, html};

use super::super::number::{self, coordinate as n};
use super::fit;
use super::frame::{Form, Frame};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// Steps of a clock, between the powers of ten below a second and above a week.
const CLOCK: [f64; 19] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, MINUTE, 120.0, 300.0, 600.0, 900.0, 1800.0, HOUR, 7200.0,
    10_800.0, 21_600.0, 43_200.0, DAY, 172_800.0,
];

/// Ticks of an axis: multiples of `step` within the limits.
#[derive(Debug)]
pub(super) struct Ticks {
    pub(super) step: f64,
    pub(super) at: Vec<f64>,
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let least = least.max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(least.log10().floor());
    // The power may be off by a rounding error or underflow; the last candidate always reaches.
    let steps = [power, 2.0 * power, 5.0 * power, 10.0 * power];
    steps.into_iter().find(|step| *step >= least).unwrap_or(least)
}

fn multiples(from: f64, to: f64, step: f64, most: u32) -> Vec<f64> {
    let first = (from / step).ceil();
    let mut at: Vec<f64> = (0..=most)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|tick| *tick <= to)
        .filter(|tick| *tick >= from)
        .collect();
    // Beyond the precision of a float neighbours may coincide.
    at.dedup_by(|a, b| *a <= *b);
    at
}

/// At most about `most` ticks of a time axis.
pub(super) fn times(from: f64, to: f64, most: u32) -> Ticks {
    let least = (to - from) / f64::from(most.max(1));
    let step = match CLOCK.iter().find(|step| **step >= least) {
        Some(&step) if least > 0.5 => step,
        Some(_) => round_step(least),
        None => round_step(least / DAY) * DAY,
    };
    Ticks { step, at: multiples(from, to, step, most) }
}

/// At most about `most` ticks that enclose the values, so that the outer ones are the axis' ends.
pub(super) fn values(low: f64, high: f64, most: u32) -> Ticks {
    let (low, high) = if high > low { (low, high) } else { widen(low) };
    let step = round_step((high - low) / f64::from(most.max(1)));
    let from = (low / step).floor() * step;
    let to = (high / step).ceil() * step;
    // Half a step of slack: the last tick must not fall to a rounding error.
    let at = multiples(from - step / 2.0, to + step / 2.0, step, most + 2);
    if at.len() < 2 { Ticks { step, at: vec![low, high] } } else { Ticks { step, at } }
}

/// Room around a single value.
fn widen(value: f64) -> (f64, f64) {
    let room = (value.abs() / 2.0).max(1e-300);
    if value.abs() < 1e-290 { (0.0, 1.0) } else { (value - room, value + room) }
}

/// A time as a tick: in the largest unit that the step allows.
fn time_label(at: f64, step: f64) -> String {
    let sign = if at < 0.0 { "−" } else { "" };
    let size = at.abs();
    if step < 1.0 || size < 0.5 {
        return if size < step / 1e6 { "0".to_owned() } else { number::tick(at, step) + " s" };
    }
    if step >= DAY {
        return format!("{sign}{} d", number::value(size / DAY));
    }
    let whole = size.round();
    if step >= MINUTE && whole >= 2.0 * DAY {
        let (days, hours) = ((whole / DAY).floor(), (whole % DAY / HOUR).round());
        return format!("{sign}{} d {} h", number::value(days), number::fixed(hours, 0));
    }
    if whole >= 2.0 * HOUR || step >= HOUR {
        let (hours, minutes) = ((whole / HOUR).floor(), (whole % HOUR / MINUTE).floor());
        return format!("{sign}{}:{:0>2} h", number::fixed(hours, 0), number::fixed(minutes, 0));
    }
    if whole >= 2.0 * MINUTE || step >= MINUTE {
        let (minutes, seconds) = ((whole / MINUTE).floor(), whole % MINUTE);
        return format!("{sign}{}:{:0>2}", number::fixed(minutes, 0), number::fixed(seconds, 0));
    }
    number::tick(at, step) + " s"
}

/// The axis of a picture: hairlines through all lanes, labels below them.
pub(super) fn time(frame: &Frame, top: f64, floor: f64) -> Markup {
    let most = match frame.form {
        Form::Wide => 10,
        Form::Narrow => 5,
    };
    let ticks = times(frame.from, frame.to, most);
    html! {
        g class="axis" {
            @for at in ticks.at {
                @let x = frame.x(at);
                @let label = time_label(at, ticks.step);
                @let half = fit::width(&label) / 2.0;
                line class="grid" x1=(n(x)) x2=(n(x)) y1=(n(top)) y2=(n(floor)) {}
                line class="base" x1=(n(x)) x2=(n(x)) y1=(n(floor)) y2=(n(floor + 4.0)) {}
                text class="tick" y=(n(floor + 17.0))
                    x=(n(x.clamp(half.min(frame.width / 2.0), (frame.width - half).max(frame.width / 2.0))))
                    text-anchor="middle" { (label) }
            }
            line class="base" x1=(n(frame.left)) x2=(n(frame.right)) y1=(n(floor)) y2=(n(floor)) {}
            @if frame.form == Form::Wide {
                text class="tick" x="0" y=(n(floor + 17.0)) { "time since start" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(from: f64, to: f64) -> Vec<String> {
        let ticks = times(from, to, 6);
        ticks.at.iter().map(|at| time_label(*at, ticks.step)).collect()
    }

    #[test]
    fn times_are_told_as_a_clock_tells_them() {
        for (to, expected) in [
            (0.5, vec!["0", "0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s"]),
            (50.0, vec!["0", "10 s", "20 s", "30 s", "40 s", "50 s"]),
            (170.0, vec!["0", "30 s", "60 s", "90 s", "2:00", "2:30"]),
            (600.0, vec!["0", "2:00", "4:00", "6:00", "8:00", "10:00"]),
            (86_400.0, vec!["0", "6:00 h", "12:00 h", "18:00 h", "24:00 h"]),
            (30.0 * DAY, vec!["0", "5 d", "10 d", "15 d", "20 d", "25 d", "30 d"]),
        ] {
            assert_eq!(labels(0.0, to), expected, "{to}");
        }
    }

    #[test]
    fn values_are_enclosed_by_round_ticks() {
        for (low, high, expected) in [
            (0.0, 100.0, vec![0.0, 50.0, 100.0]),
            (3.0, 97.0, vec![0.0, 50.0, 100.0]),
            (-1.0, 1.0, vec![-1.0, 0.0, 1.0]),
            (0.0, 0.0, vec![0.0, 0.5, 1.0]),
        ] {
            assert_eq!(values(low, high, 3).at, expected, "{low} {high}");
        }
        assert_eq!(values(7.0, 7.0, 4).at, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    }

    proptest! {
        #[test]
        fn any_values_get_few_rising_finite_ticks(
            a in -1e300..1e300_f64, b in -1e300..1e300_f64, small in -300..300_i32,
        ) {
            let scale = 10_f64.powi(small - 300);
            let (low, high) = (a.min(b) * scale, a.max(b) * scale);
            let ticks = values(low, high, 4);
            prop_assert!((2..=8).contains(&ticks.at.len()), "{ticks:?}");
            prop_assert!(ticks.at.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
            let slack = (high - low) * 1e-9 + f64::MIN_POSITIVE;
            prop_assert!(ticks.at[0] <= low + slack && *ticks.at.last().unwrap() >= high - slack);
        }

        #[test]
        fn any_times_get_few_rising_ticks_inside(from in -1e12..1e12_f64, width in -9.0..12.0_f64) {
            let to = from + 10_f64.powf(width).max(from.abs() * 1e-9);
            let ticks = times(from, to, 10);
            prop_assert!(ticks.at.len() <= 11);
            prop_assert!(ticks.at.iter().all(|at| (from..=to).contains(at)));
            prop_assert!(ticks.at.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
