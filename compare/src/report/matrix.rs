//! The fault matrix on the page: a line a fault, a column a setting, and how to repeat any cell.

use std::collections::BTreeMap;

use super::charts::silences::ground_told;
use super::evidence::{Evidence, Source};
use super::figure::Shown;
use super::markup::{Element, element, worded};
use super::palette::class;
use super::scale::number;
use super::sheet::{Sheet, exact};
use crate::faults::matrix::{Availability, Ground, Known, Row, Verdict};
use crate::results::MatrixRow;

/// So many cells that are unlike what was expected are told with their lines; of more, the results file has the rest.
const UNLIKE_MAX: usize = 40;

/// The matrix of each ground, and what in it is unlike what was expected.
#[must_use]
pub fn matrix(evidence: &Evidence<'_>) -> Vec<Shown> {
    let mut grounds: BTreeMap<Ground, Vec<&MatrixRow>> = BTreeMap::new();
    for row in &evidence.matrix {
        grounds.entry(row.ground).or_default().push(row);
    }
    if grounds.is_empty() {
        return vec![Shown::Missing("The fault matrix", "compare faults --simulated --json matrix.json")];
    }
    let told = |(ground, rows): (&Ground, &Vec<&MatrixRow>)| {
        Shown::Drawn(drawn(*ground, rows, evidence), sheet(*ground, rows))
    };
    grounds.iter().map(told).collect()
}

fn split(row: &MatrixRow) -> (&str, &str) {
    row.cell.split_once('/').unwrap_or((&row.cell, ""))
}

/// `isr-3:2/committed/synced/last-member` as `isr 3:2 last-member`: what is usual is not told.
fn short(setting: &str) -> String {
    let mut parts = setting.split('/');
    let cluster = parts.next().unwrap_or_default();
    let cluster = cluster
        .rsplit_once('-')
        .map_or_else(|| cluster.to_owned(), |(system, size)| format!("{system} {size}"));
    let unusual = parts.filter_map(|part| match part {
        "committed" | "synced" => None,
        "leader" | "nobody" => Some(format!(", acks {part}")),
        other => Some(format!(", {other}")),
    });
    cluster + &unusual.collect::<String>()
}

fn drawn(ground: Ground, rows: &[&MatrixRow], evidence: &Evidence<'_>) -> Element {
    let mut settings: Vec<(&str, &MatrixRow)> = Vec::new();
    let mut by_name: BTreeMap<(&str, &str), &MatrixRow> = BTreeMap::new();
    for row in rows {
        let (fault, setting) = split(row);
        if !settings.iter().any(|(known, _)| *known == setting) {
            settings.push((setting, row));
        }
        by_name.insert((fault, setting), row);
    }
    let head = settings.iter().map(|(setting, row)| {
        let name = worded("span", short(setting)).class(format!("sys {}", class(row.system)));
        element("th").with("scope", "col").with("data-n", *setting).child(name)
    });
    let head = element("tr").child(element("td")).children(head);
    let body =
        Row::ALL.iter().filter(|row| by_name.keys().any(|(fault, _)| *fault == row.name())).map(|row| {
            let name = worded("th", row.name()).with("scope", "row").with("title", row.what());
            let cells = settings.iter().map(|(setting, _)| {
                by_name.get(&(row.name(), *setting)).map_or_else(|| element("td"), |row| cell(row, evidence))
            });
            element("tr").child(name).children(cells)
        });
    let (seed, trials) = rows.first().map_or((1, 1), |row| (row.seed, row.measured.trials));
    let table = element("table")
        .class("mx")
        .with("data-ground", ground.to_string())
        .with("data-seed", seed.to_string())
        .with("data-trials", trials.to_string())
        .child(element("thead").child(head))
        .child(element("tbody").children(body));
    let good = rows.iter().filter(|row| row.is_good()).count();
    let repeat = format!("compare faults --{ground} --only FAULT/SETTING --seed {seed} --seeds {trials}");
    let all = element("div")
        .with("id", format!("matrix-{ground}"))
        .child(worded("h3", format!("{good} of {} cells as expected: {}", rows.len(), ground_told(ground))))
        .child(worded("p", KEY).class("cap"))
        .child(
            element("div")
                .class("wide")
                .with("tabindex", "0")
                .with("role", "region")
                .with("aria-label", "Fault matrix")
                .child(table),
        );
    let line = worded("code", repeat).class("repeat").with("aria-live", "polite");
    let says = worded("p", "Any cell again: ").class("cap").child(line).text(
        ", with the names of its line and its column (as in leader-killed/isr-3:2/committed/synced); with --history FILE it also \
         writes what its clients saw.",
    );
    let known = (ground == Ground::Simulated).then(sequences);
    all.child(says).children(unlike(rows, evidence)).children(known)
}

/// Where each sequence that was written down is proved.
fn sequences() -> Element {
    let told = |known: &Known| {
        let proofs: Vec<String> = known.proofs.iter().map(ToString::to_string).collect();
        let text = format!(" {}: {}", known.what, proofs.join("; "));
        element("li").child(worded("b", known.number)).text(text)
    };
    element("details")
        .child(worded("summary", "S-01 to S-26, R-01 to R-13: where each sequence is proved"))
        .child(element("ul").children(Known::ALL.iter().map(told)))
}

const KEY: &str = "· appends went on; a number: they resumed after so many seconds (the middle of the trials, in the fault's time); \
                   ■ only when the fault had ended; ✗ so many records lost, where the setting does not promise more; \
                   ! unlike what was expected. Columns after the plain ones are controls and older rules, which are meant to show \
                   what they cost. Settings are acknowledged when committed and stored when synced unless they say otherwise.";

fn cell(row: &MatrixRow, evidence: &Evidence<'_>) -> Element {
    let (class, mut text) = match row.measured.worst {
        Some(Availability::GoesOn) => ("go", "·".to_owned()),
        Some(Availability::Resumes) => ("re", seconds(row)),
        Some(Availability::Stops) => ("st", "■".to_owned()),
        None => ("st", "?".to_owned()),
    };
    if row.measured.lost > 0 {
        text += &format!(" ✗{}", roughly(row.measured.lost));
    }
    let good = row.is_good();
    let class = if good { class.to_owned() } else { format!("{class} un") };
    let text = if good { text } else { text + " !" };
    match history(row, evidence) {
        Some(link) => {
            element("td").class(class).child(worded("a", text).with("href", link).with("title", HISTORY))
        }
        None => worded("td", text).class(class),
    }
}

const HISTORY: &str = "what its clients saw";

/// Where what its clients saw lies, as seen from the page: its results file knows where that is seen from itself.
fn history(row: &MatrixRow, evidence: &Evidence<'_>) -> Option<String> {
    let path = row.history.as_deref()?;
    let holds = |source: &&&Source| source.results.matrix.iter().any(|held| std::ptr::eq(held, row));
    let beside = evidence.sources.iter().find(holds).and_then(|source| source.link.rsplit_once('/'));
    match beside {
        Some((directory, _)) if !path.starts_with('/') => Some(format!("{directory}/{path}")),
        _ => Some(path.to_owned()),
    }
}

/// Thousands as such, for columns to stay narrow.
fn roughly(count: u64) -> String {
    if count < 1000 { count.to_string() } else { format!("{:.0}k", count as f64 / 1e3) }
}

fn seconds(row: &MatrixRow) -> String {
    row.measured.no_ack_ms.p50.map_or_else(|| "?".to_owned(), |ms| format!("{:.1}", ms / 1e3))
}

/// Each cell that is unlike what was expected: in what, and the line that repeats it.
fn unlike(rows: &[&MatrixRow], evidence: &Evidence<'_>) -> Option<Element> {
    let bad: Vec<&&MatrixRow> = rows.iter().filter(|row| !row.is_good()).collect();
    let told = |row: &&&MatrixRow| {
        element("li")
            .child(worded("b", row.cell.as_str()))
            .text(format!(": {}. Expected: {}. ", what(row), row.expected.why))
            .child(worded("code", row.replay.as_str()))
            .children(history(row, evidence).map(|link| worded("a", HISTORY).with("href", link)))
    };
    let list = element("ul").class("unlike").children(bad.iter().take(UNLIKE_MAX).map(told));
    let rest = bad.len().saturating_sub(UNLIKE_MAX);
    let title = match rest {
        0 => format!("{} cells are unlike what was expected", bad.len()),
        more => format!(
            "{} cells are unlike what was expected ({more} of them are in the results file only)",
            bad.len()
        ),
    };
    (!bad.is_empty()).then(|| element("details").child(worded("summary", title)).child(list))
}

fn what(row: &MatrixRow) -> String {
    if let Some(finding) = &row.finding {
        return format!("seed {}, {}: {}", finding.seed, finding.name, finding.what);
    }
    let verdicts = [
        (row.property, "what was promised"),
        (row.coverage, "whether the fault showed"),
        (row.lifecycle, "whether it came back"),
        (row.answers, "acknowledgements"),
    ];
    let wrong: Vec<String> = verdicts
        .into_iter()
        .filter(|(verdict, _)| *verdict != Verdict::AsExpected)
        .map(|(verdict, name)| {
            format!("{name} {}", if verdict == Verdict::Unlike { "unlike" } else { "unknown" })
        })
        .collect();
    let worst = row.measured.worst.map_or_else(|| "unknown".to_owned(), |worst| worst.to_string());
    format!("{}; {worst}, {} lost", wrong.join(", "), number(row.measured.lost as f64))
}

fn sheet(ground: Ground, rows: &[&MatrixRow]) -> Sheet {
    let header = [
        "fault",
        "setting",
        "as expected",
        "appends",
        "lost",
        "duplicated",
        "diverged",
        "phantom",
        "stale",
        "trials",
        "no_ack_ms_p50",
        "no_ack_ms_max",
        "no_read_ms_p50",
        "healed_ms_p50",
        "repeat",
    ];
    let mut sheet =
        Sheet::new(&format!("matrix-{ground}"), &format!("Fault matrix, {}", ground_told(ground)), &header);
    for row in rows {
        let (fault, setting) = split(row);
        let measured = &row.measured;
        let counts = [
            measured.lost,
            measured.duplicated,
            measured.diverged,
            measured.phantom,
            measured.stale,
            measured.trials,
        ];
        let times =
            [measured.no_ack_ms.p50, measured.no_ack_ms.max, measured.no_read_ms.p50, measured.healed_ms.p50];
        let worst = measured.worst.map_or_else(|| "unknown".to_owned(), |worst| worst.to_string());
        let good = if row.is_good() { "yes" } else { "no" };
        let names = [fault, setting, good].map(str::to_owned);
        let counts = counts.map(|count| count.to_string());
        let values = names.into_iter().chain([worst]).chain(counts).chain(times.map(exact));
        sheet.push(values.chain([row.replay.clone()]));
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_not_in_a_settings_name() {
        assert_eq!(short("isr-3:2/committed/synced"), "isr 3:2");
        assert_eq!(short("k-of-isr-5:3/committed/synced"), "k-of-isr 5:3");
        assert_eq!(short("quorum-3/leader/cached"), "quorum 3, acks leader, cached");
        assert_eq!(short("isr-3:2/committed/synced/last-member"), "isr 3:2, last-member");
    }
}
