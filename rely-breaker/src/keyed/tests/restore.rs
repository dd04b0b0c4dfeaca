use super::*;

#[test]
fn all_are_kept_and_go_on_with_the_configuration_of_their_keys() {
    let strict = BreakerConfig { open_for: Duration::from_secs(7), ..BreakerConfig::default() };
    let strict = strict.checked().unwrap();
    let (clock, manual) = Clock::manual();
    let registry = || {
        let strict = strict.clone();
        let builder = Breakers::<String>::builder("hosts").clock(clock.clone()).capacity(2);
        builder.configure(move |key| (key == "b").then(|| strict.clone())).build().unwrap()
    };
    let hosts = registry();
    (0..20).for_each(|_| hosts.acquire("a").unwrap().failure());
    hosts.acquire("b").unwrap().failure();
    let mut kept = hosts.snapshot_all();
    kept.sort_by(|(a, _), (b, _)| a.cmp(b));
    manual.advance(Duration::from_secs(1));

    let restarted = registry();
    for (key, snapshot) in kept.clone() {
        restarted.restore(&key, snapshot).unwrap();
    }
    let [a, b] = ["a", "b"].map(|key| restarted.peek(key).unwrap());
    assert_eq!((a.name(), a.state()), ("hosts/a", State::Open));
    assert_eq!((b.status().counts.bad, b.config().open_for), (1, Duration::from_secs(7)));

    // Who has one keeps it; who has none and finds no room is told so.
    b.reset();
    restarted.restore("b", kept[1].1.clone()).unwrap();
    assert_eq!(restarted.peek("b").unwrap().status().counts.bad, 0);
    let full = restarted.restore("c", kept[0].1.clone()).unwrap_err();
    assert_eq!(full.to_string(), "capacity is 2, allowed: room for every breaker that is restored");
    assert_eq!(restarted.shared().unwrap().state(), State::Closed);
}
