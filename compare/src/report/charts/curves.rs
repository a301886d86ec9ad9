//! Load-latency curves: open loops, up to where a system no longer keeps up.

use std::collections::BTreeMap;

use super::{Percentile, READ, latencies, voids};
use crate::report::condition::Condition;
use crate::report::evidence::{Evidence, series, setting};
use crate::report::figure::{Figure, Shown};
use crate::report::lines::{Across, Line, Lines};
use crate::report::scale::number;
use crate::results::{Cell, Knee, Load};
use crate::system::System;

/// Points that make a curve.
const POINTS_MIN: usize = 2;

/// A figure for each condition with curves.
#[must_use]
pub fn curves(evidence: &Evidence<'_>) -> Vec<Shown> {
    let mut together: BTreeMap<Condition, Vec<&Cell>> = BTreeMap::new();
    for (condition, cells) in &evidence.cells {
        if let Some(condition) = condition.without_rate() {
            together.entry(condition).or_default().extend(cells);
        }
    }
    let shown = together.into_iter().filter_map(|(condition, cells)| figure(&condition, cells, evidence));
    let shown: Vec<Shown> = shown.map(Shown::Figure).collect();
    if shown.is_empty() {
        return vec![Shown::Missing(
            "Load-latency curves",
            "compare latency --processes --profile three-zones+cloud-disk --replicas 3 --rate sweep",
        )];
    }
    shown
}

fn rate(cell: &Cell) -> u32 {
    match cell.load {
        Load::Open { rate, .. } => rate,
        Load::Closed { .. } => 0,
    }
}

fn figure(condition: &Condition, mut cells: Vec<&Cell>, evidence: &Evidence<'_>) -> Option<Figure> {
    cells.sort_by_key(|cell| rate(cell));
    let mut lines = series(&cells, |cell| ((cell.replicas, cell.min_isr, cell.k), setting(cell)));
    lines.retain(|line| line.cells.len() >= POINTS_MIN);
    let knees: Vec<(System, f64, String)> =
        evidence.knees().filter_map(|knee| marked(knee, &cells)).collect();
    let panel = |percentile: Percentile| {
        let drawn: Vec<Line> = lines
            .iter()
            .map(|line| {
                let point = |cell: &&Cell| {
                    let rate = f64::from(rate(cell));
                    percentile.point(cell, rate, &format!("{}, {} a second", line.name, number(rate)))
                };
                let points = line.cells.iter().filter_map(point);
                // Crossbars between the points of a curve are read as points: predictions are in the data.
                let points = points.map(|point| super::Point { predicted: None, ..point }).collect();
                Line { system: line.system, name: line.name.clone(), points }
            })
            .collect();
        let named: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
        Lines {
            name: percentile.name(),
            title: percentile.title(),
            below: "records due a second",
            alt: format!(
                "{} in milliseconds against the rate at which records are due, {condition}: {}",
                percentile.name(),
                named.join("; ")
            ),
            across: Across::Ratios(knees.clone()),
            lines: &drawn,
        }
        .panel()
    };
    let id = format!("curve-{}", condition.slug());
    (!lines.is_empty()).then(|| Figure {
        title: condition.to_string(),
        caption: format!(
            "Latency counts from when a record was due. A dotted line is the knee: the highest rate that was held. {READ}{}.",
            voids(cells.iter().copied())
        ),
        panels: Percentile::BOTH.into_iter().map(panel).collect(),
        data: latencies(&id, &format!("Load-latency curve, {condition}"), &lines),
        id,
    })
}

/// A knee of one of these cells' clusters.
fn marked(knee: &Knee, cells: &[&Cell]) -> Option<(System, f64, String)> {
    let is_its = |cell: &&Cell| {
        let one =
            (cell.system, cell.replicas, cell.min_isr, cell.profile.as_str(), cell.durability, cell.acks);
        let other =
            (knee.system, knee.replicas, knee.min_isr, knee.profile.as_str(), knee.durability, knee.acks);
        one == other && cell.slow_replicas == knee.slow_replicas
    };
    let cell = cells.iter().copied().find(is_its)?;
    let rate = f64::from(knee.rate?);
    let by = if knee.is_the_clients() { ", where the client was late itself" } else { "" };
    Some((knee.system, rate, format!("{}: knee at {} records a second{by}", setting(cell), number(rate))))
}
