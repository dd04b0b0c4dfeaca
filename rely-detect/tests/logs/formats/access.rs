//! A web server in front of a shop: access log in the combined format, and its error log.

use super::{Dice, clock};

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
    "curl/8.5.0",
    "kube-probe/1.29",
    "Go-http-client/2.0",
];

pub(super) fn lines(seed: u64, count: usize) -> Vec<(String, &'static str)> {
    let mut dice = Dice::new(seed, "access");
    (0..count).map(|n| line(&mut dice, n)).collect()
}

fn line(dice: &mut Dice, n: usize) -> (String, &'static str) {
    let kind = dice.kind(&[60, 25, 6, 5, 4, 6, 4, 3, 2]);
    let label = [
        "get",
        "post",
        "put",
        "delete",
        "health",
        "upstream timed out",
        "refused",
        "no such file",
        "body too large",
    ][kind];
    let (time, ip) = (clock(n), dice.ip());
    let error = format!(
        "2024/03/{:02} {time} [error] {}#{}: *{}",
        1 + n % 28,
        20 + dice.up_to(9),
        20 + dice.up_to(9),
        1000 + n
    );
    let item = dice.up_to(90_000);
    let path = [
        format!("/api/v2/items/{item}"),
        format!("/cart/{}/lines?page={}&sort=name", dice.uuid(), dice.up_to(30)),
        "/index.html".to_owned(),
        format!("/static/{}/app.{}.js", dice.one(&["js", "css", "img"]), dice.hex()),
    ];
    let path = &path[usize::try_from(dice.up_to(4)).unwrap()];
    let agent = dice.one(&AGENTS);
    let mut access = |method: &str, path: &str| {
        let (status, size) = (dice.one(&["200", "204", "301", "404", "500"]), dice.up_to(60_000));
        let who = dice.one(&["-", "-", "-", "-", "-", "-"]);
        format!(
            "{ip} - {who} [{:02}/Mar/2024:{time} +0000] \"{method} {path} HTTP/1.1\" {status} {size} \"https://shop.example/{item}\" \"{agent}\" 0.{:03}",
            1 + n % 28,
            dice.up_to(999)
        )
    };
    let text = match kind {
        0 => access("GET", path),
        1 => access("POST", path),
        2 => access("PUT", path),
        3 => access("DELETE", path),
        4 => access("HEAD", "/healthz"),
        5 => format!(
            "{error} upstream timed out (110: Connection timed out) while reading response header from upstream, client: {ip}, server: shop.example, request: \"GET {path} HTTP/1.1\""
        ),
        6 => format!(
            "{error} connect() failed (111: Connection refused) while connecting to upstream, client: {ip}, server: shop.example, request: \"GET {path} HTTP/1.1\""
        ),
        7 => format!(
            "{error} open() \"/srv/www{path}\" failed (2: No such file or directory), client: {ip}, server: shop.example"
        ),
        _ => format!(
            "{error} client intended to send too large body: {} bytes, client: {ip}, server: shop.example",
            dice.up_to(1 << 30)
        ),
    };
    (text, label)
}
