//! Incidents with a known cause, on a made-up system: services in three zones, two instances each.

use core::f64::consts::TAU;

use rely_core::rng::Rng;

use super::*;
use crate::correlate::Link;

const SERVICES: [&str; 5] = ["gateway", "orders", "stock", "payment", "db"];
const METRICS: [&str; 4] = ["rate", "latency", "errors", "cpu"];
const ZONES: [&str; 3] = ["a", "b", "c"];
const ONSET: f64 = 50_000.0;

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit_f64()).ln()).sqrt() * (TAU * rng.unit_f64()).cos()
}

struct System {
    rng: Rng,
    incident: Incident,
    service: &'static str,
}

/// A series of an instance: service, number, metric.
type Place = (&'static str, usize, &'static str);

fn name((service, number, metric): Place) -> String {
    format!("{service}-{number} {metric}")
}

fn labels((service, number, _): Place) -> Labels {
    // The last two instances of each service run the next version.
    let version = if number >= 4 { "v2" } else { "v1" };
    let instance = format!("{service}-{number}");
    Labels::from([("service", service), ("zone", ZONES[number % 3]), ("version", version)])
        .with("instance", instance)
}

impl System {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed).fork("incident");
        let mut incident = Incident::builder().tolerance(Duration::from_secs(1));
        for service in SERVICES {
            for number in 0..6 {
                for metric in METRICS {
                    let place = (service, number, metric);
                    incident = incident.series(name(place), labels(place));
                }
            }
        }
        let service = SERVICES[1 + usize::try_from(rng.below(3)).unwrap()];
        let mut system = Self { rng, incident, service };
        system.decoys();
        system
    }

    /// What is there in every incident: flickers of chance, a noisy series, changes elsewhere.
    fn decoys(&mut self) {
        for _ in 0..self.rng.below(3) {
            let place = self.anywhere();
            let onset = ONSET + 600.0 * (self.rng.unit_f64() - 0.5);
            let severity = 2.8 + self.rng.unit_f64();
            self.add(Episode::new(name(place), at(onset), severity).with_labels(labels(place)));
        }
        let place = self.anywhere();
        let noisy = Episode::new(name(place), at(ONSET - 30.0), 6.0).with_labels(labels(place));
        self.add(Episode { earlier: 6.0, ..noisy });
        for (before, kind) in [(14_000.0, ChangeKind::Deploy), (7_000.0, ChangeKind::Config)] {
            let (service, ..) = self.anywhere();
            self.change(-before, kind, "old", Labels::from([("service", service)]));
        }
        let elsewhere = if self.service == "payment" { "stock" } else { "payment" };
        self.change(
            -200.0,
            ChangeKind::Deploy,
            "elsewhere",
            Labels::from([("service", elsewhere)]),
        );
        self.change(40.0, ChangeKind::Config, "after", Labels::from([("service", self.service)]));
    }

    fn anywhere(&mut self) -> Place {
        let mut pick = |most: usize| usize::try_from(self.rng.below(most as u64)).unwrap();
        (SERVICES[pick(5)], pick(6), METRICS[pick(4)])
    }

    fn add(&mut self, episode: Episode) {
        self.incident = core::mem::take(&mut self.incident).episode(episode);
    }

    fn change(&mut self, after: f64, kind: ChangeKind, name: &str, labels: impl Into<Labels>) {
        let event = ChangeEvent::new(at(ONSET + after), kind, name).with_labels(labels);
        self.incident = core::mem::take(&mut self.incident).event(event);
    }

    /// A series deviates so long after the onset, give or take `jitter`.
    fn deviates(&mut self, place: Place, after: f64, jitter: f64) {
        // No effect comes before its cause.
        let onset = ONSET + after + jitter * normal(&mut self.rng).abs();
        let severity = (4.5 + normal(&mut self.rng)).clamp(2.8, 7.0);
        // Not each series that is hit stands out.
        if self.rng.unit_f64() < 0.9 {
            self.add(Episode::new(name(place), at(onset), severity).with_labels(labels(place)));
        }
    }

    /// The instances of a service, latency and errors, so long after the onset.
    fn service_deviates(&mut self, service: &'static str, after: f64) {
        for number in 0..6 {
            self.deviates((service, number, "latency"), after, 2.0);
            self.deviates((service, number, "errors"), after + 4.0, 2.0);
        }
    }
}

/// Runs a kind of incident over the seeds and wants the right suspect first in so many of twelve.
fn right(kind: &str, build: impl Fn(&mut System) -> Vec<What>) {
    let (mut right, mut wrong) = (0, Vec::new());
    for seed in 1000..1048 {
        let mut system = System::new(seed);
        let blamed = build(&mut system);
        let suspects = system.incident.rank();
        if blamed.contains(&suspects[0].what) {
            right += 1;
        } else {
            let true_one = suspects.iter().position(|suspect| blamed.contains(&suspect.what));
            wrong.push(format!(
                "{seed}: {} {:.2}; the true one is {true_one:?} {:?}",
                suspects[0],
                suspects[0].score,
                true_one.map(|place| (suspects[place].score, suspects[place].to_string())),
            ));
        }
        assert!(suspects.iter().all(|suspect| (0.0..=1.0).contains(&suspect.score)));
    }
    assert!(right >= 40, "{kind}: {right} of 48\n{}", wrong.join("\n"));
}

fn label(key: &str, value: impl Into<String>) -> What {
    What::Label { key: key.to_owned(), value: value.into() }
}

fn event(kind: ChangeKind, name: &str) -> What {
    What::Event { kind, name: name.to_owned() }
}

#[test]
fn a_slow_dependency() {
    let blamed = |database: &str| vec![What::Series(database.to_owned()), label("service", "db")];
    let build = |system: &mut System| {
        let service = system.service;
        // One database, so one series of it; what depends on it follows.
        let database = Episode::new("db primary latency", at(ONSET), 5.0);
        system.add(database.with_labels([("service", "db")]));
        system.service_deviates(service, 8.0);
        system.service_deviates("gateway", 16.0);
        service
    };
    right("dependency with topology", |system| {
        let service = build(system);
        let incident = core::mem::take(&mut system.incident);
        system.incident = incident.depends("gateway", service).depends(service, "db");
        blamed("db primary latency")
    });
    right("dependency with links", |system| {
        let service = build(system);
        for number in 0..6 {
            for (other, lag) in [(service, 8), ("gateway", 16)] {
                let lag = Duration::from_secs(lag);
                let link = Link::known("db primary latency", name((other, number, "latency")), lag);
                system.incident = core::mem::take(&mut system.incident).link(link);
            }
        }
        blamed("db primary latency")
    });
}

#[test]
fn one_bad_instance() {
    right("bad instance", |system| {
        let number = usize::try_from(system.rng.below(6)).unwrap();
        for metric in METRICS {
            system.deviates((system.service, number, metric), 0.0, 5.0);
        }
        vec![label("instance", format!("{}-{number}", system.service))]
    });
}

#[test]
fn a_bad_zone() {
    right("bad zone", |system| {
        for service in SERVICES {
            for number in [1, 4] {
                system.deviates((service, number, "latency"), 0.0, 5.0);
                system.deviates((service, number, "errors"), 3.0, 5.0);
            }
        }
        vec![label("zone", "b")]
    });
}

#[test]
fn a_bad_version() {
    let build = |system: &mut System| {
        for number in [4, 5] {
            for metric in ["latency", "errors", "cpu"] {
                system.deviates((system.service, number, metric), 0.0, 5.0);
            }
        }
    };
    right("bad version after a deploy", |system| {
        build(system);
        let touched = [("service", system.service), ("version", "v2")];
        system.change(-60.0, ChangeKind::Deploy, "v2", touched);
        vec![event(ChangeKind::Deploy, "v2")]
    });
}

#[test]
fn a_change_of_configuration() {
    right("configuration", |system| {
        let service = system.service;
        system.change(-30.0, ChangeKind::Config, "pool size", [("service", service)]);
        system.service_deviates(service, 0.0);
        system.service_deviates("gateway", 8.0);
        vec![event(ChangeKind::Config, "pool size")]
    });
}

#[test]
fn an_experiment() {
    right("experiment", |system| {
        let service = system.service;
        system.change(
            -5.0,
            ChangeKind::Experiment,
            "cut a zone",
            [("service", service), ("zone", "c")],
        );
        for number in [2, 5] {
            system.deviates((service, number, "errors"), 0.0, 3.0);
            system.deviates((service, number, "latency"), 1.0, 3.0);
        }
        system.service_deviates("gateway", 12.0);
        vec![event(ChangeKind::Experiment, "cut a zone")]
    });
}

#[test]
fn saturation() {
    right("saturation", |system| {
        let service = system.service;
        let pool = Episode::new("pool in use", at(ONSET), 5.0);
        system.add(pool.with_labels([("service", service)]));
        system.service_deviates(service, 60.0);
        vec![What::Series("pool in use".to_owned())]
    });
}

#[test]
fn lost_traffic() {
    right("traffic lost", |system| {
        let edge = Episode::new("edge requests", at(ONSET), 6.0);
        system.add(edge.with_labels([("service", "edge")]));
        for service in SERVICES {
            for number in 0..6 {
                system.deviates((service, number, "rate"), 10.0, 2.0);
            }
        }
        vec![What::Series("edge requests".to_owned())]
    });
}

#[test]
fn channels_of_a_machine() {
    let (mut share, mut by_severity, mut machines) = (0.0, 0.0, 0);
    for seed in 1000..1200 {
        let mut rng = Rng::seeded(seed).fork("machine");
        let truth = 2 + usize::try_from(rng.below(7)).unwrap();
        let mut incident = Incident::builder().tolerance(Duration::from_secs(60));
        for channel in 0..38 {
            // A true channel deviates within minutes and more than others; any may flicker.
            let is_true = channel < truth;
            if !is_true && rng.unit_f64() > 0.25 {
                continue;
            }
            let minute =
                if is_true { (4.0 * rng.unit_f64()).floor() } else { 40.0 * rng.unit_f64() - 20.0 };
            let severity = if is_true { 4.2 } else { 3.0 } + 0.8 * normal(&mut rng);
            let onset = at(ONSET + 60.0 * minute.floor());
            incident =
                incident.episode(Episode::new(format!("{channel}"), onset, severity.max(2.0)));
        }
        let ranked = incident.rank();
        let series = ranked.iter().filter_map(|suspect| match &suspect.what {
            What::Series(name) => name.parse::<usize>().ok(),
            _ => None,
        });
        let found = series.take(truth).filter(|channel| *channel < truth).count();
        share += found as f64 / truth as f64;
        let mut severe: Vec<&Episode> = incident.episodes.iter().collect();
        severe.sort_by(|a, b| b.peak_severity.total_cmp(&a.peak_severity));
        let severe =
            severe.iter().take(truth).filter(|it| it.series.parse::<usize>().unwrap() < truth);
        by_severity += severe.count() as f64 / truth as f64;
        machines += 1;
    }
    let share = share / f64::from(machines);
    let by_severity = by_severity / f64::from(machines);
    assert!(share >= 0.75 && share > by_severity, "{share}");
}

#[test]
fn a_series_that_is_always_noisy_is_not_to_blame() {
    let noisy = Episode { earlier: 5.0, ..Episode::new("noisy", at(10.0), 6.0) };
    let suspects = Incident::builder()
        .episode(noisy)
        .episode(Episode::new("true", at(20.0), 4.0))
        .episode(Episode::new("later", at(25.0), 4.0))
        .rank();
    assert_eq!(suspects[0].what, What::Series("true".to_owned()));
}
