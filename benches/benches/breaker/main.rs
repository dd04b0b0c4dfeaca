//! The breaker beside its peers, and beside the primitive operations that any breaker needs.
//!
//! `cargo bench -p rely-benches --bench breaker`
//!
//! A row is called `<library>/<case>`:
//!
//! | case | what a call does |
//! |---|---|
//! | `closed-count-100`, `closed-count-10000` | succeeds, over a window of the last so many calls |
//! | `closed-time-100`, `closed-time-100000` | succeeds, over a window of time that holds so many calls |
//! | `closed-slow-calls` | succeeds, and the breaker looks at how long it took |
//! | `closed-time-sharded` | the same, each thread counting in a place of its own |
//! | `open-reject` | is rejected |
//! | `keyed` | finds the limit or breaker of its key among 1000, or (`rely`) makes a call through it |
//! | `made` | is none: a breaker is made, and what it allocates is what it takes up |
//! | `two-threads` | succeeds, while another thread calls through the same breaker |
//! | `two-threads-sharded` | the same, each thread counting in a place of its own |
//!
//! A library has the rows that it can do. `rely` is the tower layer, `rely-sync` the handle: `acquire`,
//! then `success`. `tower-resilience` and `seatbelt` are tower layers, `failsafe` and `recloser` a
//! synchronous `call`. The inner service is that of `bare/closed`.
//!
//! `floor` does what no breaker behind a tower layer can leave out, `floor-sync` the same without the
//! future, and `floor-sharded` gives each thread a window of its own.

mod floor;
mod peers;
mod rely;

use std::process::ExitCode;
use std::time::Duration;

use rely_benches::{Case, bare, drive, drive_rejected};
use tower::Service;

/// Longer than any run: windows stay full, and open breakers open.
const HOUR: Duration = Duration::from_secs(3600);
/// How many keys there are, where there are any.
const HOSTS: u64 = 1000;
/// No call takes so long.
const SLOW: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut cases = vec![admitted("bare/closed", bare)];
    cases.extend(floor::cases());
    cases.extend(rely::cases());
    cases.extend(peers::cases());
    rely_benches::main("breaker", "bare/closed", &cases)
}

/// Calls that a service lets through.
fn admitted<S>(name: &str, make: impl Fn() -> S + 'static) -> Case
where
    S: Service<u64> + Send + 'static,
{
    Case::new(name, move || {
        let mut service = make();
        move |times| drive(&mut service, times)
    })
}

/// Calls that a service rejects.
fn rejected<S>(name: &str, make: impl Fn() -> S + 'static) -> Case
where
    S: Service<u64> + Send + 'static,
{
    Case::new(name, move || {
        let mut service = make();
        move |times| drive_rejected(&mut service, times)
    })
}

/// Calls of two threads, each through its own clone of a service.
fn shared<S>(name: &str, make: impl Fn() -> S + 'static) -> Case
where
    S: Service<u64> + Clone + Send + 'static,
{
    Case::threads(name, move || {
        let service = make();
        [(); 2].map(|()| {
            let mut service = service.clone();
            move |times| drive(&mut service, times)
        })
    })
}
