//! HTTP responses, by status.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Response, StatusCode, response};

use super::{ByResult, Classify, ClassifyEnd, Judgement, StatusPattern, retry_after};
use crate::{Class, Clock, Outcome, Refusal};

/// The head of an HTTP response, whichever client or server it belongs to.
///
/// Implemented by `http::Response` and by the pair of a status and its headers, which any other
/// response can be turned into; see [`HttpStatus`] for an example.
pub trait HttpHead {
    /// The status.
    fn status(&self) -> StatusCode;
    /// The headers.
    fn headers(&self) -> &HeaderMap;
    /// The extensions, where a [`Refusal`] would be; none by default.
    fn extensions(&self) -> Option<&Extensions> {
        None
    }
}

impl<B> HttpHead for Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions(&self) -> Option<&Extensions> {
        Some(self.extensions())
    }
}

impl HttpHead for response::Parts {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn extensions(&self) -> Option<&Extensions> {
        Some(&self.extensions)
    }
}

impl HttpHead for (StatusCode, &HeaderMap) {
    fn status(&self) -> StatusCode {
        self.0
    }

    fn headers(&self) -> &HeaderMap {
        self.1
    }
}

/// The refusal that one of our layers left in a response that it made itself.
pub(super) fn refusal(head: &impl HttpHead) -> Option<Outcome> {
    head.extensions()?.get::<Refusal>().map(|refusal| (*refusal).into())
}

/// Judges an HTTP response by its status, and its body by how it ends.
///
/// | status | class | why |
/// |---|---|---|
/// | 1xx, 2xx, 3xx | success | |
/// | 4xx | success | the server is well, the caller is wrong |
/// | 408, 429 | soft failure | the server lives and did not serve, and not for anything that was asked |
/// | 5xx and above | failure | RFC 9110 §15 has invalid statuses treated as 5xx |
///
/// - Any status can be given another class: [`HttpStatus::with_status`], or a configuration.
/// - `Retry-After` on 400 and above is carried ([`retry_after`]). A date in it is measured from the
///   response's `Date`, or from the clock given to [`HttpStatus::with_clock`].
/// - A [`Refusal`] in the extensions makes the response rejected, whatever its status.
/// - Successes (and statuses made ignored) wait for the end of the body and then follow
///   [`StreamEnd::settle`](crate::body::StreamEnd::settle), except those that have no body: 1xx, 204,
///   205 and 304.
/// - Errors of the service are failures by default; [`HttpStatus::errors_by`] takes another
///   classifier for them, and wherever layers of ours are inside it should be one:
///   [`ByError`](super::ByError) or [`ByBoxError`](super::ByBoxError).
///
/// A response of another library is judged through its parts:
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use rely_core::Class;
/// use rely_core::classify::{Classify, HttpStatus, Judgement};
///
/// struct Reply { status: StatusCode, headers: HeaderMap }
///
/// let http = HttpStatus::new();
/// let classifier = |result: Result<&Reply, &std::io::Error>| match result {
///     Ok(reply) => http.judge(&(reply.status, &reply.headers)),
///     Err(_) => Judgement::from(Class::Failure),
/// };
/// let reply = Reply { status: StatusCode::BAD_GATEWAY, headers: HeaderMap::new() };
/// assert_eq!(classifier.classify(Ok(&reply)).head().class, Class::Failure);
/// ```
#[derive(Clone)]
pub struct HttpStatus<C = ByResult> {
    /// The class of each status from 100, or the defaults.
    table: Option<Arc<[Class; STATUSES]>>,
    clock: Option<Clock>,
    errors: C,
}

const FIRST: u16 = 100;
const STATUSES: usize = 900;

const fn default_class(status: u16) -> Class {
    match status {
        408 | 429 => Class::SoftFailure,
        ..500 => Class::Success,
        500.. => Class::Failure,
    }
}

fn default_table() -> Arc<[Class; STATUSES]> {
    let mut table = [Class::Success; STATUSES];
    for (class, status) in table.iter_mut().zip(FIRST..) {
        *class = default_class(status);
    }
    Arc::new(table)
}

impl HttpStatus {
    /// The rules of the table above.
    #[must_use]
    pub const fn new() -> Self {
        Self { table: None, clock: None, errors: ByResult }
    }
}

impl<C> HttpStatus<C> {
    /// Gives a status, or a class of them, another class; of two calls the later wins.
    ///
    /// ```
    /// use http::StatusCode;
    /// use rely_core::Class;
    /// use rely_core::classify::{HttpStatus, StatusPattern};
    ///
    /// let strict = HttpStatus::new()
    ///     .with_status(StatusPattern::CLIENT_ERROR, Class::Failure)
    ///     .with_status(StatusCode::NOT_FOUND, Class::Ignored);
    /// assert_eq!(strict.class(StatusCode::FORBIDDEN), Class::Failure);
    /// assert_eq!(strict.class(StatusCode::NOT_FOUND), Class::Ignored);
    /// ```
    #[must_use]
    pub fn with_status(mut self, status: impl Into<StatusPattern>, class: Class) -> Self {
        let pattern = status.into();
        let table = Arc::make_mut(self.table.get_or_insert_with(default_table));
        for (slot, status) in table.iter_mut().zip(FIRST..) {
            if StatusCode::from_u16(status).is_ok_and(|status| pattern.matches(status)) {
                *slot = class;
            }
        }
        self
    }

    /// Measures a date in `Retry-After` by this clock's wall time where the response has no `Date`.
    ///
    /// It is asked for nothing else. Without it such a header says nothing.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Judges errors of the service by `errors`.
    ///
    /// ```
    /// use http::Response;
    /// use rely_core::classify::{ByError, Classify, HttpStatus};
    /// use rely_core::{Class, Refusal, RejectedBy};
    ///
    /// let http = HttpStatus::new().errors_by(ByError);
    /// let open = Refusal::new(RejectedBy::Breaker);
    /// let judged = http.classify(Err::<&Response<()>, _>(&open)).head();
    /// assert_eq!(judged.class, Class::Rejected(RejectedBy::Breaker));
    /// ```
    #[must_use]
    pub fn errors_by<D>(self, errors: D) -> HttpStatus<D> {
        HttpStatus { table: self.table, clock: self.clock, errors }
    }

    /// The class of a status.
    #[must_use]
    pub fn class(&self, status: StatusCode) -> Class {
        let status = status.as_u16();
        let index = usize::from(status.saturating_sub(FIRST));
        match self.table.as_ref().and_then(|table| table.get(index)) {
            Some(class) => *class,
            None => default_class(status),
        }
    }

    /// Judges the head of a response.
    pub fn judge(&self, head: &impl HttpHead) -> Judgement {
        if let Some(rejected) = refusal(head) {
            return Judgement::Now(rejected);
        }
        let status = head.status();
        let mut outcome = Outcome::of(self.class(status));
        if status.as_u16() >= 400 {
            outcome.retry_after =
                retry_after(head.headers(), || self.clock.as_ref().map(Clock::wall));
        }
        match status.as_u16() {
            ..200 | 204 | 205 | 304 => Judgement::Now(outcome),
            _ => Judgement::Now(outcome).until_end(),
        }
    }
}

impl Default for HttpStatus {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: fmt::Debug> fmt::Debug for HttpStatus<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exceptions = self.table.iter().flat_map(|table| table.iter().zip(FIRST..));
        let exceptions: BTreeMap<_, _> = exceptions
            .filter(|(class, status)| **class != default_class(*status))
            .map(|(class, status)| (status, class))
            .collect();
        f.debug_struct("HttpStatus")
            .field("exceptions", &exceptions)
            .field("clock", &self.clock)
            .field("errors", &self.errors)
            .finish()
    }
}

impl<T: HttpHead, E, C: Classify<T, E>> Classify<T, E> for HttpStatus<C> {
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        match result {
            Ok(head) => self.judge(head),
            error => self.errors.classify(error),
        }
    }
}

impl<C, E> ClassifyEnd<E> for HttpStatus<C> {}

/// The configuration of an [`HttpStatus`].
///
/// ```
/// use http::StatusCode;
/// use rely_core::Class;
/// use rely_core::classify::{HttpStatusConfig, StatusPattern};
///
/// let statuses = [
///     (StatusCode::SERVICE_UNAVAILABLE.into(), Class::Failure),
///     (StatusPattern::SERVER_ERROR, Class::SoftFailure),
/// ];
/// let http = HttpStatusConfig { statuses: statuses.into() }.build();
/// assert_eq!(http.class(StatusCode::SERVICE_UNAVAILABLE), Class::Failure);
/// assert_eq!(http.class(StatusCode::BAD_GATEWAY), Class::SoftFailure);
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
    schemars(description = "What HTTP statuses count as, where it differs from the default.")
)]
pub struct HttpStatusConfig {
    /// Classes other than the usual, by status (404) or class of statuses (5xx); a single status
    /// wins over its class. None by default.
    pub statuses: BTreeMap<StatusPattern, Class>,
}

impl HttpStatusConfig {
    /// The classifier; there is nothing in it that could be wrong.
    #[must_use]
    pub fn build(&self) -> HttpStatus {
        // The map is ordered from classes to single statuses, so the particular comes last and wins.
        self.statuses
            .iter()
            .fold(HttpStatus::new(), |http, (status, class)| http.with_status(*status, *class))
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
