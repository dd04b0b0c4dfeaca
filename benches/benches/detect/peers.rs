//! The peers, as their documents say that they are to be used.

use anomalyzer_ts::{Anomalyzer, AnomalyzerConf};
use augurs_changepoint::{Detector as _, NormalGammaDetector};
use krcf::{RandomCutForest, RandomCutForestOptions};
use rcf3::{Forest, OnlineIForest};
use rely_benches::{Case, repeat};

use crate::series::{WARM_UP, Wave};

/// Samples that a forest sees at a time.
const SHINGLE: usize = 8;
/// Those of the online isolation forest.
const LAGS: usize = 4;

/// A peer that takes a value and gives a score.
pub(crate) type Push = Box<dyn FnMut(f64) -> f64 + Send>;

/// A peer by its name, made anew.
type Peer = (&'static str, fn() -> Push);

/// Those that are compared.
pub(crate) const PEERS: [Peer; 4] = [
    ("krcf", krcf),
    ("rcf3-forest", rcf3_forest),
    ("rcf3-online-iforest", online_iforest),
    ("anomalyzer-ts", anomalyzer),
];

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let case = |(name, make): Peer| {
        let case = Case::new(format!("{name}/point"), move || {
            let (mut push, mut wave) = warm(make);
            repeat(move |_| push(wave.next().value))
        });
        // Some take a millisecond, and valgrind fifty times as long.
        case.without_instructions()
    };
    PEERS.into_iter().map(case).chain([augurs()])
}

/// A peer that has seen two weeks, and what comes next.
pub(crate) fn warm(make: fn() -> Push) -> (Push, Wave) {
    let (mut push, mut wave) = (make(), Wave::new());
    for _ in 0..WARM_UP {
        push(wave.next().value);
    }
    (push, wave)
}

/// The last `N` values, oldest first.
struct Lags<const N: usize>([f32; N]);

impl<const N: usize> Lags<N> {
    #[allow(clippy::cast_possible_truncation)] // forests take f32
    fn push(&mut self, value: f64) -> &[f32] {
        self.0.rotate_left(1);
        self.0[N - 1] = value as f32;
        &self.0
    }
}

fn krcf() -> Push {
    let options = RandomCutForestOptions {
        dimensions: 1,
        shingle_size: SHINGLE,
        num_trees: Some(50),
        sample_size: Some(256),
        internal_shingling: Some(true),
        random_seed: Some(1),
        ..Default::default()
    };
    let mut forest = RandomCutForest::new(options).expect("krcf's own options");
    Box::new(move |value| {
        #[allow(clippy::cast_possible_truncation)]
        let point = [value as f32];
        let score = forest.score(&point).unwrap_or(0.0);
        forest.update(&point).expect("a finite point");
        score
    })
}

fn rcf3_forest() -> Push {
    let forest = Forest::builder(1).shingle_size(SHINGLE).internal_shingling(true);
    let forest = forest.num_trees(50).capacity(256).seed(1);
    let mut forest = forest.build().expect("rcf3's own options");
    Box::new(move |value| {
        #[allow(clippy::cast_possible_truncation)]
        let point = [value as f32];
        let score = forest.score(&point).unwrap_or(0.0);
        forest.update(&point).expect("a finite point");
        score
    })
}

fn online_iforest() -> Push {
    let mut forest = OnlineIForest::builder(LAGS).seed(1).build().expect("rcf3's own options");
    let mut lags = Lags([0.0; LAGS]);
    Box::new(move |value| forest.update_and_score(lags.push(value)).expect("a finite point"))
}

/// Five tests, an hour against the four before. The sixth, of the magnitude, ends it early on what is
/// ordinary, and the figure would be that of no test at all.
fn anomalyzer() -> Push {
    let methods = ["cdf", "diff", "highrank", "lowrank", "ks"].map(str::to_owned).to_vec();
    let conf = AnomalyzerConf { active_size: 12, n_seasons: 4, methods, ..Default::default() };
    let mut wave = Wave::new();
    let first: Vec<f64> = (0..60).map(|_| wave.next().value).collect();
    let mut anomalyzer = Anomalyzer::new(conf, Some(first)).expect("anomalyzer's own options");
    Box::new(move |value| anomalyzer.push(value))
}

/// Bayesian change points over a day: it takes a whole slice and keeps nothing from one to the next.
fn augurs() -> Case {
    let case = Case::new("augurs-bocpd/point", || {
        let mut wave = Wave::new();
        let day: Vec<f64> = (0..288).map(|_| (wave.next().value - 100.0) / 30.0).collect();
        move |times: u64| {
            let mut left = usize::try_from(times).unwrap_or(usize::MAX);
            while left > 0 {
                let some = left.min(day.len());
                let points = NormalGammaDetector::default().detect_changepoints(&day[..some]);
                std::hint::black_box(points);
                left -= some;
            }
        }
    });
    case.without_instructions()
}
