//! Nothing is allocated for a line whose template is known.

use rely_core::Instant;
use rely_detect::logs::Miner;

use crate::formats;

#[test]
fn known_lines_allocate_nothing() {
    let mut miner = Miner::builder("test").build().unwrap();
    let lines = |seed| {
        formats::ALL.iter().flat_map(move |format| (format.lines)(seed, 2000)).collect::<Vec<_>>()
    };
    for (line, _) in (1..=4).flat_map(lines) {
        miner.observe(Instant::ORIGIN, &line);
    }
    // Other lines of templates that are known.
    let (mut known, mut counted) = (0, 0);
    for (line, _) in lines(5) {
        let before = miner.templates().count();
        let mut change = None;
        let info = allocation_counter::measure(|| {
            change = Some(miner.observe(Instant::ORIGIN, &line).change);
        });
        if change == Some(rely_detect::logs::Change::None) {
            assert_eq!(info.count_total, 0, "{line}");
            assert_eq!(miner.templates().count(), before);
            known += 1;
        }
        counted += 1;
    }
    assert!(known * 100 >= counted * 99, "{known} of {counted} known");
}
