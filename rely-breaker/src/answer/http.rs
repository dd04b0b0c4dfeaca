//! Answers over HTTP, gRPC's included.

use core::fmt::Write;
use core::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::Rejected;
use crate::tower::{BreakerLayer, OnReject};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The longest wait that is told, in units of the header: a peer may read it as a signed 32-bit number,
/// as gRFC A6 says.
const LONGEST: u32 = i32::MAX as u32;

/// The longest text that is told, in bytes: percent-encoded thrice that, which fits the 8 kB that gRPC
/// peers allow all headers.
const LONGEST_TEXT: usize = 1024;

/// Rejections become a response with status 503; made by [`BreakerLayer::answer_http`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsHttp;

impl<B: Default, E> OnReject<Response<B>, E> for AsHttp {
    type Error = E;

    fn reject(&self, rejected: Rejected) -> Result<Response<B>, E> {
        Ok(rejected.into())
    }

    fn inner(&self, error: E) -> E {
        error
    }
}

/// Rejections become a response with gRPC's status `UNAVAILABLE`; made by
/// [`BreakerLayer::answer_grpc`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsGrpc;

impl<B: Default, E> OnReject<Response<B>, E> for AsGrpc {
    type Error = E;

    fn reject(&self, rejected: Rejected) -> Result<Response<B>, E> {
        Ok(rejected.into_grpc_response())
    }

    fn inner(&self, error: E) -> E {
        error
    }
}

impl<C, R, L> BreakerLayer<C, R, L> {
    /// The same layer, with rejections answered by a 503, as `From<Rejected>` for `http::Response`
    /// makes it. The service keeps its error type, `Infallible` included; it needs a body that has a
    /// default, as those of axum, tonic and http-body-util have.
    ///
    /// ```
    /// use core::convert::Infallible;
    /// use http::{Request, Response};
    /// use rely_breaker::Breaker;
    /// use rely_core::Class;
    /// use tower::{ServiceBuilder, ServiceExt};
    ///
    /// # futures::executor::block_on(async {
    /// let breaker = Breaker::builder("orders").build()?;
    /// let service = ServiceBuilder::new()
    ///     .layer(breaker.layer().answer_http())
    ///     .service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) });
    /// breaker.open_for(core::time::Duration::from_millis(1500));
    /// let Ok(response) = service.oneshot(Request::new(())).await;
    /// assert_eq!(response.status(), 503);
    /// assert_eq!(response.headers()["retry-after"], "2");
    /// # Ok::<(), rely_core::ConfigError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn answer_http(self) -> BreakerLayer<C, AsHttp, L> {
        self.rejecting(AsHttp)
    }

    /// The same layer, with rejections answered by gRPC's `UNAVAILABLE`, as
    /// [`Rejected::into_grpc_response`] makes it. The service keeps its error type.
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn answer_grpc(self) -> BreakerLayer<C, AsGrpc, L> {
        self.rejecting(AsGrpc)
    }
}

/// A 503 without a body. `Retry-After` (RFC 9110 §10.2.3) holds the wait in seconds, rounded up so that
/// nobody comes too early, 0 where the call may be repeated at once; it is absent where the wait is not
/// known. The extensions hold the [`Rejected`] and its [`Refusal`](rely_core::Refusal); nothing that is
/// sent names the breaker.
///
/// ```
/// use rely_breaker::Breaker;
///
/// /// A handler of axum, say.
/// fn order(breaker: &Breaker) -> Result<String, http::Response<String>> {
///     let permit = breaker.acquire()?;
///     permit.success();
///     Ok("done".to_owned())
/// }
///
/// let breaker = Breaker::builder("orders").build()?;
/// breaker.force_open();
/// let response = order(&breaker).unwrap_err().map(|_| "come back later");
/// assert_eq!((response.status().as_u16(), *response.body()), (503, "come back later"));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<B: Default> From<Rejected> for Response<B> {
    fn from(rejected: Rejected) -> Self {
        let mut response = Self::new(B::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        if let Some(wait) = rejected.retry_after {
            let seconds = units(wait, Duration::from_secs(1));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        keep(&mut response, rejected);
        response
    }
}

impl Rejected {
    /// gRPC's answer without a message (*trailers-only*): HTTP status 200, `grpc-status` 14
    /// (`UNAVAILABLE`), the text of the rejection percent-encoded in `grpc-message`, at most 1 kB of
    /// it, and where the wait is known, in milliseconds, rounded up, `grpc-retry-pushback-ms` (gRFC A6).
    ///
    /// The extensions hold the [`Rejected`] and its [`Refusal`](rely_core::Refusal).
    ///
    /// ```
    /// use rely_breaker::Breaker;
    ///
    /// let breaker = Breaker::builder("orders").build()?;
    /// breaker.force_open();
    /// let response = breaker.acquire().unwrap_err().into_grpc_response::<String>();
    /// assert_eq!(response.headers()["grpc-status"], "14");
    /// assert_eq!(response.headers()["grpc-message"], "circuit breaker orders is forced open");
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn into_grpc_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, HeaderValue::from_static("14"));
        headers.insert(GRPC_MESSAGE, percent_encoded(&text(&self)));
        if let Some(wait) = self.retry_after {
            let millis = HeaderValue::from(pushback(wait));
            headers.insert(HeaderName::from_static(PUSHBACK), millis);
        }
        keep(&mut response, self);
        response
    }
}

fn keep<B>(response: &mut Response<B>, rejected: Rejected) {
    response.extensions_mut().insert(rejected.refusal);
    response.extensions_mut().insert(rejected);
}

/// What `grpc-retry-pushback-ms` says for this wait.
pub(super) fn pushback(wait: Duration) -> u32 {
    units(wait, Duration::from_millis(1))
}

fn units(wait: Duration, unit: Duration) -> u32 {
    let units = wait.as_nanos().div_ceil(unit.as_nanos());
    u32::try_from(units).map_or(LONGEST, |units| units.min(LONGEST))
}

/// What the rejection says, for a header that a peer has to have room for.
pub(super) fn text(rejected: &Rejected) -> String {
    let mut text = rejected.to_string();
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// As gRPC over HTTP/2 has it: bytes from space to `~` stand for themselves, `%` excepted.
fn percent_encoded(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..b' ' | 0x7f.. => {
                let _ = write!(encoded, "%{byte:02X}");
            }
            plain => encoded.push(char::from(plain)),
        }
    }
    HeaderValue::try_from(encoded).expect("bytes from space to ~ are what a header may hold")
}
