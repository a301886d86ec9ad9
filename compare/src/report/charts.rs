//! The pictures, each from the evidence alone: nothing is shown that was not measured, and what is missing is said.

pub mod costs;
pub mod curves;
pub mod replicas;
pub mod silences;
pub mod slow;
pub mod timelines;
pub mod tuning;

use super::evidence::Series;
use super::lines::Point;
use super::palette::is_floor;
use super::scale::number;
use super::sheet::{Sheet, exact};
use crate::results::{Cell, Figures};
use crate::stats::Interval;

/// Which latency is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Half are not longer.
    P50,
    /// 99 of 100 are not.
    P99,
}

impl Percentile {
    /// Both, a picture each.
    pub const BOTH: [Self; 2] = [Self::P50, Self::P99];

    /// Part of a file name, and of what is told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
        }
    }

    /// Over the vertical axis.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::P50 => "Median (p50), ms",
            Self::P99 => "99th percentile (p99), ms",
        }
    }

    fn of(self, figures: &Figures) -> (f64, Option<Interval>) {
        let in_ms = |interval: Interval| Interval { low: interval.low / 1e3, high: interval.high / 1e3 };
        let all = figures.interval;
        match self {
            Self::P50 => (figures.latency_us.p50 / 1e3, all.map(|all| in_ms(all.p50))),
            Self::P99 => (figures.latency_us.p99 / 1e3, all.map(|all| in_ms(all.p99))),
        }
    }

    /// What was predicted of it, in milliseconds.
    fn predicted(self, cell: &Cell) -> Option<f64> {
        let all = cell.predicted_us?;
        let us = match self {
            Self::P50 => all.p50,
            Self::P99 => all.p99,
        };
        us.map(|us| us / 1e3)
    }

    /// A cell as a point; none where nothing was acknowledged.
    fn point(self, cell: &Cell, x: f64, name: &str) -> Option<Point> {
        let (y, interval) = self.of(cell.figures.as_ref()?);
        // That of a floor is in the data: beside its system's it would only be in the way.
        let predicted = self.predicted(cell).filter(|_| !is_floor(cell.system));
        let mut words = format!("{name}: {} {} ms", self.name(), number(y));
        if let Some(Interval { low, high }) = interval {
            words += &format!(" ({} to {} at 95 %)", number(low), number(high));
        }
        if let Some(predicted) = predicted {
            words += &format!(", predicted {}", number(predicted));
        }
        if !cell.is_sound() {
            words += ", void";
        }
        Some(Point { x, y, interval, predicted, is_void: !cell.is_sound(), words })
    }
}

/// How points are read, in all pictures of latencies.
const READ: &str = "Bars span 95 % intervals (bootstrap over blocks)";

/// What the short lines are, where there are any.
fn predictions<'a>(mut cells: impl Iterator<Item = &'a Cell>) -> &'static str {
    if cells.any(|cell| cell.predicted_us.is_some()) {
        "; a short crossbar is the prediction from the times to the copies, so what is between the two is the implementation"
    } else {
        ""
    }
}

/// What an outline means, where there is one.
fn voids<'a>(mut cells: impl Iterator<Item = &'a Cell>) -> &'static str {
    if cells.any(|cell| !cell.is_sound()) {
        "; outlined points are void (see the table of cells)"
    } else {
        ""
    }
}

/// What is drawn of latencies, as values.
fn latencies(id: &str, title: &str, lines: &[Series<'_>]) -> Sheet {
    let header = [
        "system",
        "replicas",
        "min_isr",
        "k",
        "slow_replicas",
        "load",
        "ops_per_s",
        "p50_ms",
        "p50_low",
        "p50_high",
        "p50_predicted",
        "p99_ms",
        "p99_low",
        "p99_high",
        "p99_predicted",
    ];
    let mut sheet = Sheet::new(id, title, &header);
    let count = |count: Option<usize>| count.map_or_else(String::new, |count| count.to_string());
    for cell in lines.iter().flat_map(|line| &line.cells) {
        let Some(figures) = &cell.figures else { continue };
        let mut row = vec![
            cell.system.to_string(),
            cell.replicas.to_string(),
            count(cell.min_isr),
            count(cell.k),
            cell.slow_replicas.to_string(),
            cell.load.to_string(),
            figures.ops_per_s.to_string(),
        ];
        for percentile in Percentile::BOTH {
            let (value, interval) = percentile.of(figures);
            row.push(value.to_string());
            row.push(exact(interval.map(|interval| interval.low)));
            row.push(exact(interval.map(|interval| interval.high)));
            row.push(exact(percentile.predicted(cell)));
        }
        sheet.push(row);
    }
    sheet
}
