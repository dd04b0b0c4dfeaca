use core::convert::Infallible;
use core::future::ready;
use core::time::Duration;
use std::io;

use futures::executor::block_on;
use rely_core::classify::{ByBoxError, Classify};
use rely_core::{Class, Clock, ManualClock, Refusal, RejectedBy};
use tower::{Layer, ServiceExt, service_fn};

use super::BoxError;
use crate::{Breaker, BreakerError, Rejected, RejectedReason, State};

fn breaker(name: &str) -> (Breaker, ManualClock) {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder(name).minimum_calls(1).trials(1).clock(clock);
    (breaker.build().unwrap(), manual)
}

/// A rejection by a breaker of this name that says to wait so long.
fn rejected(name: &str, wait: Option<Duration>) -> Rejected {
    Rejected::new(name.into(), State::Open, RejectedReason::Open, wait)
}

#[derive(Debug)]
enum Mine {
    Busy(Rejected),
    Io(io::Error),
}

impl From<Rejected> for Mine {
    fn from(rejected: Rejected) -> Self {
        Self::Busy(rejected)
    }
}

impl From<io::Error> for Mine {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Neither `Clone` nor asked for it.
struct Request;

fn reset(_: Request) -> core::future::Ready<Result<(), io::Error>> {
    ready(Err(io::ErrorKind::ConnectionReset.into()))
}

#[test]
fn one_error_of_the_users_own_holds_both() {
    let (breaker, _) = breaker("queue");
    let layer = breaker.layer().errors_into::<Mine>();
    let call = || layer.clone().layer(service_fn(reset)).oneshot(Request);
    let Err(Mine::Io(error)) = block_on(call()) else { panic!("it went through") };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let Err(Mine::Busy(rejected)) = block_on(call()) else { panic!("one failure opens it") };
    assert_eq!(rejected.reason, RejectedReason::Open);
}

#[test]
fn a_box_holds_both_and_no_box_is_boxed_again() {
    let (breaker, _) = breaker("queue");
    let boxed = |request| async { reset(request).await.map_err(BoxError::from) };
    let outer = breaker.layer().classify(ByBoxError).box_errors();
    let error = block_on(outer.layer(service_fn(boxed)).oneshot(Request)).unwrap_err();
    assert!(error.is::<io::Error>());
    let error = block_on(outer.layer(service_fn(boxed)).oneshot(Request)).unwrap_err();
    assert!(error.is::<Rejected>());
    let judged = ByBoxError.classify(Err::<&(), _>(&error)).head();
    assert_eq!(judged.class, Class::Rejected(RejectedBy::Breaker));
}

#[test]
fn an_answer_of_the_users_own_needs_no_clone() {
    struct Once;
    impl tower::Service<Request> for Once {
        type Response = &'static str;
        type Error = Infallible;
        type Future = core::future::Ready<Result<&'static str, Infallible>>;

        fn poll_ready(
            &mut self,
            _: &mut core::task::Context<'_>,
        ) -> core::task::Poll<Result<(), Infallible>> {
            core::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request) -> Self::Future {
            ready(Ok("served"))
        }
    }
    let (breaker, _) = breaker("queue");
    let layer = breaker.layer().without_clone().on_reject(|rejected| {
        assert_eq!(rejected.reason, RejectedReason::ForcedOpen);
        Ok("come back later")
    });
    assert_eq!(block_on(layer.layer(Once).oneshot(Request)), Ok("served"));
    breaker.force_open();
    assert_eq!(block_on(layer.layer(Once).oneshot(Request)), Ok("come back later"));
}

#[test]
fn a_rejection_stays_in_the_sources() {
    let error: BoxError = BreakerError::<io::Error>::Rejected(rejected("queue", None)).into();
    let source = std::error::Error::source(&*error);
    assert!(source.unwrap().is::<Rejected>());
    assert_eq!(Refusal::find(error.as_ref()), Some(Refusal::new(RejectedBy::Breaker)));
}

#[cfg(feature = "http")]
mod over_http {
    use http::{Response, StatusCode};
    use proptest::prelude::*;

    use super::*;

    fn retry_after(wait: Duration) -> String {
        let response = Response::<()>::from(rejected("queue", Some(wait)));
        response.headers()["retry-after"].to_str().unwrap().to_owned()
    }

    fn pushback(wait: Duration) -> String {
        let response = rejected("queue", Some(wait)).into_grpc_response::<()>();
        response.headers()["grpc-retry-pushback-ms"].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_wait_is_rounded_up_and_zero_stays_zero() {
        let nano = Duration::from_nanos(1);
        for (wait, seconds, millis) in [
            (Duration::ZERO, "0", "0"),
            (nano, "1", "1"),
            (Duration::from_millis(1), "1", "1"),
            (Duration::from_millis(1) + nano, "1", "2"),
            (Duration::from_secs(1), "1", "1000"),
            (Duration::from_secs(1) + nano, "2", "1001"),
            (Duration::from_secs(30), "30", "30000"),
            (Duration::from_secs(i32::MAX as u64), "2147483647", "2147483647"),
            (Duration::from_secs(1 << 40), "2147483647", "2147483647"),
            (Duration::MAX, "2147483647", "2147483647"),
        ] {
            assert_eq!((retry_after(wait).as_str(), pushback(wait).as_str()), (seconds, millis));
        }
    }

    #[test]
    fn an_unknown_wait_is_not_told() {
        let response = Response::<()>::from(rejected("queue", None));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().is_empty());
        let response = rejected("queue", None).into_grpc_response::<()>();
        let mut names: Vec<&str> =
            response.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "grpc-message", "grpc-status"]);
    }

    #[test]
    fn the_extensions_tell_it_from_a_503_of_the_service() {
        let rejected = rejected("queue", None);
        for response in
            [Response::<()>::from(rejected.clone()), rejected.clone().into_grpc_response()]
        {
            let extensions = response.extensions();
            assert_eq!(extensions.get(), Some(&rejected));
            assert_eq!(extensions.get(), Some(&Refusal::new(RejectedBy::Breaker)));
        }
    }

    #[test]
    fn grpc_is_told_in_a_head_alone() {
        let (breaker, manual) = breaker("queue");
        breaker.acquire().unwrap().failure();
        manual.advance(Duration::from_micros(29_000_500));
        let layer = breaker.layer().answer_grpc();
        let inner =
            service_fn(|_: Request| ready(Ok::<Response<String>, Infallible>(Response::default())));
        let Ok(response) = block_on(layer.layer(inner).oneshot(Request));
        assert_eq!((response.status(), response.body().as_str()), (StatusCode::OK, ""));
        let header = |name| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/grpc");
        assert_eq!(header("grpc-status"), "14");
        assert_eq!(header("grpc-retry-pushback-ms"), "1000");
        assert_eq!(header("grpc-message"), "circuit breaker queue is open, retry in 999.5ms");
    }

    #[test]
    fn a_call_that_goes_through_keeps_answer_and_error() {
        let (breaker, _) = breaker("queue");
        let answer = |_: Request| ready(Ok::<_, io::Error>(Response::new("served")));
        let layer = breaker.layer().answer_http();
        let response = block_on(layer.layer(service_fn(answer)).oneshot(Request)).unwrap();
        assert_eq!((response.status(), *response.body()), (StatusCode::OK, "served"));
        let fail = |_: Request| ready(Err::<Response<&str>, _>(io::Error::other("down")));
        let error = block_on(layer.layer(service_fn(fail)).oneshot(Request)).unwrap_err();
        assert_eq!(error.to_string(), "down");
        let response = block_on(layer.layer(service_fn(fail)).oneshot(Request)).unwrap();
        assert_eq!(response.headers()["retry-after"], "30");
        breaker.reset();
        let grpc = breaker.layer().answer_grpc();
        let error = block_on(grpc.layer(service_fn(fail)).oneshot(Request)).unwrap_err();
        assert_eq!(error.to_string(), "down");
    }

    #[test]
    fn names_with_anything_in_them_make_headers() {
        for (name, message) in [
            ("50% off", "circuit breaker 50%25 off is open"),
            ("a\r\nset-cookie: b", "circuit breaker a%0D%0Aset-cookie: b is open"),
            ("é ", "circuit breaker %C3%A9  is open"),
            ("~\u{7f}\0", "circuit breaker ~%7F%00 is open"),
        ] {
            let response = rejected(name, None).into_grpc_response::<()>();
            assert_eq!(response.headers()["grpc-message"], message);
        }
    }

    #[test]
    fn a_long_name_leaves_room_for_other_headers() {
        for letter in ["a", "é", "€", "🦀"] {
            let response = rejected(&letter.repeat(10_000), None).into_grpc_response::<()>();
            let length = response.headers()["grpc-message"].len();
            assert!((1000..=3 * 1024).contains(&length), "{letter}: {length}");
        }
    }

    fn decoded(message: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = message.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'%' {
                let (hex, tail) = rest.split_at(2);
                bytes.push(u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap());
                rest = tail;
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn any_name_is_told_and_can_be_read(name in any::<String>(), nanos in any::<Option<u64>>()) {
            let rejected = rejected(&name, nanos.map(Duration::from_nanos));
            prop_assert_eq!(Response::<()>::from(rejected.clone()).status(), 503);
            let response = rejected.clone().into_grpc_response::<()>();
            let message = response.headers()["grpc-message"].to_str().unwrap();
            prop_assert_eq!(decoded(message), rejected.to_string());
        }

        #[test]
        fn whoever_waits_as_told_comes_no_earlier_than_meant(nanos in 0..1_u64 << 50) {
            let wait = Duration::from_nanos(nanos);
            let seconds = Duration::from_secs(retry_after(wait).parse().unwrap());
            prop_assert!(wait <= seconds && seconds < wait + Duration::from_secs(1));
            let millis = Duration::from_millis(pushback(wait).parse().unwrap());
            prop_assert!(wait <= millis && millis < wait + Duration::from_millis(1));
        }
    }
}

#[cfg(feature = "tonic")]
mod as_status {
    use std::error::Error;

    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn a_status_says_all_of_it() {
        let meant = rejected("a\nb 🦀", Some(Duration::from_nanos(1)));
        let status = Status::from(meant.clone());
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), meant.to_string());
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1");
        assert_eq!(status.source().unwrap().downcast_ref(), Some(&meant));
        assert_eq!(Refusal::find(&status), Some(Refusal::new(RejectedBy::Breaker)));
        assert!(Status::from(rejected("queue", None)).metadata().is_empty());
    }

    #[test]
    fn both_ways_to_tell_it_are_the_same_on_the_wire() {
        for name in
            ["queue", "a\r\nb", "50 %", "é\0~\u{7f} \"quoted\" <a> #b `c` {d}", &"🦀".repeat(999)]
        {
            let meant = rejected(name, Some(Duration::from_secs(2)));
            let ours = meant.clone().into_grpc_response::<()>();
            let theirs = Status::from(meant.clone()).into_http::<()>();
            let (ours, theirs) =
                [&ours, &theirs].map(|r| Status::from_header_map(r.headers()).unwrap()).into();
            assert_eq!(ours.message(), theirs.message());
            assert_eq!(ours.code(), theirs.code());
            let pushback =
                |status: &Status| status.metadata().get("grpc-retry-pushback-ms").cloned();
            assert_eq!(pushback(&ours), pushback(&theirs));
        }
    }

    #[test]
    fn a_box_holds_the_status_or_the_error() {
        let (breaker, _) = breaker("queue");
        let layer = breaker.layer().status_errors();
        let error = block_on(layer.layer(service_fn(reset)).oneshot(Request)).unwrap_err();
        assert!(error.is::<io::Error>());
        let error = block_on(layer.layer(service_fn(reset)).oneshot(Request)).unwrap_err();
        assert_eq!(Status::from_error(error).code(), Code::Unavailable);
    }

    #[test]
    fn a_call_ends_in_a_status() {
        let (breaker, _) = breaker("queue");
        let call = || -> Result<(), Status> {
            let fetched = async { Err::<(), _>(Status::data_loss("gone")) };
            Ok(block_on(breaker.call(fetched))?)
        };
        assert_eq!(call().unwrap_err().code(), Code::DataLoss);
        assert_eq!(call().unwrap_err().code(), Code::Unavailable);
    }
}
