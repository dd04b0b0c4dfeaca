//! A host: syslog with its kernel, its logins and its jobs.

use super::{Dice, clock};

pub(super) fn lines(seed: u64, count: usize) -> Vec<(String, &'static str)> {
    let mut dice = Dice::new(seed, "kernel");
    (0..count).map(|n| line(&mut dice, n)).collect()
}

fn line(dice: &mut Dice, n: usize) -> (String, &'static str) {
    let kind = dice.kind(&[40, 30, 25, 20, 15, 10, 8, 6, 5, 4, 3, 3]);
    let label = [
        "failed password",
        "accepted key",
        "session opened",
        "session closed",
        "cron",
        "blocked",
        "oom",
        "link up",
        "link down",
        "io error",
        "started unit",
        "throttled",
    ][kind];
    let head = format!("Mar {:>2} {} web-{} ", 1 + n % 28, clock(n), 1 + dice.up_to(4));
    let pid = 300 + dice.up_to(30_000);
    let user = dice.user();
    let up = format!("{}.{:06}", 1000 + n, dice.up_to(1_000_000));
    let rest = match kind {
        0 => format!(
            "sshd[{pid}]: Failed password for invalid user {user} from {} port {} ssh2",
            dice.ip(),
            1024 + dice.up_to(60_000)
        ),
        1 => format!(
            "sshd[{pid}]: Accepted publickey for {user} from {} port {} ssh2: ED25519 SHA256:{}",
            dice.ip(),
            1024 + dice.up_to(60_000),
            dice.hex()
        ),
        2 => format!("systemd-logind[{pid}]: New session {} of user {user}.", dice.up_to(9000)),
        3 => format!(
            "systemd-logind[{pid}]: Session {} logged out. Waiting for processes to exit.",
            dice.up_to(9000)
        ),
        4 => format!(
            "CRON[{pid}]: ({user}) CMD (/usr/local/bin/{} --quiet)",
            dice.one(&["rotate", "backup", "report.sh"])
        ),
        5 => format!(
            "kernel: [{up}] [UFW BLOCK] IN=eth{} OUT= MAC={} SRC={} DST={} LEN={} TTL={} PROTO=TCP",
            dice.up_to(2),
            "52:54:00:12:34:56",
            dice.ip(),
            dice.ip(),
            dice.up_to(1500),
            dice.up_to(255)
        ),
        6 => format!(
            "kernel: [{up}] Out of memory: Killed process {pid} ({}) total-vm:{}kB, anon-rss:{}kB",
            dice.one(&["java", "postgres", "node"]),
            dice.up_to(1 << 24),
            dice.up_to(1 << 22)
        ),
        7 => format!(
            "kernel: [{up}] e1000e 0000:00:1f.{} eth{}: NIC Link is Up 1000 Mbps Full Duplex",
            dice.up_to(8),
            dice.up_to(4)
        ),
        8 => format!(
            "kernel: [{up}] e1000e 0000:00:1f.{} eth{}: NIC Link is Down",
            dice.up_to(8),
            dice.up_to(4)
        ),
        9 => format!(
            "kernel: [{up}] blk_update_request: I/O error, dev sd{}, sector {} op 0x{:x}:(READ)",
            dice.one(&["a", "b", "c", "d", "e", "f", "g"]),
            dice.up_to(1 << 40),
            dice.up_to(16)
        ),
        10 => format!("systemd[1]: Started Session {} of User {user}.", dice.up_to(9000)),
        _ => format!(
            "kernel: [{up}] CPU{}: Core temperature above threshold, cpu clock throttled (total events = {})",
            dice.up_to(64),
            dice.up_to(10_000)
        ),
    };
    (head + &rest, label)
}
