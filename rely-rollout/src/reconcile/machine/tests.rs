use std::collections::{HashSet, VecDeque};
use std::sync::OnceLock;

use proptest::prelude::*;
use rely_core::backoff::{BackoffConfig, Jitter};

use super::*;

const SEC: Duration = Duration::from_secs(1);

fn at(secs: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(secs)
}

fn release(code: u8) -> Release {
    static RELEASES: OnceLock<[Release; 2]> = OnceLock::new();
    let build = |code: u8| Release::builder(format!("v{code}")).code(code.to_string());
    let releases = RELEASES.get_or_init(|| [1, 2].map(|code| build(code).build().unwrap()));
    releases[usize::from(code) - 1].clone()
}

/// Delays of 1, 2, 4 and then 4 s, a minute for a replacement, ten seconds to report.
fn config(surge: u32, attempts: u32) -> ReconcileConfig {
    let backoff = BackoffConfig {
        initial: SEC,
        max: 4 * SEC,
        jitter: Jitter::None,
        ..BackoffConfig::default()
    };
    let (timeout, confirm) = (60 * SEC, 10 * SEC);
    ReconcileConfig { interval: SEC, surge, attempts, timeout, confirm, backoff }
}

struct Bench {
    machine: Machine,
    release: Release,
    barred: bool,
    seen: Vec<(&'static str, Option<bool>)>,
}

impl Bench {
    fn new(surge: u32, attempts: u32, seen: &[(&'static str, Option<bool>)]) -> Self {
        let machine = Machine::new(config(surge, attempts), 0).unwrap();
        Self { machine, release: release(1), barred: false, seen: seen.to_vec() }
    }

    /// Looks, with reports as of that moment; the effects in words without the release.
    fn look(&mut self, secs: u64) -> Vec<String> {
        let seen = self.seen.iter().map(|(name, matches)| {
            let seen = Seen::new(*name, self.release.clone(), *matches, at(secs));
            Seen { barred: self.barred, ..seen }
        });
        let event = Event::Looked(seen.collect());
        self.step(event, secs)
    }

    fn step(&mut self, event: Event, secs: u64) -> Vec<String> {
        let effects = self.machine.step(event, at(secs));
        let number = |effect: &Effect| match effect {
            Effect::Replace { number, attempt, .. } => format!(" {number}/{attempt}"),
            Effect::Abandon { number, .. } => format!(" {number}"),
            Effect::Failed { retry_at, .. } => format!(" {}", retry_at.since_origin().as_secs()),
            _ => String::new(),
        };
        let text = |effect: &Effect| {
            let instance = effect.instance().unwrap_or_default();
            format!("{} {instance}{}", effect.as_str(), number(effect))
        };
        effects.iter().map(text).collect()
    }

    fn set(&mut self, name: &'static str, matches: Option<bool>) {
        self.seen.retain(|(other, _)| *other != name);
        self.seen.push((name, matches));
    }

    fn done(&mut self, number: u64, secs: u64) {
        assert!(self.step(Event::Done { number }, secs).is_empty());
    }

    fn failed(&mut self, number: u64, secs: u64) -> Vec<String> {
        self.step(Event::Failed { number, why: "no room".into() }, secs)
    }
}

const NONE: [&str; 0] = [];

#[test]
fn it_acts_on_what_is_known_to_differ_alone() {
    let mut it = Bench::new(3, 2, &[("a", Some(true)), ("b", None), ("c", Some(false))]);
    assert_eq!(it.look(0), ["replace c 1/1"]);
    it.set("b", Some(false));
    assert_eq!(it.look(1), ["replace b 2/1"]);
    assert_eq!(it.look(2), NONE);
}

#[test]
fn done_is_not_enough_the_instance_has_to_report_after_it() {
    let mut it = Bench::new(1, 3, &[("a", Some(false))]);
    it.look(0);
    it.set("a", Some(true));
    assert_eq!(it.look(4), NONE, "not before the actuator is done");
    it.done(1, 5);
    assert_eq!(it.machine.deadline(), Some(at(15)));
    let stale = Seen::new("a", it.release.clone(), Some(true), at(4));
    assert_eq!(it.step(Event::Looked(vec![stale]), 6), NONE);
    assert_eq!(it.look(7), ["reconciled a"]);
    assert_eq!((it.machine.touched(), it.machine.deadline()), (0, None));

    for (matches, why) in [
        (Some(false), "a: attempt 1 failed, it still runs something else"),
        (None, "a: attempt 1 failed, it does not report"),
    ] {
        let mut it = Bench::new(1, 3, &[("a", Some(false))]);
        it.look(0);
        it.done(1, 5);
        it.set("a", matches);
        assert_eq!(it.look(14), NONE);
        let seen = Seen::new("a", it.release.clone(), matches, at(15));
        let effects = it.machine.step(Event::Looked(vec![seen]), at(15));
        assert_eq!(effects[0].to_string(), why);
        assert_eq!(it.look(16), ["replace a 2/2"], "after a second, whether it reports or not");
    }
}

#[test]
fn it_tries_again_ever_later_and_gives_up() {
    let mut it = Bench::new(1, 3, &[("a", Some(false))]);
    it.look(0);
    assert_eq!(it.failed(1, 1), ["failed a 2"]);
    assert_eq!(it.machine.deadline(), Some(at(2)));
    assert_eq!(it.look(1), NONE);
    assert_eq!(it.look(2), ["replace a 2/2"]);
    assert_eq!(it.machine.deadline(), Some(at(62)));
    assert_eq!(it.look(61), NONE);
    assert_eq!(it.look(62), ["abandon a 2", "failed a 64"]);
    assert_eq!(it.failed(2, 63), NONE, "late, and of an attempt that is over");
    assert_eq!(it.look(64), ["replace a 3/3"]);
    assert_eq!(it.failed(3, 65), ["gave_up a"]);
    assert_eq!((it.look(9_999), it.machine.deadline()), (vec![], None));

    assert_eq!(it.step(Event::Retry { instance: "a".into() }, 10_000), NONE);
    assert_eq!(it.look(10_000), ["replace a 4/1"]);
    assert_eq!(it.failed(4, 10_001), ["failed a 10002"]);
    it.set("a", Some(true));
    assert_eq!(it.look(10_001), ["reconciled a"], "however that came about");
}

#[test]
fn what_is_not_back_keeps_its_place_so_that_a_bad_release_takes_down_no_more() {
    let wrong = [("a", Some(false)), ("b", Some(false)), ("c", Some(false))];
    let mut it = Bench::new(2, 1, &wrong);
    assert_eq!(it.look(0), ["replace a 1/1", "replace b 2/1"]);
    assert_eq!(it.failed(1, 1), ["gave_up a"]);
    it.done(2, 1);
    assert_eq!((it.look(2), it.machine.touched()), (vec![], 2));
    it.set("b", Some(true));
    assert_eq!(it.look(3), ["reconciled b", "replace c 3/1"]);
    assert_eq!(it.failed(3, 4), ["gave_up c"]);
    it.set("b", Some(false));
    assert_eq!(it.look(5), NONE, "two are down and stay so");
    it.release = release(2);
    assert_eq!(it.look(6), ["replace a 4/1", "replace c 5/1"], "another release, another try");
}

#[test]
fn what_somebody_changes_back_again_and_again_is_replaced_ever_later() {
    let mut it = Bench::new(1, 5, &[("a", Some(false))]);
    let (mut now, mut began) = (0, Vec::new());
    while began.len() < 6 {
        it.set("a", Some(false));
        if !it.look(now).is_empty() {
            began.push(now);
            it.done(began.len() as u64, now);
            it.set("a", Some(true));
            assert_eq!(it.look(now), ["reconciled a"]);
            it.set("a", Some(false));
            assert_eq!(it.look(now), NONE, "not at once");
        }
        now += 1;
    }
    assert_eq!(began, [0, 1, 3, 7, 11, 15]);
    it.release = release(2);
    assert_eq!(it.look(15), ["replace a 7/1"], "another release waits for nothing");
    it.done(7, 15);
    it.set("a", Some(true));
    assert_eq!(it.look(15), ["reconciled a"]);
    assert_eq!(it.look(19), NONE);
    it.set("a", Some(false));
    assert_eq!(it.look(20), ["replace a 8/1"]);
    it.done(8, 20);
    it.set("a", Some(true));
    assert_eq!(it.look(20), ["reconciled a"]);
    it.set("a", Some(false));
    assert_eq!(it.look(20), NONE);
    assert_eq!(it.look(21), ["replace a 9/1"], "after a calm time from the first delay on");
}

#[test]
fn a_freeze_begins_nothing_and_ends_what_is_under_way() {
    let mut it = Bench::new(1, 5, &[("a", Some(false)), ("b", Some(false))]);
    it.look(0);
    assert_eq!(it.step(Event::Freeze, 1), ["frozen "]);
    assert_eq!(it.step(Event::Freeze, 1), NONE);
    assert_eq!(it.failed(1, 2), ["failed a 3"]);
    assert_eq!((it.look(9), it.machine.deadline()), (vec![], None));
    assert_eq!(it.step(Event::Thaw, 10), ["thawed "]);
    assert_eq!(it.look(10), ["replace a 2/2"]);
    it.step(Event::Freeze, 11);
    let declared = core::mem::replace(&mut it.release, release(2));
    assert_eq!(it.look(11), NONE, "what is under way comes to its end");
    it.release = declared;
    it.done(2, 11);
    it.set("a", Some(true));
    assert_eq!(it.look(12), ["reconciled a"]);
    assert_eq!(it.look(13), NONE);
}

#[test]
fn a_barred_release_is_deployed_nowhere() {
    let mut it = Bench::new(1, 5, &[("a", Some(false)), ("b", None)]);
    it.barred = true;
    assert_eq!(it.look(0), ["refused a"]);
    assert_eq!((it.look(1), it.machine.touched()), (vec![], 0), "said once");
    it.barred = false;
    assert_eq!(it.look(2), ["replace a 1/1"], "pardoned");
    it.failed(1, 3);
    it.barred = true;
    assert_eq!(it.look(4), ["refused a"]);
    assert_eq!(it.machine.touched(), 1, "it may be down");
    it.release = release(2);
    assert_eq!(it.look(5), ["refused a"], "another one, barred as well");
    it.barred = false;
    assert_eq!(it.look(6), ["replace a 2/1"]);
    it.barred = true;
    assert_eq!(it.look(7), ["abandon a 2", "refused a"], "not even one that is on its way");
    it.set("a", Some(true));
    it.barred = false;
    let early = Seen::new("a", it.release.clone(), Some(true), at(6));
    assert_eq!(it.step(Event::Looked(vec![early]), 8), NONE, "a report from before the abandon");
    assert_eq!(it.look(9), ["reconciled a"]);
}

#[test]
fn what_is_declared_anew_begins_anew_and_what_is_withdrawn_is_let_go() {
    let mut it = Bench::new(1, 5, &[("a", Some(false)), ("b", Some(false))]);
    it.look(0);
    it.release = release(2);
    assert_eq!(it.look(1), ["abandon a 1", "replace a 2/1"], "a hanging attempt holds up nothing");
    it.done(1, 2);
    assert_eq!(it.look(3), NONE, "late, and of an attempt that is over");
    it.seen.retain(|(name, _)| *name == "b");
    assert_eq!(it.look(4), NONE, "still under way, so no place is free");
    it.failed(2, 5);
    assert_eq!(it.look(6), ["replace b 3/1"]);
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut it = Bench::new(1, 5, &[("a", Some(false))]);
    it.look(100);
    assert_eq!(it.failed(1, 50), ["failed a 101"]);
    assert_eq!(it.look(60), NONE);
    assert_eq!(it.look(101), ["replace a 2/2"]);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let refused = |config: ReconcileConfig| Machine::new(config, 0).unwrap_err().to_string();
    let good = ReconcileConfig::default();
    good.check().unwrap();
    let zero = Duration::ZERO;
    assert_eq!(
        refused(ReconcileConfig { interval: zero, ..good }),
        "interval is 0ns, allowed: at least 1ms"
    );
    assert_eq!(refused(ReconcileConfig { surge: 0, ..good }), "surge is 0, allowed: at least 1");
    assert_eq!(
        refused(ReconcileConfig { attempts: 0, ..good }),
        "attempts is 0, allowed: at least 1"
    );
    let wrong = ReconcileConfig { timeout: zero, ..good };
    assert_eq!(refused(wrong), "timeout is 0ns, allowed: more than 0ns");
    let wrong = ReconcileConfig { confirm: zero, ..good };
    assert_eq!(refused(wrong), "confirm is 0ns, allowed: more than 0ns");
    let backoff = BackoffConfig { initial: zero, ..good.backoff };
    let wrong = ReconcileConfig { backoff, ..good };
    assert_eq!(refused(wrong), "backoff.initial is 0ns, allowed: more than 0ns");
}

/// A world of two or three instances, told from outside: what each runs is only what was put there.
#[derive(Clone)]
struct World {
    machine: Machine,
    now: u64,
    wanted: u8,
    barred: bool,
    /// What is known of each: whether it matches, and the attempt under way.
    matches: Vec<Option<bool>>,
    reported: Vec<u64>,
    running: Vec<Option<u64>>,
    numbers: u64,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Look,
    Sees(usize, Option<bool>),
    Done(usize),
    Fails(usize),
    Wait(u64),
    Declare,
    Bar,
    Freeze,
    Thaw,
    Retry(usize),
}

fn name(index: usize) -> Arc<str> {
    Arc::from(["a", "b", "c"][index])
}

impl World {
    fn new(instances: usize, surge: u32) -> Self {
        let machine = Machine::new(config(surge, 2), 0).unwrap();
        let (matches, running) = (vec![Some(false); instances], vec![None; instances]);
        let reported = vec![0; instances];
        Self { machine, now: 0, wanted: 1, barred: false, matches, reported, running, numbers: 0 }
    }

    fn moves(&self) -> Vec<Move> {
        use Move::*;
        let mut moves = vec![Look, Wait(1), Wait(60), Declare, Bar];
        moves.push(if self.machine.frozen() { Thaw } else { Freeze });
        for index in 0..self.matches.len() {
            moves.extend([Some(true), Some(false), None].map(|matches| Sees(index, matches)));
            moves.push(Retry(index));
            if self.running[index].is_some() {
                moves.extend([Done(index), Fails(index)]);
            }
        }
        moves
    }

    /// Makes the move and checks everything that must hold whatever happens.
    fn make(&mut self, step: Move) {
        let mut looked = false;
        let mut event = None;
        match step {
            Move::Look => {
                looked = true;
                let seen = self.matches.iter().enumerate().map(|(index, matches)| {
                    let reported = at(self.reported[index]);
                    let seen = Seen::new(name(index), release(self.wanted), *matches, reported);
                    Seen { barred: self.barred, ..seen }
                });
                event = Some(Event::Looked(seen.collect()));
            }
            Move::Sees(index, matches) => {
                (self.matches[index], self.reported[index]) = (matches, self.now);
            }
            Move::Done(index) => {
                event = self.running[index].take().map(|number| Event::Done { number });
            }
            Move::Fails(index) => {
                let failed = |number| Event::Failed { number, why: "why".into() };
                event = self.running[index].take().map(failed);
            }
            Move::Wait(secs) => self.now += secs,
            Move::Declare => self.wanted = 3 - self.wanted,
            Move::Bar => self.barred = !self.barred,
            Move::Freeze => event = Some(Event::Freeze),
            Move::Thaw => event = Some(Event::Thaw),
            Move::Retry(index) => event = Some(Event::Retry { instance: name(index) }),
        }
        let Some(event) = event else { return };
        let touched_before = self.touched();
        let before = self.machine.work.clone();
        let effects = self.machine.step(event, at(self.now));
        let index = |instance: &str| usize::from(instance.as_bytes()[0] - b'a');
        for effect in &effects {
            match effect {
                Effect::Replace { instance, release: runs, attempt, number } => {
                    assert!(looked, "begun without a look");
                    assert!(!self.barred && !self.machine.frozen());
                    assert_eq!(runs, &release(self.wanted), "what is declared, nothing else");
                    assert!((1..=2).contains(attempt));
                    assert!(*number > self.numbers, "a number is given once");
                    self.numbers = *number;
                    let index = index(instance);
                    assert_ne!(self.matches[index], Some(true), "what is right is left alone");
                    let known = self.matches[index] == Some(false);
                    assert!(known || touched_before.contains(instance), "{instance} is unknown");
                    assert_eq!(self.running[index].replace(*number), None, "two attempts at once");
                }
                Effect::Abandon { instance, number } => {
                    assert_eq!(self.running[index(instance)].take(), Some(*number));
                }
                Effect::Reconciled { instance, .. } => {
                    assert!(looked && self.matches[index(instance)] == Some(true));
                    assert_eq!(self.running[index(instance)], None);
                    let reported = at(self.reported[index(instance)]);
                    assert!(reported >= before[instance].since, "an old report proves nothing");
                }
                Effect::Refused { .. } => assert!(self.barred),
                Effect::Failed { retry_at, .. } => assert!(*retry_at > at(self.now)),
                Effect::GaveUp { attempts, .. } => assert_eq!(*attempts, 2),
                Effect::Frozen | Effect::Thawed => assert_eq!(effects.len(), 1),
            }
        }
        assert!(self.machine.touched() <= self.machine.config().surge as usize);
        for (instance, stage) in self.machine.stages() {
            if let Stage::Replacing { number } = stage {
                assert_eq!(self.running[index(instance)], Some(number));
                if looked && !self.machine.frozen() {
                    let runs = &self.machine.work[instance].release;
                    assert!(!self.barred && runs == &release(self.wanted), "not wanted any more");
                }
            }
        }
        if looked {
            let due = self.machine.deadline();
            assert!(due.is_none_or(|due| due > at(self.now)), "what was due is still due");
        }
    }

    fn touched(&self) -> HashSet<Arc<str>> {
        let touched = self.machine.work.iter().filter(|(_, work)| work.touched);
        touched.map(|(instance, _)| Arc::clone(instance)).collect()
    }

    /// What the future depends on: times relative to now, and no numbers.
    fn key(&self) -> String {
        let work = self.machine.work.iter().map(|(instance, work)| {
            let stage = match work.stage {
                Stage::Waiting { until } => format!("w{:?}", until - at(self.now)),
                Stage::Replacing { .. } => "r".to_owned(),
                stage => format!("{stage:?}"),
            };
            let age = (at(self.now) - work.since).min(61 * SEC);
            let (code, attempts, touched) = (work.release.code(), work.attempts, work.touched);
            format!("{instance}{stage}{code}{attempts}{touched}{age:?}{:?}", work.delay)
        });
        let work: Vec<_> = work.collect();
        let running: Vec<_> = self.running.iter().map(Option::is_some).collect();
        let ages = self.reported.iter().map(|at| (self.now - at).min(61));
        let ages: Vec<_> = ages.collect();
        let Self { wanted, barred, matches, .. } = self;
        let lately = self.machine.lately.key(at(self.now));
        format!(
            "{lately}{work:?}{running:?}{matches:?}{ages:?}{wanted}{barred}{}",
            self.machine.frozen()
        )
    }

    /// From here on the world is kind: every replacement works and reports.
    fn recovers(mut self) {
        if self.barred {
            self.make(Move::Bar);
        }
        self.make(Move::Thaw);
        for index in 0..self.matches.len() {
            self.make(Move::Retry(index));
        }
        for _ in 0..40 {
            for index in 0..self.matches.len() {
                if self.running[index].is_some() {
                    self.matches[index] = Some(true);
                    self.make(Move::Done(index));
                } else if self.matches[index].is_none() {
                    self.matches[index] = Some(false);
                }
            }
            self.make(Move::Wait(1));
            self.reported.fill(self.now);
            self.make(Move::Look);
            for index in 0..self.matches.len() {
                self.make(Move::Retry(index));
            }
        }
        assert!(self.matches.iter().all(|matches| *matches == Some(true)), "{}", self.key());
        assert_eq!(self.machine.stages().count(), 0, "{}", self.key());
    }
}

#[test]
fn in_every_order_of_events_up_to_a_depth_the_promises_hold() {
    let depth = 7;
    let mut states = VecDeque::from([(World::new(2, 1), 0)]);
    let mut known = HashSet::new();
    while let Some((world, moves)) = states.pop_front() {
        if !known.insert(world.key()) {
            continue;
        }
        if known.len() % 16 == 0 {
            world.clone().recovers();
        }
        if moves < depth {
            for step in world.moves() {
                let mut next = world.clone();
                next.make(step);
                states.push_back((next, moves + 1));
            }
        }
    }
    assert!(known.len() > 20_000, "only {} states", known.len());
}

proptest! {
    #[test]
    fn in_long_orders_of_events_too(
        choices in prop::collection::vec(0..1000_usize, 0..150), surge in 1..3_u32,
    ) {
        let mut world = World::new(3, surge);
        for choice in choices {
            let moves = world.moves();
            world.make(moves[choice % moves.len()]);
            // Most of what happens is seen soon.
            if choice % 3 == 0 {
                world.make(Move::Look);
            }
        }
        world.recovers();
    }
}
