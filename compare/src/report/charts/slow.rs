//! Latency against the number of slow replicas: what a majority need not wait for.

use std::collections::{BTreeMap, BTreeSet};

use super::{Percentile, READ, latencies, predictions, voids};
use crate::profile::SLOW_TIMES;
use crate::report::condition::Condition;
use crate::report::evidence::{Evidence, series, setting};
use crate::report::figure::{Figure, Shown};
use crate::report::lines::{Across, Line, Lines};
use crate::results::Cell;

/// A figure for each condition under which replicas were slowed down.
#[must_use]
pub fn slow(evidence: &Evidence<'_>) -> Vec<Shown> {
    let mut together: BTreeMap<Condition, Vec<&Cell>> = BTreeMap::new();
    for (condition, cells) in &evidence.cells {
        together.entry(condition.without_slow()).or_default().extend(cells);
    }
    let slowed = together.iter().filter(|(_, cells)| counts(cells).len() > 1);
    let shown: Vec<Shown> =
        slowed.map(|(condition, cells)| Shown::Figure(figure(condition, cells))).collect();
    if shown.is_empty() {
        return vec![Shown::Missing(
            "Latency against slow replicas",
            "compare latency --processes --profile three-zones+cloud-disk --replicas 3,5 --slow-replicas 0,1,2",
        )];
    }
    shown
}

fn counts(cells: &[&Cell]) -> BTreeSet<usize> {
    cells.iter().filter(|cell| cell.figures.is_some()).map(|cell| cell.slow_replicas).collect()
}

fn figure(condition: &Condition, cells: &[&Cell]) -> Figure {
    let slowed: BTreeSet<String> =
        cells.iter().filter(|cell| cell.slow_replicas > 0).map(|cell| setting(cell)).collect();
    let mut cells: Vec<&Cell> =
        cells.iter().copied().filter(|cell| slowed.contains(&setting(cell))).collect();
    cells.sort_by_key(|cell| cell.slow_replicas);
    let lines = series(&cells, |cell| ((cell.replicas, cell.min_isr, cell.k), setting(cell)));
    let panel = |percentile: Percentile| {
        let drawn: Vec<Line> = lines
            .iter()
            .map(|line| {
                let point = |cell: &&Cell| {
                    let name = format!("{}, {} slow", line.name, cell.slow_replicas);
                    percentile.point(cell, cell.slow_replicas as f64, &name)
                };
                let points = line.cells.iter().filter_map(point).collect();
                Line { system: line.system, name: line.name.clone(), points }
            })
            .collect();
        let named: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
        Lines {
            name: percentile.name(),
            title: percentile.title(),
            below: "slow replicas",
            alt: format!(
                "{} in milliseconds against the number of slow replicas, {condition}: {}",
                percentile.name(),
                named.join("; ")
            ),
            across: Across::Counts(counts(&cells).into_iter().collect()),
            lines: &drawn,
        }
        .panel()
    };
    let all = || cells.iter().copied();
    let id = format!("slow-{}", condition.slug());
    Figure {
        title: condition.to_string(),
        caption: format!(
            "Links of a slow replica take {SLOW_TIMES} times as long; the leader is not one of them. {READ}{}{}.",
            predictions(all()),
            voids(all())
        ),
        panels: Percentile::BOTH.into_iter().map(panel).collect(),
        data: latencies(&id, &format!("Latency against slow replicas, {condition}"), &lines),
        id,
    }
}
