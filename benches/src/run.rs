//! The measuring itself.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Barrier;

use rustix::time::{ClockId, clock_gettime};

use crate::case::Body;
use crate::{Case, Options, Proof, Row, table};

/// Nanoseconds per call of each case, in one process.
pub(crate) type Nanos = BTreeMap<String, f64>;

/// How much work one process does.
struct Effort {
    rounds: usize,
    batch_nanos: f64,
    processes: usize,
    threaded_batches: usize,
}

impl Effort {
    fn of(options: &Options) -> Self {
        if options.quick {
            Self { rounds: 15, batch_nanos: 100_000.0, processes: 1, threaded_batches: 2_000 }
        } else {
            Self { rounds: 41, batch_nanos: 400_000.0, processes: 7, threaded_batches: 20_000 }
        }
    }
}

pub(crate) fn all(
    name: &str,
    bare: &str,
    cases: &[Case],
    options: &Options,
) -> Result<(), Box<dyn std::error::Error>> {
    let chosen: Vec<&Case> = cases.iter().filter(|case| options.wants(case)).collect();
    let mut runs: Vec<Nanos> = Vec::new();
    for process in 1..=Effort::of(options).processes {
        eprintln!("{name}: run {process} of {}", Effort::of(options).processes);
        runs.push(one_run(options)?);
    }
    let valgrind =
        !options.no_instructions && Command::new("valgrind").arg("--version").output().is_ok();
    if !valgrind {
        println!("skipped: instructions (valgrind is not installed, or not wanted)");
    }
    let mut proof = Proof::new(format!("bench-{name}"));
    let mut broken = Vec::new();
    for case in chosen {
        let mut row = Row::new(case.name());
        spread(&mut row, "ns", runs.iter().filter_map(|run| run.get(case.name()).copied()));
        let ratios = runs.iter().filter_map(|run| Some(run.get(case.name())? / run.get(bare)?));
        spread(&mut row, "ratio_to_bare", ratios);
        let (allocs, bytes) = allocations(case);
        row.set("allocs", allocs);
        row.set("bytes", bytes);
        if valgrind && case.counts_instructions() {
            row.set("instructions", instructions(case)?);
        }
        broken.extend(case.limits().broken_by(&row));
        proof.rows.push(row);
    }
    table::print(&proof);
    println!("written: {}", proof.write()?.display());
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n").into()) }
}

/// The median of the runs under `field`, and where there are several, the lowest and the highest.
fn spread(row: &mut Row, field: &str, values: impl Iterator<Item = f64>) {
    let mut values: Vec<f64> = values.collect();
    let Some(middle) = median(&mut values) else { return };
    row.set(field, middle);
    if values.len() > 1 {
        row.set(&format!("{field}_low"), values[0]);
        row.set(&format!("{field}_high"), values[values.len() - 1]);
    }
}

/// Sorts the values and gives the middle one.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn one_run(options: &Options) -> Result<Nanos, Box<dyn std::error::Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--one-run");
    if options.quick {
        command.arg("--quick");
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("a run ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs every case in turn, a batch each, round after round.
pub(crate) fn interleaved(cases: &[Case], options: &Options) -> Nanos {
    let effort = Effort::of(options);
    let mut running: Vec<(&Case, Body, u64, Vec<f64>)> = Vec::new();
    for case in cases.iter().filter(|case| options.wants(case) && !case.is_threaded()) {
        for mut body in case.bodies() {
            let batch = batch_size(&mut body, effort.batch_nanos);
            running.push((case, body, batch, Vec::new()));
        }
    }
    for _ in 0..effort.rounds {
        for (_, body, batch, times) in &mut running {
            let start = thread_time();
            body(*batch);
            times.push((thread_time() - start) / *batch as f64);
        }
    }
    let mut nanos: Nanos = running
        .into_iter()
        .filter_map(|(case, _, _, mut times)| Some((case.name().to_owned(), median(&mut times)?)))
        .collect();
    for case in cases.iter().filter(|case| options.wants(case) && case.is_threaded()) {
        if let Some(time) = two_threads(case, effort.threaded_batches) {
            nanos.insert(case.name().to_owned(), time);
        }
    }
    nanos
}

/// How many calls take about so long.
fn batch_size(body: &mut Body, wanted: f64) -> u64 {
    let mut batch = 16;
    loop {
        let start = thread_time();
        body(batch);
        let took = thread_time() - start;
        if took >= wanted / 2.0 || batch >= 1 << 30 {
            return batch;
        }
        batch *= 2;
    }
}

/// One batch of one of two threads.
#[derive(Clone, Copy)]
struct Stretch {
    start: f64,
    end: f64,
    /// The thread was on a core nearly all the time.
    running: bool,
}

/// The median time of a call in batches during which the other thread ran all along.
fn two_threads(case: &Case, batches: usize) -> Option<f64> {
    const PER_BATCH: u64 = 256;
    let bodies = case.bodies();
    let barrier = Barrier::new(bodies.len());
    let stretches: Vec<Vec<Stretch>> = std::thread::scope(|scope| {
        let threads: Vec<_> = bodies
            .into_iter()
            .map(|mut body| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut stretches = Vec::with_capacity(batches);
                    body(PER_BATCH);
                    barrier.wait();
                    for _ in 0..batches {
                        let (cpu, start) = (thread_time(), real_time());
                        body(PER_BATCH);
                        let (end, cpu_end) = (real_time(), thread_time());
                        let running = cpu_end - cpu >= 0.97 * (end - start);
                        stretches.push(Stretch { start, end, running });
                    }
                    stretches
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a bench body panicked")).collect()
    });
    let mut kept = Vec::new();
    for (mine, other) in [(&stretches[0], &stretches[1]), (&stretches[1], &stretches[0])] {
        let mut next = 0;
        for stretch in mine.iter().filter(|stretch| stretch.running) {
            while next < other.len() && other[next].end <= stretch.start {
                next += 1;
            }
            let covered: f64 = other[next..]
                .iter()
                .take_while(|theirs| theirs.start < stretch.end)
                .filter(|theirs| theirs.running)
                .map(|theirs| theirs.end.min(stretch.end) - theirs.start.max(stretch.start))
                .sum();
            if covered >= 0.9 * (stretch.end - stretch.start) {
                kept.push((stretch.end - stretch.start) / PER_BATCH as f64);
            }
        }
    }
    if kept.len() < 50 {
        eprintln!(
            "{}: the two threads met in {} batches only; not measured",
            case.name(),
            kept.len()
        );
        return None;
    }
    median(&mut kept)
}

fn nanos(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn thread_time() -> f64 {
    nanos(ClockId::ThreadCPUTime)
}

fn real_time() -> f64 {
    nanos(ClockId::Monotonic)
}

/// Allocations and bytes of one call, once the case is warm; two threads' bodies in turn.
fn allocations(case: &Case) -> (f64, f64) {
    const CALLS: u64 = 1_000;
    let (mut calls, mut allocs, mut bytes) = (0, 0, 0);
    for mut body in case.bodies() {
        body(CALLS);
        let info = allocation_counter::measure(|| body(CALLS));
        calls += CALLS;
        allocs += info.count_total;
        bytes += info.bytes_total;
    }
    (allocs as f64 / calls as f64, bytes as f64 / calls as f64)
}

/// Instructions of one call: what a longer run takes more than a shorter one.
fn instructions(case: &Case) -> Result<f64, Box<dyn std::error::Error>> {
    const SHORT: u64 = 1_000;
    const LONG: u64 = 3_000;
    let count = |times: u64| -> Result<f64, Box<dyn std::error::Error>> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe()?)
            .args(["--iterate", case.name(), &times.to_string()])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("callgrind ended with {}: {said}", output.status).into());
        }
        let collected = said.lines().find_map(|line| line.split_once("Collected :"));
        let (_, number) = collected.ok_or_else(|| format!("callgrind said: {said}"))?;
        Ok(number.trim().parse()?)
    };
    Ok((count(LONG)? - count(SHORT)?) / (LONG - SHORT) as f64)
}
