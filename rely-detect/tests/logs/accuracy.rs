//! Grouping accuracy: the share of lines whose group is exactly the group that its label makes.

use std::collections::HashMap;
use std::hash::Hash;

use rely_core::Instant;
use rely_detect::logs::{Miner, TemplateId};

use crate::formats;

/// Zhu et al., "Tools and Benchmarks for Automated Log Parsing" (ICSE-SEIP 2019).
pub(crate) fn grouping_accuracy<A: Eq + Hash, B: Eq + Hash>(found: &[A], labels: &[B]) -> f64 {
    assert_eq!(found.len(), labels.len());
    let (mut groups, mut labelled, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (group, label) in found.iter().zip(labels) {
        *groups.entry(group).or_insert(0_usize) += 1;
        *labelled.entry(label).or_insert(0_usize) += 1;
        *both.entry((group, label)).or_insert(0_usize) += 1;
    }
    let exact =
        both.iter().filter(|((group, label), n)| groups[group] == **n && labelled[label] == **n);
    exact.map(|(_, n)| *n).sum::<usize>() as f64 / found.len() as f64
}

/// The template of each line, as it is known after the last one.
pub(crate) fn mine<'a>(lines: impl IntoIterator<Item = &'a str>) -> (Miner, Vec<TemplateId>) {
    let mut miner = Miner::builder("test").build().unwrap();
    let observe =
        |(n, line): (u64, &str)| miner.observe(Instant::from_nanos(n * 1_000_000), line).template;
    let found: Vec<_> = (0..).zip(lines).map(observe).collect();
    let found = found.into_iter().map(|id| miner.resolve(id)).collect();
    (miner, found)
}

#[test]
fn accuracy_counts_whole_groups_alone() {
    let labels = [1, 1, 2, 2, 3];
    let cases = [
        ("the same under other names", [7, 7, 5, 5, 9], 1.0),
        ("one group in two", [7, 8, 5, 5, 9], 0.6),
        ("two groups in one", [7, 7, 5, 5, 5], 0.4),
        ("all in one", [7; 5], 0.0),
    ];
    for (name, found, accuracy) in cases {
        let measured = grouping_accuracy(&found, &labels);
        assert!((measured - accuracy).abs() < 1e-9, "{name}: {measured}");
    }
}

#[test]
fn five_formats_are_grouped_as_they_are_labelled() {
    let mut accuracies = Vec::new();
    for format in formats::ALL {
        // Several seeds, so that no single order of lines decides.
        for seed in 1..=5 {
            let lines = (format.lines)(seed, 500);
            let (miner, found) = mine(lines.iter().map(|(line, _)| line.as_str()));
            let labels: Vec<_> = lines.iter().map(|(_, label)| *label).collect();
            let accuracy = grouping_accuracy(&found, &labels);
            println!("{} seed {seed}: {accuracy:.3}", format.name);
            if accuracy < 0.9 || std::env::var("RELY_LOGS_SHOW").is_ok() {
                for view in miner.templates() {
                    println!("    {:5} {}", view.count(), view.text());
                }
            }
            assert!(accuracy >= 0.75, "{} seed {seed}: {accuracy:.3}", format.name);
            accuracies.push(accuracy);
        }
    }
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    println!("mean {mean:.3}");
    assert!(mean >= 0.90, "mean grouping accuracy of {mean:.3}");
}
