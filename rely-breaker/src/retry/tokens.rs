//! The budget's arithmetic: tokens that expire, without a lock.
//!
//! The time is asked for here rather than given, because what it is compared with has to be read
//! before: a thread may be suspended between the two.

use rely_core::Instant;

use crate::sync::{AtomicU64, Ordering};

/// A token in parts: a ratio has so many.
pub(super) const TOKEN: i64 = 1_000_000;

/// How many slots the time to live is divided into.
pub(super) const SLOTS: u64 = PLACES as u64;

const PLACES: usize = 10;

const NET_BITS: u32 = 44;
const NET_MAX: i64 = (1 << (NET_BITS - 1)) - 1;

/// Deposits and withdrawals of the last [`SLOTS`] ticks, above a reserve that does not expire.
///
/// The balance is the reserve and the sum of the slots. A withdrawal is taken from the balance in one
/// step, so that it can never be overdrawn by a race, and then noted in its slot, so that it comes back
/// when that expires. Whatever leaves a slot leaves the balance too, exactly once: both happen only
/// after the slot's word was exchanged.
#[derive(Debug)]
pub(super) struct Tokens {
    /// How long a slot lasts, in nanoseconds.
    tick: u64,
    /// Parts of tokens, in two's complement: what expires may leave it below zero.
    balance: AtomicU64,
    /// The tick whose expired slots are out of the balance.
    swept: AtomicU64,
    slots: [AtomicU64; PLACES],
}

/// The content of a slot: the low bits of its tick above its net sum.
///
/// The tick comes around after a million others, 29 hours at least; then a slot that nobody has
/// touched since would count once more.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot(u64);

impl Slot {
    /// The bits of a tick that it holds.
    const MASK: u64 = u64::MAX >> NET_BITS;

    const fn new(tick: u64, net: i64) -> Self {
        Self(tick << NET_BITS | (bits(net) & ((1 << NET_BITS) - 1)))
    }

    const fn net(self) -> i64 {
        let unused = u64::BITS - NET_BITS;
        parts(self.0 << unused) >> unused
    }

    /// By how many ticks it is older than `tick`; over half of [`Slot::MASK`] if it is of a later one.
    const fn age(self, tick: u64) -> u64 {
        tick.wrapping_sub(self.0 >> NET_BITS) & Self::MASK
    }

    const fn with_net(self, net: i64) -> Self {
        Self::new(self.0 >> NET_BITS, net)
    }
}

#[expect(clippy::cast_sign_loss, reason = "two's complement, as it is kept in an atomic word")]
const fn bits(parts: i64) -> u64 {
    parts as u64
}

const fn parts(bits: u64) -> i64 {
    bits as i64
}

impl Tokens {
    /// A full reserve of `reserve` parts, and slots of `tick` nanoseconds.
    pub(super) fn new(tick: u64, reserve: i64, now: Instant) -> Self {
        let tick = tick.max(1);
        let first = now.as_nanos() / tick;
        Self {
            tick,
            balance: AtomicU64::new(bits(reserve)),
            swept: AtomicU64::new(first),
            slots: core::array::from_fn(|_| AtomicU64::new(Slot::new(first, 0).0)),
        }
    }

    /// Adds `parts` that expire.
    pub(super) fn deposit(&self, parts: i64, now: impl FnOnce() -> Instant) {
        let tick = self.sweep(now);
        let added = self.note(tick, parts);
        self.balance.fetch_add(bits(added), Ordering::Relaxed);
    }

    /// Takes one token, if there is one.
    pub(super) fn withdraw(&self, now: impl FnOnce() -> Instant) -> bool {
        let tick = self.sweep(now);
        let take = |balance: u64| {
            let balance = parts(balance);
            (balance >= TOKEN).then(|| bits(balance - TOKEN))
        };
        if self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return false;
        }
        // What does not fit is never forgotten, so it must not stay taken.
        self.give_back(-TOKEN - self.note(tick, -TOKEN));
        true
    }

    /// Parts of tokens; below zero where deposits expired before the withdrawals that they allowed.
    pub(super) fn balance(&self, now: impl FnOnce() -> Instant) -> i64 {
        self.sweep(now);
        parts(self.balance.load(Ordering::Relaxed))
    }

    /// Takes what has expired out of the balance; returns the tick to write in.
    fn sweep(&self, now: impl FnOnce() -> Instant) -> u64 {
        // Before the clock, so that a reading far behind it is of a clock that was set back. That one
        // is believed, or nothing would expire until it is where it was; a little behind is not.
        let mut swept = self.swept.load(Ordering::Acquire);
        let tick = now().as_nanos() / self.tick;
        if swept.checked_sub(tick).is_some_and(|behind| behind < SLOTS) {
            return swept;
        }
        loop {
            for slot in &self.slots {
                self.expire(slot, swept, tick);
            }
            match self.swept.compare_exchange(swept, tick, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return tick,
                // Another thread has gone on meanwhile: its tick is this one's too.
                Err(now) if now >= tick => return now,
                Err(now) => swept = now,
            }
        }
    }

    /// Empties a slot that is too old at `tick`, where all was swept at `swept`.
    fn expire(&self, slot: &AtomicU64, swept: u64, tick: u64) {
        // A slot that is later than both is one that another thread has begun meanwhile.
        let latest = if tick > swept { Slot::MASK / 2 } else { Slot::MASK - SLOTS };
        let is_old = |slot: Slot| slot.age(tick) >= SLOTS && slot.age(tick.min(swept)) <= latest;
        let mut word = Slot(slot.load(Ordering::Acquire));
        while is_old(word) && word.net() != 0 {
            match exchange(slot, word, Slot::new(tick, 0)) {
                Ok(()) => return self.give_back(word.net()),
                Err(now) => word = now,
            }
        }
    }

    /// Writes `parts` down in the slot of `tick`; returns how many fitted.
    fn note(&self, tick: u64, parts: i64) -> i64 {
        let index = usize::try_from(tick % SLOTS).unwrap_or_default();
        let slot = &self.slots[index];
        let mut word = Slot(slot.load(Ordering::Acquire));
        loop {
            // Where another thread has seen a later time, its slot takes this too.
            let later = word.age(tick) > Slot::MASK / 2 && word.net() != 0;
            let (to, expired) = if later || word.age(tick) == 0 {
                (word, 0)
            } else {
                (Slot::new(tick, 0), word.net())
            };
            let net = (to.net() + parts).clamp(-NET_MAX, NET_MAX);
            match exchange(slot, word, to.with_net(net)) {
                Ok(()) => {
                    self.give_back(expired);
                    return net - to.net();
                }
                Err(now) => word = now,
            }
        }
    }

    fn give_back(&self, net: i64) {
        if net != 0 {
            self.balance.fetch_add(bits(-net), Ordering::Relaxed);
        }
    }
}

fn exchange(slot: &AtomicU64, from: Slot, to: Slot) -> Result<(), Slot> {
    let done = slot.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire);
    done.map(drop).map_err(Slot)
}
