//! Results for people.

use crate::Proof;

const COLUMNS: [(&str, &str, usize); 5] = [
    ("ns", "ns", 1),
    ("ratio_to_bare", "x bare", 1),
    ("instructions", "instr", 0),
    ("allocs", "allocs", 2),
    ("bytes", "bytes", 0),
];

pub(crate) fn print(proof: &Proof) {
    println!("\n{} at {} on {}", proof.name, proof.commit, proof.machine);
    let width = proof.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    print!("{:width$}", "");
    for (_, title, _) in COLUMNS {
        print!(" {title:>16}");
    }
    println!();
    for row in &proof.rows {
        print!("{:width$}", row.name);
        for (field, _, decimals) in COLUMNS {
            let number = row.get(field).map(|value| format!("{value:.decimals$}"));
            let range = row.get(&format!("{field}_low")).zip(row.get(&format!("{field}_high")));
            let range = range.map(|(low, high)| format!(" [{low:.decimals$}-{high:.decimals$}]"));
            let cell =
                number.map_or_else(|| "-".into(), |number| number + &range.unwrap_or_default());
            print!(" {cell:>16}");
        }
        println!();
    }
    println!();
}
