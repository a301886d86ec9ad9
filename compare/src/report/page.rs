//! The page: one file that needs nothing else, reads without scripts, and opens with the answer.

use super::Chapter;
use super::answer::answer;
use super::evidence::Evidence;
use super::figure::{Figure, Panel, Shown};
use super::markup::{Element, element, worded};
use super::palette::{Mark, class, label, mark, waits_for};
use crate::results::Results;
use crate::system::System;
use crate::table::thousands;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const CALCULATOR: &str = include_str!("calculator.js");
/// Nothing is fetched, whatever a results file says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// Pictures wider than this have a line of their own, and scroll on a phone.
const BIG: f64 = 400.0;

/// All of it.
#[must_use]
pub fn page(evidence: &Evidence<'_>, chapters: &[Chapter]) -> String {
    let meta = |name: &str, content: &str| element("meta").with("name", name).with("content", content);
    let head = element("head")
        .child(element("meta").with("charset", "utf-8"))
        .child(element("meta").with("http-equiv", "Content-Security-Policy").with("content", POLICY))
        .child(meta("viewport", "width=device-width, initial-scale=1"))
        .child(meta("color-scheme", "light dark"))
        .child(worded("title", TITLE))
        .child(element("style").own(super::CHART_STYLE).own(STYLE));
    let main = element("main")
        .children(chapters.iter().map(chapter))
        .child(calculator())
        .children(origins(evidence));
    let body = element("body").class("page").child(header(evidence, chapters)).child(main).child(footer());
    let body = body.child(element("script").own(SCRIPT).own(CALCULATOR));
    format!("<!doctype html>\n{}\n", element("html").with("lang", "en").child(head).child(body))
}

const TITLE: &str = "All in sync, or a majority?";

fn header(evidence: &Evidence<'_>, chapters: &[Chapter]) -> Element {
    let findings = answer(evidence)
        .into_iter()
        .flat_map(|finding| [worded("dt", finding.about), worded("dd", finding.found)]);
    let links = chapters.iter().map(|chapter| (chapter.id, chapter.title));
    let links = links.chain([("choose", "Calculator"), ("origins", "Where the figures are from")]);
    let link = |(id, title): (&str, &str)| worded("a", title).with("href", format!("#{id}"));
    element("header")
        .child(worded("h1", TITLE))
        .child(worded(
            "p",
            "isr replicates as Kafka does: a record is acknowledged once every replica in sync has it. quorum is Raft: once a \
             majority has it. Same log, network, client and disks under both; only the rule differs.",
        ))
        .child(worded("p", from(evidence)).class("sub"))
        .child(element("dl").class("answer").children(findings))
        .child(key(evidence))
        .child(element("nav").with("aria-label", "Chapters").children(links.map(link)))
}

/// When and where, in a line.
fn from(evidence: &Evidence<'_>) -> String {
    let told = |results: &Results| {
        let day = results.started.split('T').next().unwrap_or_default().to_owned();
        format!(
            "{day}, {} ({} cores), commit {}",
            results.machine.cpu,
            results.machine.cores,
            short(&results.commit)
        )
    };
    let mut parts: Vec<String> = Vec::new();
    for source in &evidence.sources {
        let told = told(&source.results);
        if !parts.contains(&told) {
            parts.push(told);
        }
    }
    parts.join("; ")
}

fn short(commit: &str) -> String {
    let dirty = if commit.ends_with("-dirty") { ", with changes" } else { "" };
    let letters: String = commit.chars().take_while(char::is_ascii_alphanumeric).take(8).collect();
    letters + dirty
}

/// The mark and colour of each system that is on the page.
fn key(evidence: &Evidence<'_>) -> Element {
    let is_on = |system: &System| {
        evidence.all().any(|cell| cell.system == *system)
            || evidence.matrix.iter().any(|row| row.system == *system)
    };
    let entry = |system: System| {
        let svg = element("svg")
            .with("viewBox", "0 0 21 14")
            .with("aria-hidden", "true")
            .class(class(system))
            .child(element("path").class("l").with("d", "M0 7L21 7"))
            .child(mark(system, Mark::Measured, 10.5, 7.0));
        let name = worded("span", label(system)).class(format!("sys {}", class(system)));
        element("li").child(svg).child(name).text(format!(" {}", waits_for(system)))
    };
    element("ul").class("key").children(System::ALL.into_iter().filter(is_on).map(entry))
}

fn chapter(chapter: &Chapter) -> Element {
    element("section")
        .with("aria-labelledby", chapter.id)
        .child(worded("h2", chapter.title).with("id", chapter.id))
        .child(prose(chapter.about))
        .children(chapter.shown.iter().enumerate().map(|(at, each)| {
            let before = at.checked_sub(1).and_then(|at| chapter.shown.get(at));
            shown(each, before)
        }))
}

fn shown(shown: &Shown, before: Option<&Shown>) -> Element {
    match shown {
        Shown::Figure(figure) => {
            // How to read it is told once, as long as it is the same.
            let told = matches!(before, Some(Shown::Figure(before)) if before.caption == figure.caption);
            let caption = if told { "" } else { figure.caption.as_str() };
            self::figure(figure, caption)
        }
        Shown::Drawn(drawn, _) => drawn.clone(),
        Shown::Table(sheet) => {
            let summary = worded("summary", sheet.title.as_str());
            element("details").with("id", sheet.id.as_str()).child(summary).child(sheet.inline())
        }
        Shown::Said(text) => worded("p", text.as_str()).class("cap"),
        Shown::Missing(what, command) => {
            let told = worded("p", format!("{what}: not in these results. ")).class("none");
            told.child(worded("code", *command)).text(" measures it.")
        }
    }
}

fn figure(figure: &Figure, caption: &str) -> Element {
    let panel = |panel: &Panel| {
        let holder = element("div");
        let holder = if panel.size[0] > BIG { holder.class("big").with("tabindex", "0") } else { holder };
        holder.child(panel.inline())
    };
    element("figure")
        .with("id", figure.id.as_str())
        .child(
            element("figcaption")
                .child(worded("h3", figure.title.as_str()))
                .children((!caption.is_empty()).then(|| prose(caption).class("cap"))),
        )
        .child(element("div").class("panels").children(figure.panels.iter().map(panel)))
}

/// A paragraph in which what stands between backticks is code.
#[must_use]
pub fn prose(text: &str) -> Element {
    text.split('`').enumerate().fold(element("p"), |paragraph, (at, part)| {
        if at % 2 == 0 { paragraph.text(part) } else { paragraph.child(worded("code", part)) }
    })
}

fn calculator() -> Element {
    element("section")
        .with("aria-labelledby", "choose")
        .child(worded("h2", "What would it take?").with("id", "choose"))
        .child(worded(
            "p",
            "Choose what to survive and where replicas stand. These are predictions of the model, not measurements: how close they \
             come is in the pictures above, where each point has its prediction beside it.",
        ))
        .child(super::calculator::inline())
}

/// Each run: machine, commit, workload, and the file with all of it.
fn origins(evidence: &Evidence<'_>) -> Vec<Element> {
    let mut section = element("section")
        .with("aria-labelledby", "origins")
        .child(worded("h2", "Where the figures are from").with("id", "origins"));
    if evidence.replaced > 0 {
        let replaced =
            format!("{} cells were measured anew by a later run; the later one is shown.", evidence.replaced);
        section = section.child(worded("p", replaced).class("cap"));
    }
    let runs = evidence.sources.iter().map(|source| {
        let results = &source.results;
        let fact = |name: &str, told: String| [worded("dt", name), worded("dd", told)];
        let link = worded("a", source.name.as_str()).with("href", source.link.as_str());
        let raw = [worded("dt", "raw data"), element("dd").child(link).text(RAW)];
        let command =
            [worded("dt", "command"), element("dd").child(worded("code", results.command.as_str()))];
        let facts = command
            .into_iter()
            .chain(fact("when", format!("{} ({})", results.started, results.ending)))
            .chain(fact("commit", results.commit.clone()))
            .chain(fact("machine", machine(results)))
            .chain(fact("workload", workload(results)))
            .chain(raw);
        element("dl").class("facts").children(facts)
    });
    vec![section.children(runs)]
}

const RAW: &str = ": every figure, with intervals, histograms of all latencies, noise and comparisons";

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let busy = if machine.was_busy() { ", busy with other things before the run" } else { "" };
    format!(
        "{}, {} cores, {} GiB, {}, {}, a sync takes {} µs (p99 {}){busy}",
        machine.cpu,
        machine.cores,
        (machine.memory_bytes as f64 / f64::from(1 << 30)).round(),
        machine.kernel,
        machine.disk,
        thousands(machine.sync_us.p50),
        thousands(machine.sync_us.p99),
    )
}

fn workload(results: &Results) -> String {
    let mut told: Vec<String> = results.workload.iter().cloned().collect();
    if let Some(cell) = results.cells.first() {
        let shape =
            format!("{} bytes a record, {} a batch", thousands(cell.record_bytes as f64), cell.batch_records);
        let plan = results.blocks;
        told.push(shape);
        told.push(format!("{} interleaved blocks of {} s a cell", plan.count, plan.seconds));
        told.push(
            if cell.processes { "a process a replica" } else { "all replicas in one process" }.to_owned(),
        );
    }
    if !results.matrix.is_empty() {
        let trials: u64 = results.matrix.iter().map(|row| row.measured.trials).sum();
        told.push(format!(
            "{} trials of {} faults and settings",
            thousands(trials as f64),
            results.matrix.len()
        ));
    }
    told.push(format!("seed {}", results.seed));
    told.join("; ")
}

fn footer() -> Element {
    let text = "Made by `compare report` from results files alone: the same files give the same page. It loads nothing.";
    element("footer").child(prose(text))
}
