//! The fault matrix as text: a section a fault, a line a setting.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{glance, timelines, wrapped};
use crate::faults::matrix::{Answers, Ground, Known, Losses, Row, Verdict};
use crate::results::{MatrixRow, Results};

/// All cells, and how many were as expected.
#[must_use]
pub fn matrix(results: &Results) -> String {
    let mut text = String::new();
    for row in Row::ALL {
        let cells: Vec<&MatrixRow> = results.matrix.iter().filter(|cell| cell.fault == row.name()).collect();
        if cells.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", wrapped(&format!("{row}: {}", row.what())));
        let _ = writeln!(
            text,
            "  {:<54} {:<8} {:>5} {:>8} {:>8} {:>8}",
            "setting", "appends", "lost", "silent", "at most", "no reads"
        );
        let ways: BTreeSet<&str> = cells.iter().filter_map(|cell| cell.by.as_deref()).collect();
        for way in ways {
            let _ = writeln!(text, "  {}", wrapped(&format!("({way})")).replace('\n', "\n  "));
        }
        cells.into_iter().for_each(|cell| line(&mut text, cell));
        text.push('\n');
    }
    text.push_str(&timelines::section(results));
    text.push_str(&glance::section(results));
    text.push_str(&sequences(results));
    let good = results.matrix.iter().filter(|cell| cell.is_good()).count();
    let seeds: u64 = results.matrix.iter().map(|cell| cell.measured.trials).sum();
    let sum = format!(
        "{good} of {} cells as expected, {seeds} trials in all, {}. Silent: the longest time without an acknowledged append, \
         from the fault on; the median of a cell's trials, and the longest.",
        results.matrix.len(),
        grounds(results),
    );
    let _ = writeln!(text, "{}", wrapped(&sum));
    text.push_str(&controls(results));
    text
}

/// Where the cells ran.
fn grounds(results: &Results) -> &'static str {
    let on = |ground| results.matrix.iter().any(|cell| cell.ground == ground);
    match (on(Ground::Simulated), on(Ground::Processes)) {
        (true, true) => "on processes in real time but where a row says otherwise",
        (false, true) => "on processes in real time",
        _ => "in virtual time",
    }
}

fn line(text: &mut String, cell: &MatrixRow) {
    let measured = &cell.measured;
    let setting = cell.cell.split_once('/').map_or(cell.cell.as_str(), |(_, setting)| setting);
    let worst = measured.worst.map_or_else(|| "unknown".to_owned(), |worst| worst.to_string());
    let _ = writeln!(
        text,
        "{} {setting:<54} {worst:<8} {:>5} {:>8} {:>8} {:>8}",
        if cell.is_good() { " " } else { "!" },
        measured.lost,
        seconds(measured.no_ack_ms.p50),
        seconds(measured.no_ack_ms.max),
        seconds(measured.no_read_ms.p50),
    );
    if !cell.is_good() {
        for why in unlike(cell) {
            let _ = writeln!(text, "    {}", wrapped(&why).replace('\n', "\n    "));
        }
    }
}

/// In what a cell is unlike what was expected, and the line that repeats it.
fn unlike(cell: &MatrixRow) -> Vec<String> {
    let mut why = Vec::new();
    if cell.answers != Verdict::AsExpected {
        let (Answers::Exactly(expected) | Answers::AtWorst(expected)) = cell.expected.answers;
        why.push(format!("expected that it {expected}: {}", cell.expected.why));
    }
    if cell.coverage != Verdict::AsExpected {
        let (shown, trials) = (cell.measured.happened, cell.measured.trials);
        why.push(format!(
            "what the row is about was seen in {shown} of {trials} trials: the others prove nothing"
        ));
    }
    if cell.expected.losses.is_control() && cell.property != Verdict::AsExpected {
        let wanted = wanted(cell.expected.losses);
        why.push(format!("a control that did not show {wanted}: elsewhere it might not be seen either"));
    }
    match cell.lifecycle {
        Verdict::AsExpected => {}
        Verdict::Unlike => why.push("a cluster was not whole again when the fault had ended".to_owned()),
        Verdict::Unknown => why.push("not every trial came to its end".to_owned()),
    }
    if let Some(finding) = &cell.finding {
        why.push(format!("seed {}: {}: {}", finding.seed, finding.name, finding.what));
    }
    why.push(cell.replay.clone());
    why
}

/// What a control has to show.
fn wanted(losses: Losses) -> &'static str {
    match losses {
        Losses::None | Losses::Unpromised | Losses::Possible => "anything",
        Losses::Shown => "a loss, and logs that are one all the same",
        Losses::Duplicates => "duplicates, and no loss",
        Losses::Divergence => "replicas that differ for ever",
        Losses::Staleness => "stale answers, and no loss",
    }
}

/// Of those that have to show what is wrong, how many did; nothing where there are none.
fn controls(results: &Results) -> String {
    let controls: Vec<&MatrixRow> =
        results.matrix.iter().filter(|cell| cell.expected.losses.is_control()).collect();
    let shown = controls.iter().filter(|cell| cell.property == Verdict::AsExpected).count();
    match controls.len() {
        0 => String::new(),
        count => format!("controls: {shown} of {count} showed their loss\n"),
    }
}

/// Where each sequence is proved, if this is all of the matrix.
fn sequences(results: &Results) -> String {
    let has = |row: &Row| results.matrix.iter().any(|cell| cell.fault == row.name());
    if !Row::ALL.iter().all(has) {
        return String::new();
    }
    let mut text = "Sequences, and where each is proved:\n".to_owned();
    for Known { number, what, proofs } in Known::ALL {
        let proofs: Vec<String> = proofs.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "{}", wrapped(&format!("{number} {what}: {}", proofs.join("; "))));
    }
    text.push('\n');
    text
}

fn seconds(millis: Option<f64>) -> String {
    millis.map_or_else(|| "-".to_owned(), |millis| format!("{:.2} s", millis / 1e3))
}
