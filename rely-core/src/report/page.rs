//! The page around the pictures.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, Form};
use super::plot::Plot;
use super::table::Align;
use super::words::Text;
use super::{Block, Cell, Finding, Report, Section, Table, Timeline, Tone, text};

const STYLE: &str = include_str!("style.css");

/// No scripts, no requests, no forms: also if a string ever got past the escaping.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// From this many sections on the page begins with a list of them.
const CONTENTS: usize = 4;

pub(super) fn render(report: &Report) -> String {
    let title = if report.title.trim().is_empty() { "Report" } else { &report.title };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                // Keeps browsers from asking a server for an icon.
                link rel="icon" href="data:,";
                title { (Text(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the report" }
                header { (head(report, title)) }
                @if report.sections.len() >= CONTENTS { (contents(&report.sections)) }
                main id="main" {
                    @for (index, section) in report.sections.iter().enumerate() {
                        (self::section(section, index + 1))
                    }
                    @if report.sections.is_empty() { p class="empty" { "This report has no sections." } }
                }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report, title: &str) -> Markup {
    html! {
        h1 dir="auto" { (Text(title)) }
        @if let Some(subtitle) = &report.subtitle { p class="subtitle" dir="auto" { (Text(subtitle)) } }
        @if let Some(found) = &report.finding { (finding(found)) }
        @if !report.facts.is_empty() {
            dl class="facts" {
                @for (name, value) in &report.facts {
                    div {
                        dt dir="auto" { (Text(name)) }
                        dd dir="auto" { (Text(value)) }
                    }
                }
            }
        }
    }
}

fn contents(sections: &[Section]) -> Markup {
    html! {
        nav aria-label="Sections" {
            ol {
                @for (index, section) in sections.iter().enumerate() {
                    li {
                        a href={ "#s" (index + 1) } { (Text(heading(section))) }
                        @if let Some((found, _)) = &section.finding {
                            " " span class={ "verdict c-" (found.tone().as_str()) } {
                                (word(*found))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn finding((found, sentence): &(Finding, String)) -> Markup {
    html! {
        p class={ "finding c-" (found.tone().as_str()) } {
            strong { (word(*found)) }
            " " span dir="auto" { (Text(sentence)) }
        }
    }
}

fn word(found: Finding) -> Markup {
    let (glyph, word) = match found {
        Finding::Held => ("✓", "Held"),
        Finding::Failed => ("✕", "Failed"),
        Finding::Unknown => ("?", "Unknown"),
    };
    html! { span aria-hidden="true" { (glyph) " " } (word) }
}

fn heading(section: &Section) -> &str {
    if section.heading.trim().is_empty() { "Untitled" } else { &section.heading }
}

fn section(section: &Section, number: usize) -> Markup {
    let id = format!("s{number}");
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) dir="auto" { (Text(heading(section))) }
            @if let Some(found) = &section.finding { (finding(found)) }
            @for (index, block) in section.blocks.iter().enumerate() {
                (self::block(block, &format!("{id}b{}", index + 1)))
            }
        }
    }
}

fn block(block: &Block, id: &str) -> Markup {
    html! {
        @match block {
            Block::Paragraph(text) => p class="prose" dir="auto" { (Text(text)) },
            Block::List(points) => ul class="prose" {
                @for point in points { li dir="auto" { (Text(point)) } }
            },
            Block::Code(text) => pre tabindex="0" { code { (Text(text)) } },
            Block::Table(table) => (self::table(table, id)),
            Block::Timeline(timeline) => (figure(timeline, id)),
        }
    }
}

fn figure(timeline: &Timeline, id: &str) -> Markup {
    let plot = Plot::of(timeline);
    let summary = format!("{id}-d");
    let caption = timeline.caption.as_str();
    let caption = if caption.trim().is_empty() { "Timeline" } else { caption };
    let (wide, coarse) = chart::draw(&plot, Form::Wide, id, caption, &summary);
    let (narrow, _) = chart::draw(&plot, Form::Narrow, id, caption, &summary);
    let notes: Vec<&String> = plot.notes.iter().chain(&coarse).collect();
    html! {
        figure {
            figcaption dir="auto" { (Text(caption)) }
            (wide)
            (narrow)
            @if !notes.is_empty() {
                ul class="notes" { @for note in notes { li dir="auto" { (Text(note)) } } }
            }
            p class="unseen" id=(summary) { (text::summary(&plot)) }
            details {
                summary { "This picture in words" }
                (text::equivalent(&plot, id))
            }
        }
    }
}

pub(super) fn table(table: &Table, id: &str) -> Markup {
    let width = table.width();
    let caption = format!("{id}-c");
    html! {
        div class="scroll" role="region" tabindex="0" aria-labelledby=(caption) {
            table {
                caption id=(caption) dir="auto" { (Text(&table.caption)) }
                @if !table.columns.is_empty() {
                    thead {
                        tr {
                            @for column in 0..width {
                                @match table.columns.get(column) {
                                    Some((name, align)) => th scope="col" class=[class(*align, None)] dir="auto" { (Text(name)) },
                                    None => td {},
                                }
                            }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr { @for column in 0..width { (cell(table, row.get(column), column)) } }
                    }
                    @if table.rows.is_empty() {
                        tr { td colspan=(width.clamp(1, 1000)) class="empty" { "nothing" } }
                    }
                }
            }
        }
    }
}

fn cell(table: &Table, cell: Option<&Cell>, column: usize) -> Markup {
    let tone = cell.and_then(|cell| cell.tone);
    let class = class(table.align(column), tone);
    let inner = html! {
        @if let Some(cell) = cell {
            @if let Some(tone) = cell.tone {
                span class="glyph" aria-hidden="true" { (tone.glyph()) }
                span class="unseen" { (tone.as_str()) ": " }
            }
            (Text(&cell.text))
        }
    };
    html! {
        @if column == 0 && cell.is_some() {
            th scope="row" class=[class] dir="auto" { (inner) }
        } @else {
            td class=[class] dir="auto" { (inner) }
        }
    }
}

fn class(align: Align, tone: Option<Tone>) -> Option<String> {
    let tone = tone.map(|tone| format!("c-{}", tone.as_str()));
    match (align, tone) {
        (Align::Start, tone) => tone,
        (Align::End, None) => Some("num".to_owned()),
        (Align::End, Some(tone)) => Some(format!("num {tone}")),
    }
}
