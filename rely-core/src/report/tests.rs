//! The page as a whole, read back by a real parser.

use std::collections::HashSet;

use proptest::prelude::*;
use scraper::{ElementRef, Html, Selector};

use super::words::visible;
use super::*;

fn select(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

fn texts(page: &Html, css: &str) -> Vec<String> {
    page.select(&select(css)).map(|element| element.text().collect()).collect()
}

/// A report that holds every kind of content, with `s` wherever a string may stand.
fn everywhere(s: &str) -> Report {
    let timeline = Timeline::new(s)
        .phase(Phase::new(0.0, 5.0, s).tone(Tone::Bad))
        .lane(States::new(s).state(0.0, 4.0, s, Tone::Good).state(4.0, 4.1, s, Tone::Info))
        .lane(Marks::new(s).mark(1.0, s, Tone::Warning).mark(1.2, s, Tone::Bad))
        .lane(
            Series::new(s)
                .unit(s)
                .line(Line::new(s).points([(0.0, Some(1.0)), (1.0, None), (10.0, Some(9.0))]))
                .line(Line::new(s).points([(0.0, 2.0)]))
                .expected([(0.0, 1.0), (10.0, 1.0)])
                .band([(0.0, 0.0, 2.0), (10.0, 0.0, 2.0)])
                .threshold(5.0, s),
        )
        .lane(Weights::new(s, [s, s, s]).step(0.0, [1.0, 2.0, 3.0]).step(5.0, [1.0, 0.0, 0.0]));
    let table = Table::new(s)
        .column(s)
        .numeric(s)
        .row([Cell::new(s), Cell::new(s).tone(Tone::Bad)])
        .row([s, s, s]);
    Report::new(s).subtitle(s).finding(Finding::Held, s).fact(s, s).section(
        Section::new(s)
            .finding(Finding::Unknown, s)
            .paragraph(s)
            .list([s, s])
            .code(s)
            .table(table)
            .timeline(timeline),
    )
}

/// Whatever the strings were: one well-formed page without scripts, requests or doubled ids.
fn check(html: &str) -> Html {
    let page = Html::parse_document(html);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    let mut ids = HashSet::new();
    let attributes = [
        "aria-describedby",
        "aria-hidden",
        "aria-label",
        "aria-labelledby",
        "charset",
        "class",
        "colspan",
        "content",
        "cx",
        "cy",
        "d",
        "data-lane",
        "dir",
        "dx",
        "fill",
        "height",
        "href",
        "http-equiv",
        "id",
        "lang",
        "name",
        "patternTransform",
        "patternUnits",
        "r",
        "rel",
        "role",
        "rx",
        "scope",
        "tabindex",
        "text-anchor",
        "transform",
        "viewBox",
        "width",
        "x",
        "x1",
        "x2",
        "y",
        "y1",
        "y2",
    ];
    let every = select("*");
    for element in page.select(&every) {
        let value = element.value();
        assert!(!matches!(value.name(), "script" | "iframe" | "img" | "object" | "base" | "form"));
        for (name, value) in value.attrs() {
            assert!(attributes.contains(&name), "{name}={value}");
            let plain = !value.contains("http") || name == "http-equiv";
            assert!(plain, "{name}={value}");
            if matches!(
                name,
                "d" | "x" | "y" | "width" | "height" | "x1" | "y1" | "cy" | "transform"
            ) {
                assert!(!value.contains("NaN") && !value.contains("inf"), "{name}={value}");
            }
            if name == "href" {
                assert!(value.starts_with('#') || value == "data:,", "{value}");
            }
        }
        if let Some(id) = value.id() {
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{id}");
            assert!(ids.insert(id.to_owned()), "twice: {id}");
        }
    }
    for element in page.select(&every) {
        for attribute in ["aria-labelledby", "aria-describedby", "href", "fill"] {
            let Some(value) = element.value().attr(attribute) else { continue };
            let target = value.trim_start_matches("url(").trim_end_matches(')');
            if let Some(id) =
                target.strip_prefix('#').or(attribute.starts_with("aria").then_some(target))
            {
                assert!(ids.contains(id), "{attribute} leads nowhere: {value}");
            }
        }
    }
    for svg in page.select(&select("svg")) {
        assert_eq!(svg.value().attr("role"), Some("img"));
        let first = svg.child_elements().next().unwrap();
        assert_eq!(first.value().name(), "title");
        assert!(!first.text().collect::<String>().trim().is_empty());
    }
    for table in page.select(&select("table")) {
        assert_eq!(table.child_elements().next().unwrap().value().name(), "caption");
        let widths: HashSet<usize> = table
            .select(&select("tr"))
            .map(|row| row.child_elements().map(|cell| span_of(cell)).sum())
            .collect();
        assert!(widths.len() <= 1, "{widths:?}");
        assert!(table.select(&select("th")).all(|th| th.value().attr("scope").is_some()));
    }
    let mut level = 0;
    for heading in page.select(&select("h1, h2, h3, h4, h5, h6")) {
        let next = heading.value().name()[1..].parse().unwrap();
        assert!(next <= level + 1, "h{level} then h{next}");
        level = next;
    }
    page
}

fn span_of(cell: ElementRef<'_>) -> usize {
    cell.value().attr("colspan").map_or(1, |span| span.parse().unwrap())
}

/// Each picture alone is well-formed XML, so that it can be cut out of the page and kept.
fn check_pictures(html: &str) {
    let mut rest = html;
    while let Some(start) = rest.find("<svg") {
        let end = start + rest[start..].find("</svg>").unwrap() + "</svg>".len();
        if let Err(error) = roxmltree::Document::parse(&rest[start..end]) {
            panic!("{error}: {}", &rest[start..end]);
        }
        rest = &rest[end..];
    }
}

#[test]
fn the_page_has_its_landmarks_and_is_the_same_every_time() {
    let report = everywhere("plain words");
    let html = report.to_html();
    let page = check(&html);
    check_pictures(&html);
    assert_eq!(html, report.to_html());
    assert_eq!(page.select(&select("html[lang=en]")).count(), 1);
    for landmark in ["header", "main", "h1"] {
        assert_eq!(page.select(&select(landmark)).count(), 1, "{landmark}");
    }
    assert_eq!(page.select(&select("figure svg")).count(), 2);
    assert_eq!(page.select(&select("figure details li")).count(), 7);
    assert!(html.contains("default-src 'none'"));
    let mut written = Vec::new();
    report.write_to(&mut written).unwrap();
    assert_eq!(written, html.as_bytes());
}

#[test]
fn a_picture_is_told_in_words() {
    let breaker = States::new("breaker")
        .changes([(0.0, "closed", Tone::Good), (12.0, "open", Tone::Bad)], 17.1);
    let line = Line::new("p99").points((0..18).map(|s| (f64::from(s), f64::from(s % 6) * 10.0)));
    let timeline = Timeline::new("t")
        .lane(breaker)
        .lane(Series::new("latency").line(line).threshold(35.0, "limit"));
    let html = Report::new("r").section(Section::new("s").timeline(timeline)).to_html();
    assert_eq!(
        texts(&check(&html), "details li"),
        [
            "closed (good), 0 s to 12 s",
            "open (bad), 12 s to 17.1 s",
            "p99 above limit (35): 4 s to 5 s, 10 s to 11 s, 16 s to 17 s",
        ]
    );
}

#[test]
fn nothing_at_all_still_makes_a_page() {
    check(&Report::default().to_html());
    let empty = Section::new("")
        .paragraph("")
        .list(Vec::<String>::new())
        .code("")
        .table(Table::new(""))
        .table(Table::new("head only").column("a").column("b"))
        .timeline(Timeline::new(""))
        .timeline(
            Timeline::new("empty lanes")
                .lane(States::new(""))
                .lane(Marks::new(""))
                .lane(Series::new("").line(Line::new("")))
                .lane(Weights::new("", ["a"]))
                .lane(Weights::new("", Vec::<String>::new()).step(0.0, [])),
        );
    let html = Report::new(" ").section(empty).to_html();
    check(&html);
    check_pictures(&html);
}

#[test]
fn hostile_strings_come_back_as_text() {
    for hostile in [
        "</script><script>alert(1)</script>",
        "</style></title></svg></pre><img src=x onerror=alert(1)>",
        "\"'><b onload=\"x\" '",
        "url(#x) javascript:alert(1) http://example.com",
        "<!-- ]]> <?php --> &lt;&#60;&amp",
        "\0\x01\x08\x1b[0m\u{7f}\u{9b}\u{fffe}\u{ffff}",
        "\u{202e}gnp.exe\u{2066}\u{feff}",
        "مرحبا بالعالم",
        "line\r\nbreak\rand\ttab\n",
        "👩‍👩‍👧‍👦 e\u{301} 漢字",
        " ",
    ] {
        let html = everywhere(hostile).to_html();
        let page = check(&html);
        check_pictures(&html);
        let shown: String = visible(hostile).collect();
        assert_eq!(
            texts(&page, "header > p.subtitle"),
            std::slice::from_ref(&shown),
            "{hostile:?}"
        );
        assert_eq!(texts(&page, "pre code"), [shown]);
    }
    let long = everywhere(&"long ".repeat(2000)).to_html();
    check(&long);
    assert!(long.len() < 600_000, "{}", long.len());
}

#[test]
fn hostile_numbers_cost_a_remark() {
    let bad =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, f64::MAX, 0.0, -0.0, 5e-324];
    let mut timeline = Timeline::new("numbers");
    for a in bad {
        for b in bad {
            timeline = timeline.phase(Phase::new(a, b, "p")).lane(
                Series::new("s")
                    .line(Line::new("l").points([(a, a), (b, b), (1.0, 1.0)]))
                    .band([(a, a, b), (b, b, a)])
                    .expected([(b, a)])
                    .threshold(a, "t")
                    .include(b),
            );
        }
        timeline = timeline
            .lane(States::new("s").state(a, 1.0, "x", Tone::Bad).state(1.0, a, "x", Tone::Bad))
            .lane(Marks::new("m").mark(a, "x", Tone::Bad))
            .lane(Weights::new("w", ["a", "b"]).step(a, bad));
    }
    let html = Report::new("r").section(Section::new("s").timeline(timeline)).to_html();
    let page = check(&html);
    check_pictures(&html);
    assert!(texts(&page, ".notes li").iter().any(|note| note.contains("left out")));
}

#[test]
fn a_month_of_points_makes_a_small_page() {
    let month = 30 * 24 * 3600;
    let points = (0..month).map(|s| {
        let value = if s == 1_234_567 { 1000.0 } else { f64::from(s % 60) };
        (f64::from(s), value)
    });
    let marks = (0..50_000).fold(Marks::new("m"), |marks, i| {
        marks.mark(f64::from(i) * 50.0, format!("event {i}"), Tone::Info)
    });
    let weights = (0..50_000).fold(Weights::new("w", ["a", "b"]), |weights, i| {
        weights.step(f64::from(i) * 50.0, [f64::from(i % 7), 1.0])
    });
    let states = (0..50_000).map(|i| (f64::from(i) * 50.0, format!("{i}"), Tone::Neutral));
    let timeline = Timeline::new("a month")
        .lane(Series::new("s").line(Line::new("l").points(points)))
        .lane(States::new("states").changes(states, f64::from(month)))
        .lane(marks)
        .lane(weights);
    let html = Report::new("r").section(Section::new("s").timeline(timeline)).to_html();
    let page = check(&html);
    assert!(html.len() < 700_000, "{}", html.len());
    let notes = texts(&page, ".notes li").join(" ");
    assert!(notes.contains("2\u{202f}592\u{202f}000 points"), "{notes}");
    // The spike decides the height of the axis and is drawn at its top.
    let spike = page.select(&select("svg.wide path.line")).next().unwrap();
    assert!(spike.value().attr("d").unwrap().split(['M', 'L']).any(|p| p.ends_with(" 6")));
}

#[test]
fn rows_of_any_length_make_a_table() {
    let table = Table::new("t").column("a").numeric("b").row(["1"]).row(["1", "2", "3", "4"]);
    let html = Report::new("r").section(Section::new("s").table(table)).to_html();
    let page = check(&html);
    assert_eq!(page.select(&select("tbody th[scope=row]")).count(), 2);
    assert_eq!(page.select(&select("td.num")).count(), 2);
}

#[test]
fn text_stands_out_from_its_ground() {
    let style = include_str!("style.css");
    let themes: Vec<&str> = style.split(":root {").skip(1).collect();
    assert_eq!(themes.len(), 3, "light, dark, print");
    for theme in themes {
        let colour = |name: &str| {
            let at = theme.find(&format!("--{name}: #")).unwrap() + name.len() + 5;
            let hex: String = theme[at..].chars().take_while(char::is_ascii_hexdigit).collect();
            let hex = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex };
            luminance(u32::from_str_radix(&hex, 16).unwrap())
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (colour(a), colour(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        let text = ["ink", "soft", "accent", "good", "warning", "bad", "info", "neutral"];
        let lines = ["line0", "line1", "line2", "line3"];
        for name in text.iter().chain(&lines) {
            assert!(contrast(name, "paper") >= 4.5, "{name} {}", contrast(name, "paper"));
        }
        let fills =
            ["good", "warning", "bad", "info", "neutral"].map(|tone| format!("{tone}-fill"));
        let parts = (0..6).map(|part| format!("part{part}"));
        for fill in fills.into_iter().chain(parts).chain(["raised".to_owned()]) {
            assert!(contrast("ink", &fill) >= 4.5, "{fill} {}", contrast("ink", &fill));
        }
    }
}

/// Relative luminance as WCAG 2.2 defines it.
fn luminance(rgb: u32) -> f64 {
    let channel = |shift: u32| {
        let c = f64::from((rgb >> shift) & 0xff) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
}

#[cfg(feature = "serde")]
#[test]
fn a_report_survives_serde_gaps_included() {
    let report = everywhere("words").section(
        Section::new("gaps").timeline(Timeline::new("t").lane(Marks::new("m").mark(
            f64::NAN,
            "never",
            Tone::Bad,
        ))),
    );
    let json = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(back.to_html(), report.to_html());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_string_is_text_and_never_markup(
        s in prop_oneof![any::<String>(), "[<>&\"'/a-z= \\-!\\[\\]]{0,40}"],
    ) {
        let html = everywhere(&s).to_html();
        let page = check(&html);
        check_pictures(&html);
        let shown: String = visible(&s).collect();
        prop_assert_eq!(texts(&page, "header > p.subtitle"), vec![shown.clone()]);
        prop_assert_eq!(texts(&page, "pre code"), vec![shown.clone()]);
        prop_assert_eq!(texts(&page, "main > section > ul.prose > li"), vec![shown.clone(); 2]);
        prop_assert_eq!(texts(&page, ".facts dd"), vec![shown]);
    }

    #[test]
    fn any_timeline_makes_a_sound_page(
        numbers in prop::collection::vec((any::<f64>(), any::<f64>(), -5.0..50.0_f64), 0..40),
        span in prop::option::of((any::<f64>(), -5.0..50.0_f64)),
    ) {
        let tones = [Tone::Good, Tone::Warning, Tone::Bad, Tone::Neutral, Tone::Info];
        let mut timeline = Timeline::new("any");
        let (mut states, mut marks) = (States::new("s"), Marks::new("m"));
        let mut weights = Weights::new("w", ["a", "b"]);
        for ((wild, other, tame), tone) in numbers.iter().zip(tones.iter().cycle()) {
            timeline = timeline.phase(Phase::new(*tame, *tame + other.abs().min(9.0), "phase"));
            states = states.state(*tame, *wild, "state", *tone).state(*tame, tame + 1.0, "x", *tone);
            marks = marks.mark(*wild, "mark", *tone).mark(*tame, "tame mark", *tone);
            weights = weights.step(*tame, [*wild, *other]);
        }
        let line = Line::new("l").points(numbers.iter().map(|(wild, _, tame)| (*tame, *wild)));
        let band = numbers.iter().map(|(wild, other, tame)| (*tame, *wild, *other));
        timeline = timeline.lane(states).lane(marks).lane(weights);
        timeline = timeline.lane(Series::new("series").line(line).band(band));
        if let Some((from, to)) = span {
            timeline = timeline.span(from, to);
        }
        let html = Report::new("r").section(Section::new("s").timeline(timeline)).to_html();
        check(&html);
        check_pictures(&html);
    }
}
