//! The point against a naive model, over every order of what can happen to it.

use core::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use rely_core::{Clock, Instant, Ratio};

use crate::draw::Draw;
use crate::{ArmError, Armed, EndReason, Fault, FaultPoint, KillSwitch};

#[derive(Clone, Debug)]
enum Step {
    Arm { ppm: u32, ttl: u64 },
    Drop,
    Advance { seconds: u64 },
    Call,
    Report,
    Engage,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..=1_000_000_u32, 1..30_u64).prop_map(|(ppm, ttl)| Step::Arm { ppm, ttl }),
        1 => Just(Step::Drop),
        2 => (0..20_u64).prop_map(|seconds| Step::Advance { seconds }),
        8 => Just(Step::Call),
        1 => Just(Step::Report),
        1 => Just(Step::Engage),
        1 => Just(Step::Release),
    ]
}

#[derive(Default)]
struct Model {
    now: u64,
    killed: bool,
    /// The fault of the last guard.
    fault: Option<ModelFault>,
}

struct ModelFault {
    share: Ratio,
    expires: u64,
    calls: u64,
    fired: u64,
    end: Option<(EndReason, u64)>,
}

impl Model {
    /// Time is noticed at once here, and by the next look there: nobody can tell.
    fn advance(&mut self, seconds: u64) {
        self.now += seconds;
        if let Some(fault) = &mut self.fault {
            if self.now >= fault.expires && fault.end.is_none() {
                fault.end = Some((EndReason::Expired, fault.expires));
            }
        }
    }

    fn end(&mut self, reason: EndReason) {
        if let Some(fault) = self.live() {
            let at = self.now;
            self.fault = Some(ModelFault { end: Some((reason, at)), ..fault });
        }
    }

    fn live(&mut self) -> Option<ModelFault> {
        match self.fault.take() {
            Some(fault) if fault.end.is_none() => Some(fault),
            other => {
                self.fault = other;
                None
            }
        }
    }
}

proptest! {
    #[test]
    fn the_point_does_what_the_model_does(
        seed: u64,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (clock, manual) = Clock::manual();
        let switch = KillSwitch::new();
        let point =
            FaultPoint::builder("point").seed(seed).clock(clock.clone()).kill_switch(&switch);
        let point = point.build().unwrap();
        let draw = Draw::new(seed, "point");
        let mut guard: Option<Armed> = None;
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Arm { ppm, ttl } => {
                    let share = Ratio::from_ppm_clamped(ppm);
                    let fault = Fault::error().for_share(share);
                    let armed = point.arm(fault, Duration::from_secs(ttl));
                    let busy = model.fault.as_ref().is_some_and(|fault| fault.end.is_none());
                    match armed {
                        Ok(armed) => {
                            prop_assert!(!busy && !model.killed);
                            let expires = model.now + ttl;
                            let (calls, fired, end) = (0, 0, None);
                            guard = Some(armed);
                            model.fault = Some(ModelFault { share, expires, calls, fired, end });
                        }
                        Err(ArmError::Killed { .. }) => prop_assert!(model.killed),
                        Err(ArmError::AlreadyArmed { .. }) => prop_assert!(busy && !model.killed),
                        Err(error) => prop_assert!(false, "{}", error),
                    }
                }
                Step::Drop => {
                    guard = None;
                    model.end(EndReason::Disarmed);
                    model.fault = None;
                }
                Step::Advance { seconds } => {
                    manual.advance(Duration::from_secs(seconds));
                    model.advance(seconds);
                }
                Step::Call => {
                    let hit = point.call(async { false }, |_| true).now_or_never().unwrap();
                    let mut expected = false;
                    if let Some(mut fault) = model.live() {
                        expected = draw.hits(fault.calls, fault.share);
                        fault.calls += 1;
                        fault.fired += u64::from(expected);
                        model.fault = Some(fault);
                    }
                    prop_assert_eq!(hit, expected);
                }
                Step::Report => {
                    let live = model.fault.as_ref().is_some_and(|fault| fault.end.is_none());
                    prop_assert_eq!(point.is_armed(), live);
                    if let (Some(guard), Some(fault)) = (&guard, &model.fault) {
                        let report = guard.report();
                        prop_assert_eq!((report.calls, report.fired), (fault.calls, fault.fired));
                        let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
                        let end = fault.end.map(|(reason, seconds)| (reason, at(seconds)));
                        prop_assert_eq!(report.end.map(|end| (end.reason, end.at)), end);
                    }
                }
                Step::Engage => {
                    switch.engage();
                    model.end(EndReason::Killed);
                    model.killed = true;
                }
                Step::Release => {
                    switch.release();
                    model.killed = false;
                }
            }
        }
    }
}
