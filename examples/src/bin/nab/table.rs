//! The scores for people.

use rely_detect::evaluate::nab::{Profile, Score, Scorer};

pub(crate) fn print(detector: &str, scorer: &Scorer, threshold: Option<f64>) {
    println!("{detector} on the Numenta Anomaly Benchmark\n");
    println!(
        "{:<20} {:>8} {:>12} {:>8} {:>11}   left out: {:>8}",
        "profile", "score", "threshold", "found", "false rows", "score"
    );
    for profile in Profile::ALL {
        let best = scorer.best(profile);
        let left_out = scorer.left_out(profile).0;
        println!("{:<20} {}   {:>18.2}", profile.name, figures(&best), left_out.points());
    }
    if let Some(threshold) = threshold {
        println!("\nat the threshold {threshold}, chosen without the labels");
        for profile in Profile::ALL {
            let score = scorer.at(profile, threshold);
            println!("{:<20} {}", profile.name, figures(&score));
        }
    }
    println!("\nby category, standard profile; left out: with the threshold of all others");
    let best = scorer.best(Profile::STANDARD);
    let (_, left_out) = scorer.left_out(Profile::STANDARD);
    let by_group = scorer.by_group(Profile::STANDARD, best.threshold);
    for ((category, score), (_, left_out)) in by_group.iter().zip(&left_out) {
        let points =
            if left_out.windows > 0 { format!("{:.2}", left_out.points()) } else { "-".to_owned() };
        println!("{category:<20} {}   {points:>18}", figures(score));
    }
    println!();
}

fn figures(score: &Score) -> String {
    // Without a window there is nothing to be found, and the raw score says what the alarms cost.
    let points = if score.windows > 0 {
        format!("{:.2}", score.points())
    } else {
        format!("{:.2} raw", score.raw)
    };
    let found = format!("{}/{}", score.found, score.windows);
    format!("{points:>8} {:>12.6} {found:>8} {:>11}", score.threshold, score.false_rows)
}
