//! A database server.

use super::{Dice, clock};

pub(super) fn lines(seed: u64, count: usize) -> Vec<(String, &'static str)> {
    let mut dice = Dice::new(seed, "database");
    (0..count).map(|n| line(&mut dice, n)).collect()
}

fn line(dice: &mut Dice, n: usize) -> (String, &'static str) {
    let kind = dice.kind(&[40, 35, 35, 20, 15, 12, 10, 8, 6, 4, 3]);
    let label = [
        "duration",
        "authorized",
        "disconnection",
        "checkpoint starting",
        "checkpoint complete",
        "vacuum",
        "duplicate key",
        "deadlock",
        "no role",
        "too many",
        "relation missing",
    ][kind];
    let head =
        format!("2024-03-01 {}.{:03} UTC [{}] ", clock(n), n % 1000, 400 + dice.up_to(30_000));
    let user = dice.user();
    let db = dice.one(&["shop", "ledger", "audit", "mail", "stock", "billing"]);
    let ms = format!("{}.{:03}", dice.up_to(5000), dice.up_to(1000));
    let table = format!("\"{}\"", dice.one(&["orders", "users", "items", "carts", "mails"]));
    let rest = match kind {
        0 => format!(
            "{user}@{db} LOG:  duration: {ms} ms  execute S_{}: select * from orders where id = $1",
            dice.up_to(40)
        ),
        1 => format!(
            "{user}@{db} LOG:  connection authorized: user={user} database={db} application_name=psql SSL enabled"
        ),
        2 => format!(
            "{user}@{db} LOG:  disconnection: session time: 0:{:02}:{:02}.{:03} user={user} database={db} host={} port={}",
            dice.up_to(60),
            dice.up_to(60),
            dice.up_to(1000),
            dice.ip(),
            1024 + dice.up_to(60_000)
        ),
        3 => format!(
            "LOG:  checkpoint starting: {}",
            dice.one(&["time", "wal", "shutdown", "immediate", "force", "end-of-recovery"])
        ),
        4 => format!(
            "LOG:  checkpoint complete: wrote {} buffers ({}.{}%); 0 WAL file(s) added, {} removed; write={ms} s, sync={ms} s, total={ms} s",
            dice.up_to(9000),
            dice.up_to(100),
            dice.up_to(10),
            dice.up_to(9)
        ),
        5 => format!(
            "LOG:  automatic vacuum of table \"{db}.public.orders\": index scans: {}, pages: {} removed, {} remain",
            dice.up_to(3),
            dice.up_to(900),
            dice.up_to(90_000)
        ),
        6 => format!("{user}@{db} ERROR:  duplicate key value violates unique constraint {table}"),
        7 => format!("{user}@{db} ERROR:  deadlock detected"),
        8 => format!("{user}@{db} FATAL:  role {table} does not exist"),
        9 => format!("{user}@{db} FATAL:  sorry, too many clients already"),
        _ => format!(
            "{user}@{db} ERROR:  relation {table} does not exist at character {}",
            dice.up_to(300)
        ),
    };
    (head + &rest, label)
}
