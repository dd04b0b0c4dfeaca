use super::*;

fn values() -> Vec<f64> {
    let mut rng = Rng::seeded(21);
    let value = |n: u32| {
        let wave = (f64::from(n) / 288.0 * core::f64::consts::TAU).sin();
        let spike = if n % 331 == 0 { 40.0 } else { 0.0 };
        20.0 + 5.0 * wave + noise(&mut rng) + spike
    };
    (0..1500).map(value).collect()
}

fn goes_on<M: Model>(make: impl Fn() -> OnlineBuilder<M>) {
    let values = values();
    for cut in [0, 40, 150, 299, 700, 751, 1400] {
        let mut whole = make().build().unwrap();
        show(&mut whole, FIVE, values[..cut].iter().copied());
        let mut again = make().restore(whole.snapshot()).unwrap();
        assert!(again == whole, "{cut}");
        let rest = || values[cut..].iter().copied();
        assert_eq!(show(&mut whole, FIVE, rest()), show(&mut again, FIVE, rest()), "{cut}");
        assert!(again == whole, "{cut}");
    }
}

#[test]
fn a_restored_one_goes_on_as_if_nothing_had_been() {
    goes_on(|| Ensemble::builder("x"));
    goes_on(|| Novelty::builder("x"));
    goes_on(|| Light::builder("x"));
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_comes_back_bit_for_bit_from_json() {
    let values = values();
    for cut in [100, 500, 1400] {
        let mut whole = Ensemble::new("x");
        show(&mut whole, FIVE, values[..cut].iter().copied());
        let text = serde_json::to_string(&whole.snapshot()).unwrap();
        let read: OnlineSnapshot<Both> = serde_json::from_str(&text).unwrap();
        let mut again = Ensemble::builder("x").restore(read).unwrap();
        let rest = || values[cut..].iter().copied();
        assert_eq!(show(&mut whole, FIVE, rest()), show(&mut again, FIVE, rest()), "{cut}");
        assert!(again.bytes() <= 24_000, "{cut}: {}", again.bytes());
        // Of another version, or broken, it is refused.
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"anchor\":0", "\"anchor\":999999999999999"),
            ("\"fineness\":3", "\"fineness\":2"),
            ("\"range\":", "\"range\":-"),
            ("\"capacity\":", "\"capacity\":9"),
        ] {
            if cut == 100 && !text.contains(from) {
                continue;
            }
            let read = serde_json::from_str::<OnlineSnapshot<Both>>(&text.replacen(from, to, 1));
            let refused = read.map_or(true, |read| Ensemble::builder("x").restore(read).is_err());
            assert!(refused, "{cut} {from}");
        }
    }
}

#[test]
fn on_another_clock_it_knows_what_time_of_day_it_is() {
    let values = values();
    let mut whole = Ensemble::new("x");
    show(&mut whole, FIVE, values[..1400].iter().copied());
    let stored = whole.state.last.unwrap();
    let restarted = Instant::from_nanos(7_777_777_777);
    let moved = whole.snapshot().rebase(stored, restarted);
    let mut again = Ensemble::builder("x").restore(moved).unwrap();
    let rest = || values[1400..].iter().copied();
    let expected = |readings: Vec<Reading>| -> Vec<(Option<f64>, Option<f64>)> {
        readings.iter().map(|reading| (reading.expected, reading.p_value)).collect()
    };
    assert_eq!(expected(show(&mut whole, FIVE, rest())), expected(show(&mut again, FIVE, rest())));
}

#[test]
fn a_reading_does_not_depend_on_what_comes_later() {
    let values = values();
    let whole = show(&mut Ensemble::new("x"), FIVE, values.iter().copied());
    for cut in [151, 301, 760, 1200] {
        let part = show(&mut Ensemble::new("x"), FIVE, values[..cut].iter().copied());
        assert_eq!(part, whole[..cut], "{cut}");
    }
}

#[test]
fn a_restored_one_may_have_to_learn_for_longer_or_not_so_long() {
    for (first, then, cut) in [
        (None, Some(20), 100),
        (None, Some(20), 200),
        (Some(5000), None, 900),
        (None, Some(600), 200),
    ] {
        let with = |warm_up: Option<u32>| {
            let builder = Ensemble::builder("x");
            warm_up.into_iter().fold(builder, OnlineBuilder::warm_up)
        };
        let mut detector = with(first).build().unwrap();
        show(&mut detector, FIVE, values()[..cut].iter().copied());
        let mut again = with(then).restore(detector.snapshot()).unwrap();
        show(&mut again, FIVE, values()[cut..].iter().copied());
        assert!(again.is_warm() && again.state.past.capacity() == 0, "{first:?} {then:?} {cut}");
    }
}
