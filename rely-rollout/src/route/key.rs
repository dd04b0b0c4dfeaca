use rely_core::Ratio;
use rely_core::rng::Rng;

/// What a call sticks to: a user, a session, a tenant, as 64 bits.
///
/// The same bytes always give the same key, and key and split name always the same place, in every
/// process and every later release:
///
/// ```text
/// key   = mix(mix(G) ^ fnv1a(bytes))                     G   = 0x9e3779b97f4a7c15
/// salt  = mix(mix(G) ^ fnv1a(name))                      mix = SplitMix64's finalizer
/// place = mix((key ^ salt) + G) * 1000000 >> 64          in parts per million, 128 bits wide
/// ```
///
/// It goes to the candidate if its place is below the candidate's share. The hash is FNV-1a of 64
/// bits; all of it is [`rely_core::rng`], whose values are fixed. Keys are no secrets: who knows a
/// split's name can tell where a key goes, and can look for one that goes where he likes.
///
/// ```
/// use rely_rollout::Key;
///
/// assert_eq!(Key::from("user-17"), Key::from(b"user-17".as_slice()));
/// assert_eq!(Key::from(17_u64), Key::from(17_u64.to_le_bytes().as_slice()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self(Rng::seeded(0).fork(bytes).seed())
    }

    pub(super) const fn place(self, salt: u64) -> Place {
        Place(Rng::seeded(self.0 ^ salt).next_u64())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

/// The key of the number's eight bytes, lowest first.
impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::new(number.to_le_bytes())
    }
}

/// A point on the line from 0 to 1, in steps of 2⁻⁶⁴.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) u64);

impl Place {
    pub(super) const fn is_below(self, share: Ratio) -> bool {
        let ppm = (self.0 as u128 * Ratio::ONE.ppm() as u128) >> 64;
        ppm < share.ppm() as u128
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn salt(name: &str) -> u64 {
        Key::from(name).0
    }

    #[test]
    fn values_never_change() {
        let vectors = [
            ("", "", 0xAEBE_53F8_5CDC_3C4C, 0xE220_A839_7B1D_CDAF),
            ("orders-v2", "a", 0x2235_10DE_0DD4_615F, 0xDB4D_57A2_2501_F4A5),
            ("orders-v2", "user-17", 0x7477_95E9_E40B_1601, 0x7D98_3438_21DD_2563),
            ("orders-v3", "user-17", 0x7477_95E9_E40B_1601, 0xA1A6_7C6B_801B_4B63),
            ("orders-v2", "Grüße, 世界", 0x71AD_5ADF_048F_A438, 0x67AB_90AD_7A7D_9731),
        ];
        for (name, key, digest, place) in vectors {
            let key = Key::from(key);
            assert_eq!((key.0, key.place(salt(name)).0), (digest, place), "{name} {key:?}");
        }
        assert_eq!(Key::from(17_u64).0, 0x86CF_4E25_9069_1173);
    }

    /// The formula of the documentation, written down once more without any of the code.
    fn by_the_book(name: &[u8], key: &[u8]) -> u64 {
        const G: u64 = 0x9e37_79b9_7f4a_7c15;
        fn mix(z: u64) -> u64 {
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
        let digest = |bytes: &[u8]| {
            let fnv1a = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            mix(mix(G) ^ fnv1a)
        };
        mix((digest(key) ^ digest(name)).wrapping_add(G))
    }

    proptest! {
        #[test]
        fn the_documented_formula_is_the_one_in_use(name: Vec<u8>, key: Vec<u8>) {
            let place = Key::new(&key).place(Key::new(&name).0);
            prop_assert_eq!(place.0, by_the_book(&name, &key));
        }

        #[test]
        fn a_growing_share_only_adds_places(place: u64, low in 0..=1_000_000_u32, more: u32) {
            let (small, large) = (low, low.saturating_add(more % 1_000_000));
            let share = Ratio::from_ppm_clamped;
            let place = Place(place);
            prop_assert!(!place.is_below(share(small)) || place.is_below(share(large)));
            prop_assert!(!place.is_below(Ratio::ZERO));
            prop_assert!(place.is_below(Ratio::ONE));
        }
    }

    #[test]
    fn keys_in_a_row_spread_evenly_and_differently_for_each_name() {
        let share = Ratio::from_ppm_clamped(100_000);
        let chosen = |name: &str| -> Vec<bool> {
            let key = |n: u32| Key::from(format!("user-{n}").as_str());
            (0..100_000).map(|n| key(n).place(salt(name)).is_below(share)).collect()
        };
        let (first, second) = (chosen("orders-v2"), chosen("orders-v3"));
        let count = |chosen: &[bool]| chosen.iter().filter(|chosen| **chosen).count();
        // Six standard deviations of a binomial distribution are below 600 here.
        assert!((9_400..10_600).contains(&count(&first)), "{}", count(&first));
        let both = first.iter().zip(&second).filter(|(a, b)| **a && **b).count();
        // One in a hundred is in both if they are independent; six deviations are 190.
        assert!((810..1_190).contains(&both), "{both}");
    }
}
