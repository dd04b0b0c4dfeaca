//! A service on the Java platform: levels, threads, classes and stack traces.

use super::{Dice, clock};

pub(super) fn lines(seed: u64, count: usize) -> Vec<(String, &'static str)> {
    let mut dice = Dice::new(seed, "service");
    (0..count).map(|n| line(&mut dice, n)).collect()
}

fn line(dice: &mut Dice, n: usize) -> (String, &'static str) {
    let kind = dice.kind(&[40, 35, 20, 15, 15, 10, 10, 6, 20, 4, 3]);
    let label = [
        "handling",
        "finished",
        "fetched",
        "evicted",
        "consumer lag",
        "pool stats",
        "timeout",
        "illegal state",
        "frame",
        "caused by",
        "leader",
    ][kind];
    let head = |level: &str, thread: &str, class: &str| {
        format!("2024-03-01 {},{:03} {level:5} [{thread}] {class} - ", clock(n), n % 1000)
    };
    let worker = format!("http-nio-8080-exec-{}", dice.up_to(20));
    let order = dice.up_to(1_000_000);
    let text = match kind {
        0 => {
            head("INFO", &worker, "c.e.shop.OrderController")
                + &format!("Handling order {order} for customer {}", dice.user())
        }
        1 => {
            head("INFO", &worker, "c.e.shop.OrderController")
                + &format!(
                    "Finished order {order} in {} ms, status={}",
                    dice.up_to(900),
                    dice.one(&["NEW", "PAID", "SENT", "OPEN", "VOID", "HELD", "LOST"])
                )
        }
        2 => {
            head("DEBUG", &worker, "c.e.shop.Catalog")
                + &format!(
                    "Fetched {} rows from http://catalog:8080/v1/items?after={order} ({} bytes)",
                    dice.up_to(500),
                    dice.up_to(90_000)
                )
        }
        3 => {
            head("DEBUG", "cache-sweeper", "c.e.cache.Sweeper")
                + &format!(
                    "Evicted {} entries, {}% of heap free",
                    dice.up_to(5000),
                    dice.up_to(100)
                )
        }
        4 => {
            head("WARN", &format!("kafka-{}", dice.up_to(6)), "o.a.k.clients.Consumer")
                + &format!(
                    "[Consumer clientId=shop-{}, groupId=orders] Lag of {} records on orders-{}",
                    dice.up_to(6),
                    dice.up_to(100_000),
                    dice.up_to(24)
                )
        }
        5 => {
            head("INFO", "housekeeper", "com.zaxxer.Pool")
                + &format!(
                    "ledger - Pool stats (total={}, active={}, idle={}, waiting={})",
                    dice.up_to(20),
                    dice.up_to(20),
                    dice.up_to(20),
                    dice.up_to(20)
                )
        }
        6 => {
            head("ERROR", &worker, "c.e.shop.Stock")
                + &format!(
                    "Call to stock-{}.internal:9090 timed out after {}ms",
                    dice.up_to(5),
                    dice.up_to(5000)
                )
        }
        7 => format!(
            "java.lang.IllegalStateException: order {order} is already {}",
            dice.one(&["paid", "sent", "closed", "voided", "held", "lost", "merged"])
        ),
        8 => format!(
            "\tat com.example.shop.{}.{}({}.java:{})",
            dice.one(&["Order", "Stock", "Cart", "Ledger", "Mail", "Price"]),
            dice.one(&["load", "save", "check", "apply", "send"]),
            dice.one(&["Order", "Stock", "Cart", "Ledger", "Mail", "Price"]),
            dice.up_to(900)
        ),
        9 => format!(
            "Caused by: java.net.SocketTimeoutException: Read timed out after {} ms",
            dice.up_to(9000)
        ),
        _ => {
            head("INFO", "election", "c.e.cluster.Node")
                + &format!("Node {} became leader of term {}", dice.uuid(), dice.up_to(40))
        }
    };
    (text, label)
}
