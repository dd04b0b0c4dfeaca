use http::{HeaderValue, Response};

use super::*;
use crate::classify::ByError;
use crate::{Refusal, RejectedBy, Weight};

fn headers(values: &[(HeaderName, &str)]) -> HeaderMap {
    values.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).fold(
        HeaderMap::new(),
        |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        },
    )
}

fn judge(status: u16, values: &[(HeaderName, &str)]) -> Judgement {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = headers(values);
    Grpc::new().classify(Ok::<_, &()>(&response))
}

fn end(end: StreamEnd<'_, ()>) -> Outcome {
    let outcome = Grpc::new().classify_end(Outcome::SUCCESS.with_weight(Weight::new(4)), end);
    assert_eq!(outcome.weight.get(), 4);
    outcome.with_weight(Weight::ONE)
}

fn trailers(values: &[(HeaderName, &str)]) -> Outcome {
    end(StreamEnd::Complete { trailers: Some(&headers(values)) })
}

#[test]
fn a_status_decides_the_same_in_head_and_trailers() {
    for (text, expected) in [
        ("0", Outcome::SUCCESS),
        ("1", Outcome::CANCELLED),
        ("2", Outcome::FAILURE),
        ("5", Outcome::SUCCESS),
        ("8", Outcome::SOFT_FAILURE),
        ("12", Outcome::SOFT_FAILURE),
        ("14", Outcome::FAILURE),
        ("16", Outcome::SUCCESS),
        ("17", Outcome::FAILURE),
        ("-1", Outcome::FAILURE),
        ("+0", Outcome::FAILURE),
        ("", Outcome::FAILURE),
        ("OK", Outcome::FAILURE),
        ("4294967296", Outcome::FAILURE),
    ] {
        assert_eq!(judge(200, &[(STATUS, text)]), Judgement::Now(expected), "{text:?} in head");
        assert_eq!(trailers(&[(STATUS, text)]), expected, "{text:?} in trailers");
    }
    let twice = [(STATUS, "0"), (STATUS, "0")];
    assert_eq!(trailers(&twice), Outcome::FAILURE, "two statuses are none");
}

#[test]
fn without_a_status_the_end_decides() {
    assert_eq!(judge(200, &[]), Judgement::AtEnd(Outcome::SUCCESS));
    assert_eq!(trailers(&[]), Outcome::FAILURE);
    assert_eq!(end(StreamEnd::Complete { trailers: None }), Outcome::FAILURE);
    assert_eq!(end(StreamEnd::Error(&())), Outcome::FAILURE);
    assert_eq!(end(StreamEnd::Truncated { expected: 2, received: 1 }), Outcome::FAILURE);
    assert_eq!(end(StreamEnd::Excess { expected: 1, received: 2 }), Outcome::FAILURE);
    assert_eq!(end(StreamEnd::Panicked), Outcome::FAILURE);
    for unknown in [StreamEnd::Dropped, StreamEnd::Delivered, StreamEnd::Unread] {
        assert_eq!(end(unknown), Outcome::CANCELLED);
    }
}

#[test]
fn an_http_status_stands_in_for_a_missing_one_only() {
    for (status, expected) in [
        (400, Outcome::FAILURE),
        (401, Outcome::SUCCESS),
        (403, Outcome::SUCCESS),
        (404, Outcome::SOFT_FAILURE),
        (429, Outcome::FAILURE),
        (500, Outcome::FAILURE),
        (503, Outcome::FAILURE),
        (204, Outcome::FAILURE),
    ] {
        assert_eq!(judge(status, &[]), Judgement::Now(expected), "{status}");
        let with_status = judge(status, &[(STATUS, "5")]);
        assert_eq!(with_status, Judgement::Now(Outcome::SUCCESS), "{status} and NOT_FOUND");
    }
}

#[test]
fn pushback_is_read_as_documented() {
    let wait = |values: &[&str]| {
        pushback(&headers(&values.iter().map(|value| (PUSHBACK, *value)).collect::<Vec<_>>()))
    };
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!(wait(&[]), None);
    assert_eq!(wait(&["0"]), millis(0));
    assert_eq!(wait(&["1500"]), millis(1500));
    assert_eq!(wait(&["86400000"]), Some(MAX_RETRY_AFTER));
    assert_eq!(wait(&["86400001"]), Some(MAX_RETRY_AFTER));
    assert_eq!(wait(&["9223372036854775807"]), Some(MAX_RETRY_AFTER));
    for refused in ["-1", "-9223372036854775808", "9223372036854775808", "", "soon", "1.5"] {
        assert_eq!(wait(&[refused]), Some(DO_NOT_RETRY), "{refused:?}");
    }
    assert_eq!(wait(&["1", "2"]), Some(DO_NOT_RETRY), "two answers cannot be read");
}

#[test]
fn pushback_is_carried_with_any_status_but_ok() {
    let wait = Some(Duration::from_millis(20));
    assert_eq!(trailers(&[(STATUS, "0"), (PUSHBACK, "20")]).retry_after, None);
    assert_eq!(trailers(&[(STATUS, "14"), (PUSHBACK, "20")]).retry_after, wait);
    assert_eq!(judge(200, &[(STATUS, "8"), (PUSHBACK, "20")]).head().retry_after, wait);
    assert_eq!(judge(503, &[(PUSHBACK, "20")]).head().retry_after, wait);
    let seconds = (http::header::RETRY_AFTER, "3");
    let retry_after = judge(503, std::slice::from_ref(&seconds)).head().retry_after;
    assert_eq!(retry_after, Some(Duration::from_secs(3)));
    assert_eq!(judge(503, &[seconds, (PUSHBACK, "-1")]).head().retry_after, Some(DO_NOT_RETRY));
}

#[test]
fn refusals_and_errors_are_seen() {
    let mut response = Response::new(());
    response.headers_mut().insert(STATUS, HeaderValue::from_static("14"));
    response.extensions_mut().insert(Refusal::new(RejectedBy::Breaker));
    let rejected = Judgement::Now(Outcome::rejected(RejectedBy::Breaker));
    assert_eq!(Grpc::new().judge(&response), rejected);
    let error = Refusal::new(RejectedBy::Breaker);
    assert_eq!(Grpc::new().errors_by(ByError).classify(Err::<&Response<()>, _>(&error)), rejected);
    assert_eq!(
        Grpc::new().classify(Err::<&Response<()>, _>(&error)),
        Judgement::Now(Outcome::FAILURE)
    );
}

#[test]
fn codes_can_be_given_other_classes() {
    const GRPC: Grpc = Grpc::new().with_code(GrpcCode::NotFound, Class::Ignored);
    let trailers = headers(&[(STATUS, "5")]);
    let end: StreamEnd<'_, ()> = StreamEnd::Complete { trailers: Some(&trailers) };
    assert_eq!(GRPC.classify_end(Outcome::SUCCESS, end), Outcome::IGNORED);
    assert_eq!(GRPC.outcome(GrpcCode::AlreadyExists), Outcome::SUCCESS);
}

#[cfg(feature = "serde")]
#[test]
fn a_configuration_names_codes() {
    let config: GrpcConfig =
        serde_json::from_str(r#"{"codes":{"ABORTED":"failure","5":"ignored"}}"#).unwrap();
    let grpc = config.build();
    assert_eq!(grpc.outcome(GrpcCode::Aborted), Outcome::FAILURE);
    assert_eq!(grpc.outcome(GrpcCode::NotFound), Outcome::IGNORED);
    assert_eq!(grpc.outcome(GrpcCode::Internal), Outcome::FAILURE);
    let back = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<GrpcConfig>(&back).unwrap(), config);
    assert_eq!(serde_json::from_str::<Vec<GrpcCode>>("[14]").unwrap(), [GrpcCode::Unavailable]);
    for bad in [
        r#"{"code":{}}"#,
        r#"{"codes":{"17":"failure"}}"#,
        r#"{"codes":{"ABORTED":"awful"}}"#,
        r#"{"codes":{"aborted":"failure"}}"#,
    ] {
        assert!(serde_json::from_str::<GrpcConfig>(bad).is_err(), "{bad}");
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_names_the_codes() {
    let schema = schemars::schema_for!(GrpcConfig).to_value().to_string();
    for part in ["DATA_LOSS", "1[0-6]", "soft_failure"] {
        assert!(schema.contains(part), "{part} in {schema}");
    }
}
