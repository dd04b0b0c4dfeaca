//! The miner of log templates, line by line.

use rely_benches::{Case, repeat};
use rely_core::Instant;
use rely_core::rng::Rng;
use rely_detect::logs::Miner;

/// Lines as services write them, about a hundred bytes long.
fn lines() -> Vec<String> {
    let mut rng = Rng::seeded(3);
    let mut line = |n: usize| {
        let (id, ms, port) = (rng.next_u64(), rng.below(900), 1024 + rng.below(60_000));
        let (user, host) = (rng.below(9_000), rng.below(250));
        match n % 8 {
            0 => format!(
                "2026-03-01T10:15:{:02}.{ms:03}Z INFO orders: accepted order {id} of user {user} in {ms} ms",
                n % 60
            ),
            1 => format!(
                "10.0.{}.{host} - - [01/Mar/2026:10:15:00 +0000] \"GET /orders/{id} HTTP/1.1\" 200 {port} \"-\" \"curl/8.5\"",
                host % 8
            ),
            2 => format!(
                "WARN pool: connection {id:x} to 10.0.0.{host}:{port} was idle for {ms} s, closed"
            ),
            3 => format!(
                "ERROR payments: call to bank-{} failed after {ms} ms: connection reset by peer",
                host % 4
            ),
            4 => format!(
                "DEBUG cache: miss for key user:{user}:cart, loaded from /var/lib/store/{id:x}.db"
            ),
            5 => format!("kernel: [{user}.{ms:06}] eth0: link up, {port} Mbps, full duplex"),
            6 => format!(
                "INFO gc: pause {ms} us, heap {port} kB of 2097152 kB, generation {}",
                host % 3
            ),
            _ => format!(
                "INFO http: request {id:016x} user={user} status=200 bytes={port} took={ms}ms"
            ),
        }
    };
    (0..4096).map(&mut line).collect()
}

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let case = Case::new("rely-logs/line", || {
        let (lines, mut n) = (lines(), 0);
        let mut miner = Miner::builder("bench").build().expect("the defaults are in range");
        for line in &lines {
            miner.observe(Instant::ORIGIN, line);
        }
        repeat(move |_| {
            n = (n + 1) % lines.len();
            miner.observe(Instant::ORIGIN, &lines[n])
        })
    });
    core::iter::once(case.without_allocations())
}
