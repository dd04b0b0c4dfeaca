//! Our own detectors. This is the place where another one is plugged in.

use rely_benches::{Case, repeat};
use rely_detect::families::EwmaBand;
use rely_detect::{Detector, Ensemble, Forecast, Light, Novelty, Seasonal};

use crate::series::{STEP, WARM_UP, Wave};

/// A detector that has seen nothing.
pub(crate) type Make = fn() -> Box<dyn Detector + Send>;

/// Each by its name, with one parameter set for everything.
pub(crate) const DETECTORS: [(&str, Make); 6] = [
    ("rely-ensemble", || Box::new(Ensemble::new("bench"))),
    ("rely-novelty", || Box::new(Novelty::new("bench"))),
    ("rely-forecast", || Box::new(Forecast::new("bench"))),
    ("rely-light", || Box::new(Light::new("bench"))),
    ("rely-ewma", || {
        Box::new(EwmaBand::detector("bench").build().expect("the defaults are in range"))
    }),
    ("rely-seasonal", || {
        let seasonal = Seasonal::builder("bench").step(STEP).build();
        Box::new(seasonal.expect("five minutes divide a day"))
    }),
];

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    DETECTORS.into_iter().map(|(name, make)| {
        let case = Case::new(format!("{name}/point"), move || {
            let (mut detector, mut wave) = warm(make);
            repeat(move |_| detector.observe(wave.next()))
        });
        case.without_allocations()
    })
}

/// A detector that has seen two weeks, and what comes next.
pub(crate) fn warm(make: Make) -> (Box<dyn Detector + Send>, Wave) {
    let (mut detector, mut wave) = (make(), Wave::new());
    for _ in 0..WARM_UP {
        detector.observe(wave.next());
    }
    (detector, wave)
}
