use core::task::{Context, Poll};

use tower_service::Service;

use super::order::bit;

/// A service that said it is ready.
pub(super) struct Found<S> {
    pub(super) index: usize,
    pub(super) service: S,
    /// Those that come before it, and were not ready.
    pub(super) passed: u64,
}

/// The first of the endpoints in `order` that is ready, none of which need be.
///
/// Those that are not yet ready wait in `waiting`, with the task registered, until one is found; a
/// failure comes out only if none is left to wait for. `order` names at least one endpoint, and the
/// same ones each time.
pub(super) fn poll_first<S, Req>(
    services: &[S],
    order: impl Iterator<Item = usize>,
    waiting: &mut Vec<(usize, S)>,
    cx: &mut Context<'_>,
) -> Poll<Result<Found<S>, S::Error>>
where
    S: Service<Req> + Clone,
{
    let (mut passed, mut failure) = (0, None);
    for index in order {
        let at = waiting.iter().position(|&(waits, _)| waits == index);
        let kept = at.map(|at| waiting.swap_remove(at).1);
        let mut service = kept.unwrap_or_else(|| services[index].clone());
        match service.poll_ready(cx) {
            Poll::Ready(Ok(())) => {
                waiting.clear();
                return Poll::Ready(Ok(Found { index, service, passed }));
            }
            // By the contract this clone is of no more use.
            Poll::Ready(Err(error)) => failure = failure.or(Some(error)),
            Poll::Pending => waiting.push((index, service)),
        }
        passed |= bit(index);
    }
    match failure {
        Some(error) if waiting.is_empty() => Poll::Ready(Err(error)),
        _ => Poll::Pending,
    }
}
