//! gRPC responses, by the status in their head or trailers.

use core::time::Duration;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, StatusCode};

use super::http::refusal;
use super::retry_after::{retry_after, single};
use super::{
    ByResult, Classify, ClassifyEnd, DO_NOT_RETRY, GrpcCode, HttpHead, Judgement, MAX_RETRY_AFTER,
};
use crate::body::StreamEnd;
use crate::{Class, Outcome};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What a gRPC server says about retries in `grpc-retry-pushback-ms`, if it says anything: how long
/// to wait, at most [`MAX_RETRY_AFTER`], or [`DO_NOT_RETRY`].
///
/// gRFC A6: a negative value, and one that cannot be read, ask not to retry at all.
#[must_use]
pub fn pushback(headers: &HeaderMap) -> Option<Duration> {
    if !headers.contains_key(PUSHBACK) {
        return None;
    }
    let millis = single(headers, &PUSHBACK).and_then(|value| value.parse::<i64>().ok());
    Some(match millis.map(u64::try_from) {
        Some(Ok(millis)) => Duration::from_millis(millis).min(MAX_RETRY_AFTER),
        _ => DO_NOT_RETRY,
    })
}

/// Judges a gRPC response by its status, which stands in the head of an empty response and in the
/// trailers of any other.
///
/// | code | class | why |
/// |---|---|---|
/// | `OK` | success | |
/// | `UNKNOWN`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | failure | the server's, or the way's |
/// | `RESOURCE_EXHAUSTED` | soft failure | it lives and has no room |
/// | `UNIMPLEMENTED` | soft failure | it lives and cannot; OpenTelemetry counts it as the server's error, and so a release that lost a method shows |
/// | `CANCELLED` | cancelled | |
/// | the others | success | the server is well, the caller is wrong |
///
/// - Any code can be given another class: [`Grpc::with_code`], or a configuration.
/// - A status in the head decides at once; else the trailers do. A stream that ends without a status
///   is `UNKNOWN`, so a failure; one that breaks is a failure; one that is dropped before its
///   trailers is cancelled, for nobody knows what the status was.
/// - An HTTP status other than 200 without a gRPC status decides at once, by
///   [`GrpcCode::from_http`].
/// - [`pushback`] is carried with any status but `OK`; an answer that has no gRPC status may carry
///   `Retry-After` instead.
/// - A [`Refusal`](crate::Refusal) in the extensions makes the response rejected.
/// - Errors of the service are judged as by [`HttpStatus`](super::HttpStatus).
///
/// A call that returns a status of its own, such as tonic's, is judged by [`Grpc::outcome`]:
///
/// ```
/// use rely_core::Class;
/// use rely_core::classify::{Classify, Grpc, GrpcCode, Judgement};
///
/// struct Status { code: u32 }
///
/// let grpc = Grpc::new();
/// let classifier = |result: Result<&String, &Status>| match result {
///     Ok(_) => grpc.outcome(GrpcCode::Ok),
///     Err(status) => grpc.outcome(GrpcCode::from_number(status.code)),
/// };
/// assert_eq!(classifier.classify(Err(&Status { code: 14 })).head().class, Class::Failure);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Grpc<C = ByResult> {
    classes: [Class; 17],
    errors: C,
}

impl Grpc {
    /// The rules of the table above.
    #[must_use]
    pub const fn new() -> Self {
        let mut classes = [Class::Success; 17];
        let mut number = 0;
        while number < classes.len() {
            classes[number] = GrpcCode::ALL[number].default_class();
            number += 1;
        }
        Self { classes, errors: ByResult }
    }
}

impl<C> Grpc<C> {
    /// Gives a code another class.
    ///
    /// ```
    /// use rely_core::{Class, Outcome};
    /// use rely_core::classify::{Grpc, GrpcCode};
    ///
    /// let grpc = Grpc::new().with_code(GrpcCode::Aborted, Class::SoftFailure);
    /// assert_eq!(grpc.outcome(GrpcCode::Aborted), Outcome::SOFT_FAILURE);
    /// ```
    #[must_use]
    pub const fn with_code(mut self, code: GrpcCode, class: Class) -> Self {
        self.classes[code as usize] = class;
        self
    }

    /// Judges errors of the service by `errors`.
    #[must_use]
    pub fn errors_by<D>(self, errors: D) -> Grpc<D> {
        Grpc { classes: self.classes, errors }
    }

    /// The outcome of a call that ended with this code.
    pub const fn outcome(&self, code: GrpcCode) -> Outcome {
        Outcome::of(self.classes[code as usize])
    }

    /// Judges the head of a response.
    pub fn judge(&self, head: &impl HttpHead) -> Judgement {
        let headers = head.headers();
        if let Some(rejected) = refusal(head) {
            return Judgement::Now(rejected);
        }
        if let Some(outcome) = self.by_status(headers) {
            return Judgement::Now(outcome);
        }
        if head.status() == StatusCode::OK {
            return Judgement::AtEnd(self.outcome(GrpcCode::Ok));
        }
        let outcome = self.outcome(GrpcCode::from_http(head.status()));
        let retry_after = pushback(headers).or_else(|| retry_after(headers, || None));
        Judgement::Now(Outcome { retry_after, ..outcome })
    }

    fn by_status(&self, headers: &HeaderMap) -> Option<Outcome> {
        if !headers.contains_key(STATUS) {
            return None;
        }
        let code = single(headers, &STATUS)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .map_or(GrpcCode::Unknown, GrpcCode::from_number);
        let retry_after = if code == GrpcCode::Ok { None } else { pushback(headers) };
        Some(Outcome { retry_after, ..self.outcome(code) })
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: HttpHead, E, C: Classify<T, E>> Classify<T, E> for Grpc<C> {
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        match result {
            Ok(head) => self.judge(head),
            error => self.errors.classify(error),
        }
    }
}

impl<C, E> ClassifyEnd<E> for Grpc<C> {
    fn classify_end(&self, head: Outcome, end: StreamEnd<'_, E>) -> Outcome {
        let outcome = match end {
            StreamEnd::Complete { trailers } => trailers
                .and_then(|trailers| self.by_status(trailers))
                .unwrap_or_else(|| self.outcome(GrpcCode::Unknown)),
            StreamEnd::Delivered | StreamEnd::Unread => Outcome::CANCELLED,
            other => other.settle(head),
        };
        outcome.with_weight(head.weight)
    }
}

/// The configuration of a [`Grpc`].
///
/// ```
/// use rely_core::{Class, Outcome};
/// use rely_core::classify::{GrpcCode, GrpcConfig};
///
/// let grpc = GrpcConfig { codes: [(GrpcCode::Aborted, Class::Failure)].into() }.build();
/// assert_eq!(grpc.outcome(GrpcCode::Aborted), Outcome::FAILURE);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "What gRPC codes count as, where it differs from the default.")
)]
pub struct GrpcConfig {
    /// Classes other than the usual, by code. None by default.
    pub codes: BTreeMap<GrpcCode, Class>,
}

impl GrpcConfig {
    /// The classifier; there is nothing in it that could be wrong.
    #[must_use]
    pub fn build(&self) -> Grpc {
        self.codes.iter().fold(Grpc::new(), |grpc, (code, class)| grpc.with_code(*code, *class))
    }
}

#[cfg(test)]
#[path = "grpc_tests.rs"]
mod tests;
