//! The matrix at a glance: how many failures n replicas survive under each policy, stopping for how long; what loses records.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{Cell as Text, CellAlignment, Table, presets};
use partition::log::Durability;
use partition::partition::Acks;

use super::wrapped;
use crate::faults::matrix::{Availability, Row};
use crate::results::{MatrixRow, Results};
use crate::system::System;

/// What is told of each policy: a fault, and how it is headed.
const FAULTS: [(Row, &str); 5] = [
    (Row::LeaderKilled, "leader dies"),
    (Row::FollowerKilled, "follower dies"),
    (Row::FKilled, "f die"),
    (Row::OneMoreKilled, "f+1 die"),
    (Row::AllLosePower, "all lose power"),
];
const TITLE: &str = "At a glance, committed and synced. Dead: f, so many replicas may be down with appends going on; lost: so many \
                     copies may be destroyed besides. Times: without acknowledged appends, the median and the longest; 0 s is \
                     less than any timeout.";
const CONTROLLERS: &str = "An in-sync set has three controllers beside its replicas.";
const CONCLUSION: &str = "So n + 1 replicas are enough for n dead ones, as is said, where min-ISR is 1: then the last of the set \
                          may have the only copy of what was acknowledged. Who wants both has 2n + 1 under either rule.";

/// Replicas of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Policy {
    replicas: usize,
    system: System,
    min_isr: Option<usize>,
}

impl Policy {
    fn of(cell: &MatrixRow) -> Option<Self> {
        let plain =
            cell.acks == Acks::Committed && cell.durability == Durability::Synced && cell.switches.is_empty();
        let MatrixRow { system, replicas, min_isr, .. } = *cell;
        plain.then_some(Self { replicas, system, min_isr })
    }

    fn name(self) -> String {
        let rule = match self.system {
            System::KOfIsr => "k-of-isr",
            System::Quorum => "majority",
            _ => "all in sync",
        };
        self.min_isr.map_or_else(|| rule.to_owned(), |min| format!("{rule}, at least {min}"))
    }
}

type Policies<'a> = BTreeMap<Policy, Vec<&'a MatrixRow>>;

/// What there is to read off; nothing where no policy was put to a fault that is told here.
pub(super) fn section(results: &Results) -> String {
    let mut policies: Policies<'_> = BTreeMap::new();
    for cell in &results.matrix {
        if let Some(policy) = Policy::of(cell)
            && FAULTS.iter().any(|(row, _)| row.name() == cell.fault)
        {
            policies.entry(policy).or_default().push(cell);
        }
    }
    let mut text = String::new();
    if !policies.is_empty() {
        let _ = writeln!(text, "{}\n{}\n", wrapped(TITLE), table(&policies));
        for sentence in how_many_replicas(&policies) {
            let _ = writeln!(text, "{}", wrapped(&sentence));
        }
        let _ = writeln!(text, "{}\n", wrapped(CONTROLLERS));
    }
    text + &losses(results)
}

fn table(policies: &Policies<'_>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).force_no_tty();
    let mut header = ["n", "policy", "dead", "lost"].map(str::to_owned).to_vec();
    header.extend(FAULTS.map(|(_, title)| title.to_owned()));
    let aligned = |row: Vec<String>| {
        let align = |at| if at == 1 { CellAlignment::Left } else { CellAlignment::Right };
        row.into_iter()
            .enumerate()
            .map(move |(at, text)| Text::new(text).set_alignment(align(at)))
            .collect::<Vec<_>>()
    };
    table.set_header(aligned(header));
    for (policy, cells) in policies {
        let Some(survives) = cells.first().map(|cell| cell.survives) else { continue };
        let mut row = vec![policy.replicas.to_string(), policy.name()];
        row.extend([survives.f_a.to_string(), survives.f_d.to_string()]);
        row.extend(FAULTS.map(|(fault, _)| {
            let cell = cells.iter().find(|cell| cell.fault == fault.name());
            cell.map_or_else(|| "-".to_owned(), |cell| outcome(cell))
        }));
        table.add_row(aligned(row));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// How long nothing was acknowledged, or that nothing was until the fault had ended; and what was lost.
fn outcome(cell: &MatrixRow) -> String {
    let measured = &cell.measured;
    let seconds =
        |millis: Option<f64>| millis.map_or_else(|| "?".to_owned(), |ms| format!("{:.1}", ms / 1e3));
    let silent = match measured.worst {
        None => "unknown".to_owned(),
        Some(Availability::GoesOn) => "0 s".to_owned(),
        Some(Availability::Stops) => "stops".to_owned(),
        Some(Availability::Resumes) => {
            format!("{}/{} s", seconds(measured.no_ack_ms.p50), seconds(measured.no_ack_ms.max))
        }
    };
    match measured.lost {
        0 => silent,
        lost => format!("{silent}, {lost} LOST"),
    }
}

/// Whether so many dead replicas were survived by measurement: all was as expected, appends went on while they were down, and
/// nothing was lost.
fn survived(cells: &[&MatrixRow]) -> bool {
    let killed = cells.iter().find(|cell| cell.fault == Row::FKilled.name());
    killed.is_some_and(|cell| {
        let goes_on = cell.measured.worst.is_some_and(|worst| worst != Availability::Stops);
        cell.is_good() && goes_on && cell.measured.lost == 0
    })
}

/// Where n + 1 replicas are enough, and where 2n + 1 are needed: who may be dead as it was measured, and what may be destroyed
/// besides by the model, since no row destroys so many copies while so many others are down.
fn how_many_replicas(policies: &Policies<'_>) -> Vec<String> {
    let fewest = |system: System, dead: usize, lost: usize| {
        let enough = policies.iter().filter(|(policy, cells)| {
            let survives = cells[0].survives;
            policy.system == system && survives.f_a >= dead && survives.f_d >= lost && survived(cells)
        });
        enough.map(|(policy, _)| policy.replicas).min()
    };
    let told = |count: Option<usize>| count.map_or_else(|| "none measured".to_owned(), |n| n.to_string());
    let mut sentences = Vec::new();
    let mut as_told = true;
    for f in [1, 2] {
        let (set, set_both) = (fewest(System::Isr, f, 0), fewest(System::Isr, f, f));
        let (majority, majority_both) = (fewest(System::Quorum, f, 0), fewest(System::Quorum, f, f));
        let all = [set, majority, set_both, majority_both];
        if all == [None; 4] {
            continue;
        }
        as_told &= all == [Some(f + 1), Some(2 * f + 1), Some(2 * f + 1), Some(2 * f + 1)];
        let [set, majority, set_both, majority_both] = all.map(told);
        sentences.push(format!(
            "{f} dead, and appends went on: with {set} replicas by in-sync set, {majority} by majority. Where, by the \
             model, {f} may be destroyed besides: {set_both} and {majority_both}.",
        ));
    }
    if as_told && !sentences.is_empty() {
        sentences.push(CONCLUSION.to_owned());
    }
    sentences
}

/// Which settings lost acknowledged records, under which faults.
fn losses(results: &Results) -> String {
    let mut settings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for cell in results.matrix.iter().filter(|cell| cell.measured.lost > 0) {
        let setting = cell.cell.split_once('/').map_or(cell.cell.as_str(), |(_, setting)| setting);
        let lost = settings.entry(setting).or_default();
        if lost.is_empty() && cell.acks == Acks::Nobody {
            lost.push("sent, and acknowledged by nobody".to_owned());
        }
        lost.push(format!("{} {}", cell.fault, cell.measured.lost));
    }
    if settings.is_empty() {
        return String::new();
    }
    let mut text = "What lost records, and how many:\n".to_owned();
    for (setting, faults) in settings {
        let _ = writeln!(text, "{}", wrapped(&format!("{setting}: {}", faults.join(", "))));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::WIDTH;
    use super::*;
    use crate::faults::matrix::{Cell, Column, Judged, Measured, Trials};
    use crate::results::tests::results;

    fn row(fault: Row, setting: &str, silence_ms: u64, lost: u64) -> MatrixRow {
        let column = Column::all().into_iter().find(|column| column.to_string() == setting).unwrap();
        let cell = Cell { row: fault, column };
        let no_ack = vec![Duration::from_millis(silence_ms)];
        let healed = vec![Duration::from_millis(10)];
        let measured = Measured { trials: 1, happened: 1, lost, no_ack, healed, ..Measured::default() };
        let expected = cell.expected();
        MatrixRow::of(
            &Judged { cell, expected, measured, by: None, script: None, story: None },
            &Trials { first: 1, each: 1 },
        )
    }

    #[test]
    fn n_plus_one_is_enough_for_dead_replicas_and_not_for_lost_copies() {
        let mut all = results(vec![]);
        for (setting, f) in [
            ("isr-2:1/committed/synced", 1100),
            ("isr-3:2/committed/synced", 1200),
            ("quorum-3/committed/synced", 900),
        ] {
            all.matrix.push(row(Row::FKilled, setting, f, 0));
            all.matrix.push(row(Row::OneMoreKilled, setting, 60_000, 0));
        }
        all.matrix.push(row(Row::AllLosePower, "isr-3:2/committed/cached", 100, 7));
        let text = section(&all);
        assert!(text.lines().all(|line| line.trim_end().chars().count() <= WIDTH), "{text}");
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("with 2 replicas by in-sync set, 3 by majority."), "{text}");
        assert!(flat.contains("destroyed besides: 3 and 3."), "{text}");
        assert!(flat.contains("1.2/1.2 s stops"), "{text}");
        assert!(flat.contains("isr-3:2/committed/cached: all-lose-power 7"), "{text}");
        let none = |setting| survived(&[&row(Row::FKilled, setting, 900, 3)]);
        assert!(!none("quorum-3/committed/synced"), "who loses something has not survived");
    }
}
