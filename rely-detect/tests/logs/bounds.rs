//! Whatever the lines are, memory stays under its cap.

use rely_core::Instant;
use rely_core::rng::Rng;
use rely_detect::logs::{LogWatch, Miner};

fn words(rng: &mut Rng, words: u64) -> String {
    let mut word = || {
        let letters = 1 + rng.below(12);
        (0..letters).map(|_| char::from(b'a' + (rng.below(26)) as u8)).collect::<String>()
    };
    (0..words).map(|_| word()).collect::<Vec<_>>().join(" ")
}

/// How to make the `n`th line.
type Attack = fn(&mut Rng, u64) -> Vec<u8>;

const ATTACKS: [(&str, u64, Attack); 7] = [
    ("random words", 20_000, |rng, _| {
        let n = rng.below(30);
        words(rng, n).into_bytes()
    }),
    ("a million distinct words", 1_000_000, |_, n| {
        let letter = |shift: u32| char::from(b'a' + (n >> shift & 15) as u8);
        let word: String = (0..5).map(|k| letter(k * 4)).collect();
        format!("user {word} logged in").into_bytes()
    }),
    ("a frame of its own for each", 20_000, |_, n| {
        (0..24)
            .map(|bit| if n >> bit & 1 == 1 { "a(" } else { "a[" })
            .collect::<String>()
            .into_bytes()
    }),
    ("garbage", 20_000, |rng, _| (0..rng.below(400)).map(|_| rng.below(256) as u8).collect()),
    ("huge lines", 60, |rng, _| words(rng, 200_000).into_bytes()),
    ("one huge word", 60, |rng, n| vec![b'a' + (n % 26) as u8; 1_000_000 + rng.below(9) as usize]),
    ("quotes and brackets alone", 20_000, |rng, _| {
        (0..rng.below(200)).map(|_| b"\"'([{<=:,"[rng.below(9) as usize]).collect()
    }),
];

#[test]
fn memory_stays_under_its_cap() {
    for (name, lines, attack) in ATTACKS {
        let mut rng = Rng::seeded(1).fork(name);
        let mut miner = Miner::builder("test").max_templates(256).build().unwrap();
        for n in 0..lines {
            miner.observe_bytes(Instant::from_nanos(n), &attack(&mut rng, n));
            if n % 1000 == 0 {
                assert!(miner.bytes() <= miner.max_bytes(), "{name}: {} bytes", miner.bytes());
            }
        }
        let (bytes, most) = (miner.bytes(), miner.max_bytes());
        println!("{name}: {bytes} of {most} bytes, {} templates", miner.templates().count());
        assert!(bytes <= most, "{name}: {bytes} bytes, {most} allowed");
        assert!(miner.templates().count() <= 256, "{name}");
        assert_eq!(miner.lines(), lines);
    }
}

#[test]
fn a_watch_stays_within_bounds_too() {
    let mut rng = Rng::seeded(2);
    let miner = Miner::builder("test").max_templates(256).build().unwrap();
    let mut watch = LogWatch::builder(miner).regular_after(2).max_series(32).build().unwrap();
    // The detectors of a rate and of errors, then one for each series.
    let detectors = 34 * 64 * 1024;
    for n in 0..20_000 {
        watch.observe(Instant::from_nanos(n * 100_000_000), &words(&mut rng, n % 7));
        if n % 1000 == 0 {
            let most = watch.miner().max_bytes() + 2 * 256 * 1024 + detectors;
            assert!(watch.bytes() <= most, "{} bytes, {most} allowed", watch.bytes());
        }
    }
}
