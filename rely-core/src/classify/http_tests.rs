use core::time::Duration;
use std::time::UNIX_EPOCH;

use super::*;
use crate::RejectedBy;
use crate::body::StreamEnd;
use crate::classify::{ByBoxError, ByError};

fn response(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

fn judge(response: &Response<()>) -> Judgement {
    HttpStatus::new().classify(Ok::<_, &()>(response))
}

#[test]
fn each_status_has_its_class() {
    for status in 100..1000 {
        let expected = match status {
            408 | 429 => Class::SoftFailure,
            100..=499 => Class::Success,
            _ => Class::Failure,
        };
        assert_eq!(judge(&response(status, &[])).head(), Outcome::of(expected), "{status}");
    }
}

#[test]
fn only_a_success_with_a_body_waits_for_its_end() {
    for status in [200, 201, 203, 206, 300, 303, 404, 407, 428] {
        assert!(matches!(judge(&response(status, &[])), Judgement::AtEnd(_)), "{status}");
    }
    for status in [100, 101, 199, 204, 205, 304, 408, 429, 500, 503, 999] {
        assert!(matches!(judge(&response(status, &[])), Judgement::Now(_)), "{status}");
    }
    let ignoring = HttpStatus::new().with_status(StatusCode::NOT_FOUND, Class::Ignored);
    let not_found = response(404, &[]);
    assert_eq!(ignoring.classify(Ok::<_, &()>(&not_found)), Judgement::AtEnd(Outcome::IGNORED));
}

#[test]
fn retry_after_is_carried_from_400_on() {
    for (status, carried) in [(200, false), (202, false), (399, false), (400, true), (413, true)] {
        let judged = judge(&response(status, &[("retry-after", "7")])).head();
        assert_eq!(judged.retry_after.is_some(), carried, "{status}");
    }
    for status in [429, 503] {
        let wait = judge(&response(status, &[("retry-after", "7")])).head().retry_after;
        assert_eq!(wait, Some(Duration::from_secs(7)));
        assert_eq!(judge(&response(status, &[("retry-after", "x")])).head().retry_after, None);
        assert_eq!(judge(&response(status, &[])).head().retry_after, None);
    }
}

#[test]
fn a_date_needs_a_date_or_a_clock() {
    let until = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(100));
    let response = response(503, &[("retry-after", &until)]);
    assert_eq!(judge(&response).head().retry_after, None);
    let (clock, hand) = Clock::manual();
    hand.set_wall_origin(UNIX_EPOCH + Duration::from_secs(90));
    let http = HttpStatus::new().with_clock(clock);
    let judged = http.judge(&response).head();
    assert_eq!(judged, Outcome::FAILURE.with_retry_after(Duration::from_secs(10)));
}

#[test]
fn a_refusal_in_the_extensions_outweighs_the_status() {
    let rejected = Judgement::Now(Outcome::rejected(RejectedBy::Shed));
    for status in [200, 503] {
        let mut response = response(status, &[("retry-after", "7")]);
        response.extensions_mut().insert(Refusal::new(RejectedBy::Shed));
        assert_eq!(judge(&response), rejected);
        let (parts, ()) = response.into_parts();
        assert_eq!(HttpStatus::new().judge(&parts), rejected);
        let bare = HttpStatus::new().judge(&(parts.status, &parts.headers));
        assert_ne!(bare, rejected, "a bare pair has no extensions");
    }
}

#[test]
fn errors_are_judged_as_asked() {
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    type Head = Response<()>;
    let refusal = Refusal::new(RejectedBy::Limit);
    let rejected = Judgement::Now(Outcome::rejected(RejectedBy::Limit));
    let plain = HttpStatus::new();
    assert_eq!(plain.classify(Err::<&Head, _>(&refusal)), Judgement::Now(Outcome::FAILURE));
    let by_error = HttpStatus::new().errors_by(ByError);
    assert_eq!(by_error.classify(Err::<&Head, _>(&refusal)), rejected);
    let boxed: BoxError = Box::new(refusal);
    let by_box = HttpStatus::new().errors_by(ByBoxError);
    assert_eq!(by_box.classify(Err::<&Head, _>(&boxed)), rejected);
    let by_closure = HttpStatus::new().errors_by(|_: Result<&Head, &u8>| Class::Cancelled);
    assert_eq!(by_closure.classify(Err(&1)), Judgement::Now(Outcome::CANCELLED));
    assert_eq!(by_closure.classify(Ok(&response(500, &[]))).head(), Outcome::FAILURE);
}

#[test]
fn later_exceptions_win() {
    let http = HttpStatus::new()
        .with_status(StatusPattern::SERVER_ERROR, Class::Ignored)
        .with_status(StatusCode::BAD_GATEWAY, Class::SoftFailure);
    let class = |code| http.class(StatusCode::from_u16(code).unwrap());
    assert_eq!(class(499), Class::Success);
    assert_eq!(class(500), Class::Ignored);
    assert_eq!(class(501), Class::Ignored);
    assert_eq!(class(502), Class::SoftFailure);
    assert_eq!(class(599), Class::Ignored);
    assert_eq!(class(600), Class::Failure);
    let again = http.clone().with_status(StatusPattern::SERVER_ERROR, Class::Failure);
    assert_eq!(again.class(StatusCode::BAD_GATEWAY), Class::Failure);
    assert_eq!(class(502), Class::SoftFailure, "the clone went its own way");
    assert!(format!("{http:?}").contains("502: SoftFailure"), "{http:?}");
}

#[test]
fn the_end_of_the_body_settles_a_success() {
    let http = HttpStatus::new();
    let head = Outcome::SUCCESS.with_weight(crate::Weight::new(3));
    let class = |end: StreamEnd<'_, ()>| {
        let outcome = http.classify_end(head, end);
        assert_eq!(outcome.weight.get(), 3);
        outcome.class
    };
    assert_eq!(class(StreamEnd::Complete { trailers: None }), Class::Success);
    assert_eq!(class(StreamEnd::Complete { trailers: Some(&HeaderMap::new()) }), Class::Success);
    assert_eq!(class(StreamEnd::Delivered), Class::Success);
    assert_eq!(class(StreamEnd::Unread), Class::Success);
    assert_eq!(class(StreamEnd::Error(&())), Class::Failure);
    assert_eq!(class(StreamEnd::Truncated { expected: 2, received: 1 }), Class::Failure);
    assert_eq!(class(StreamEnd::Excess { expected: 1, received: 2 }), Class::Failure);
    assert_eq!(class(StreamEnd::Panicked), Class::Failure);
    assert_eq!(class(StreamEnd::Dropped), Class::Cancelled);
}

#[cfg(feature = "serde")]
#[test]
fn a_configuration_gives_the_particular_precedence() {
    let text = r#"{"statuses":{"404":"failure","4xx":"ignored","503":{"rejected":"shed"}}}"#;
    let config: HttpStatusConfig = serde_json::from_str(text).unwrap();
    let http = config.build();
    assert_eq!(http.class(StatusCode::NOT_FOUND), Class::Failure);
    assert_eq!(http.class(StatusCode::TOO_MANY_REQUESTS), Class::Ignored);
    assert_eq!(http.class(StatusCode::SERVICE_UNAVAILABLE), Class::Rejected(RejectedBy::Shed));
    assert_eq!(http.class(StatusCode::BAD_GATEWAY), Class::Failure);
    let back = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<HttpStatusConfig>(&back).unwrap(), config);
    assert_eq!(
        serde_json::from_str::<HttpStatusConfig>("{}").unwrap(),
        HttpStatusConfig::default()
    );
    for bad in [
        r#"{"status":{}}"#,
        r#"{"statuses":{"99":"failure"}}"#,
        r#"{"statuses":{"5xy":"failure"}}"#,
        r#"{"statuses":{"500":"awful"}}"#,
    ] {
        assert!(serde_json::from_str::<HttpStatusConfig>(bad).is_err(), "{bad}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_status_may_be_a_number() {
    let patterns: Vec<StatusPattern> = serde_json::from_str(r#"[404, "404", "5xx"]"#).unwrap();
    assert_eq!(patterns[0], patterns[1]);
    assert_eq!(patterns[2], StatusPattern::SERVER_ERROR);
    for bad in ["99", "1000", "-404", "40.4", "true"] {
        assert!(serde_json::from_str::<StatusPattern>(bad).is_err(), "{bad}");
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_names_the_keys_and_the_classes() {
    let schema = schemars::schema_for!(HttpStatusConfig).to_value().to_string();
    for part in ["[1-9][0-9]{2}", "[1-9][xX]{2}", "soft_failure", "breaker"] {
        assert!(schema.contains(part), "{part} in {schema}");
    }
}
