//! Latency against the number of replicas: measured, predicted, and the floor under both.

use std::collections::BTreeSet;

use super::{Percentile, READ, latencies, predictions, voids};
use crate::report::condition::Condition;
use crate::report::evidence::{Evidence, Series, series, variant};
use crate::report::figure::{Figure, Shown};
use crate::report::lines::{Across, Line, Lines};
use crate::results::{Cell, Load};

/// More conditions are in the table of cells only: a page is to be read.
const CONDITIONS_MAX: usize = 8;

/// A figure for each condition under which sizes were measured.
#[must_use]
pub fn replicas(evidence: &Evidence<'_>) -> Vec<Shown> {
    let sized =
        evidence.cells.iter().filter(|(condition, cells)| is_load(condition.load) && sizes(cells).len() > 1);
    let (figures, rest): (Vec<_>, Vec<_>) = sized.enumerate().partition(|(at, _)| *at < CONDITIONS_MAX);
    if figures.is_empty() {
        return vec![Shown::Missing(
            "Latency against the number of replicas",
            "compare latency --processes --profile three-zones+cloud-disk --replicas 1,2,3,4,5,7",
        )];
    }
    let mut shown: Vec<Shown> =
        figures.into_iter().map(|(_, (condition, cells))| Shown::Figure(figure(condition, cells))).collect();
    if !rest.is_empty() {
        shown.push(Shown::Said(format!("{} conditions more are in the table of cells.", rest.len())));
    }
    shown
}

/// Shares of a knee are another rate for each size.
fn is_load(load: Load) -> bool {
    !matches!(load, Load::Open { knee_percent: Some(_), .. })
}

fn sizes(cells: &[&Cell]) -> BTreeSet<usize> {
    cells.iter().filter(|cell| cell.figures.is_some()).map(|cell| cell.replicas).collect()
}

fn figure(condition: &Condition, cells: &[&Cell]) -> Figure {
    let lines = series(cells, |cell| (variant(cell), variant(cell)));
    let sizes = sizes(cells);
    let panel = |percentile: Percentile| {
        let drawn: Vec<Line> = lines.iter().map(|line| drawn(line, percentile)).collect();
        let named: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
        Lines {
            name: percentile.name(),
            title: percentile.title(),
            below: "replicas (n)",
            alt: format!(
                "{} in milliseconds against the number of replicas, {condition}: {}",
                percentile.name(),
                named.join("; ")
            ),
            across: Across::Counts(sizes.iter().copied().collect()),
            lines: &drawn,
        }
        .panel()
    };
    let all = || cells.iter().copied();
    Figure {
        id: format!("replicas-{}", condition.slug()),
        title: condition.to_string(),
        caption: format!("{READ}{}{}.", predictions(all()), voids(all())),
        panels: Percentile::BOTH.into_iter().map(panel).collect(),
        data: latencies(
            &format!("replicas-{}", condition.slug()),
            &format!("Latency against replicas, {condition}"),
            &lines,
        ),
    }
}

fn drawn(line: &Series<'_>, percentile: Percentile) -> Line {
    let point = |cell: &&Cell| {
        percentile.point(cell, cell.replicas as f64, &format!("{}, n = {}", line.name, cell.replicas))
    };
    Line {
        system: line.system,
        name: line.name.clone(),
        points: line.cells.iter().filter_map(point).collect(),
    }
}
