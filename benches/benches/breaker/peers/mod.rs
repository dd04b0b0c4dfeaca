//! The other breakers that Rust services use, as their documentation sets them up.

mod failsafe;
mod governor;
mod recloser;
mod seatbelt;
mod tower_resilience;

use rely_benches::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = recloser::cases();
    cases.extend(failsafe::cases());
    cases.extend(governor::cases());
    cases.extend(seatbelt::cases());
    cases.extend(tower_resilience::cases());
    cases
}
