//! A payment service that logs objects.

use super::{Dice, clock};

pub(super) fn lines(seed: u64, count: usize) -> Vec<(String, &'static str)> {
    let mut dice = Dice::new(seed, "json");
    (0..count).map(|n| line(&mut dice, n)).collect()
}

fn line(dice: &mut Dice, n: usize) -> (String, &'static str) {
    let kind = dice.kind(&[50, 40, 20, 12, 8, 8, 4, 3, 2]);
    let label = [
        "accepted",
        "settled",
        "cache miss",
        "slow query",
        "retry",
        "declined",
        "gateway",
        "pool",
        "reloaded",
    ][kind];
    let head = |level: &str| {
        format!(
            "{{\"ts\":\"2024-03-01T{}.{:03}Z\",\"level\":\"{level}\",\"service\":\"payments\",\"trace_id\":\"",
            clock(n),
            n % 1000
        )
    };
    let trace = dice.hex();
    let user = dice.user();
    let (amount, order) = (dice.up_to(90_000), dice.uuid());
    let took = dice.up_to(2000);
    let rest = match kind {
        0 => format!(
            "{trace}\",\"msg\":\"payment accepted\",\"order\":\"{order}\",\"user\":\"{user}\",\"amount\":{amount}.{:02}}}",
            amount % 100
        ),
        1 => format!(
            "{trace}\",\"msg\":\"payment settled in {took}ms\",\"order\":\"{order}\",\"attempt\":{}}}",
            dice.up_to(4)
        ),
        2 => format!(
            "{trace}\",\"msg\":\"cache miss for key user:{amount}\",\"shard\":{}}}",
            dice.up_to(16)
        ),
        3 => format!(
            "{trace}\",\"msg\":\"slow query\",\"took_ms\":{took},\"table\":\"{}\"}}",
            dice.one(&["orders", "ledger", "users"])
        ),
        4 => format!(
            "{trace}\",\"msg\":\"retrying call to bank-{}, attempt {} of 5\",\"backoff\":\"{}ms\"}}",
            dice.up_to(9),
            dice.up_to(5),
            took
        ),
        5 => format!(
            "{trace}\",\"msg\":\"payment declined\",\"order\":\"{order}\",\"reason\":\"{}\"}}",
            dice.one(&["insufficient funds", "card expired", "limit"])
        ),
        6 => format!(
            "{trace}\",\"msg\":\"gateway unreachable\",\"error\":\"dial tcp {}:443: connect: connection refused\"}}",
            dice.ip()
        ),
        7 => format!("{trace}\",\"msg\":\"pool exhausted, {took} waiting\",\"pool\":\"ledger\"}}"),
        _ => format!(
            "{trace}\",\"msg\":\"configuration reloaded\",\"path\":\"/etc/payments/{}.toml\",\"keys\":[{}, {}, {}]}}",
            dice.one(&["a", "b"]),
            amount,
            took,
            n
        ),
    };
    let level = ["info", "info", "debug", "warn", "warn", "info", "error", "error", "info"][kind];
    (head(level) + &rest, label)
}
